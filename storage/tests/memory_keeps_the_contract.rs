//! The contract suite on the store in memory.

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_storage::conformance::Fixture;
use spoor_storage::conformance::records::RecordsFixture;
use spoor_storage::conformance::span_metrics::MetricsFixture;
use spoor_storage::memory::{Config, MemoryStore};
use spoor_storage::{DependencyStore, LeaseLock, MetricsReader, SamplingStore, SpanReader, SpanWriter};

struct Memory(MemoryStore);

#[async_trait]
impl Fixture for Memory {
    fn writer(&self) -> &dyn SpanWriter {
        &self.0
    }

    fn reader(&self) -> &dyn SpanReader {
        &self.0
    }
}

impl RecordsFixture for Memory {
    fn dependencies(&self) -> &dyn DependencyStore {
        &self.0
    }

    fn sampling(&self) -> &dyn SamplingStore {
        &self.0
    }

    fn locks(&self) -> &dyn LeaseLock {
        &self.0
    }

    fn other_locks(&self) -> &dyn LeaseLock {
        &self.0
    }
}

impl MetricsFixture for Memory {
    fn metrics(&self) -> &dyn MetricsReader {
        &self.0
    }
}

async fn fresh() -> Memory {
    Memory(MemoryStore::new(&Config::default(), &mut Registry::default()))
}

spoor_storage::conformance_tests!(fresh);
spoor_storage::record_conformance_tests!(fresh);
spoor_storage::metrics_conformance_tests!(fresh);

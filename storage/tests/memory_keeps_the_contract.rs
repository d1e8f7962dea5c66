//! The contract suite on the store in memory.

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_storage::conformance::Fixture;
use spoor_storage::memory::{Config, MemoryStore};
use spoor_storage::{SpanReader, SpanWriter};

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

async fn fresh() -> Memory {
    Memory(MemoryStore::new(&Config::default(), &mut Registry::default()))
}

spoor_storage::conformance_tests!(fresh);

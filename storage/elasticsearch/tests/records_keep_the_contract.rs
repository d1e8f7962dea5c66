//! The contracts of dependencies, sampling, locks and span metrics, on a real server.

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_storage::conformance::Fixture;
use spoor_storage::conformance::records::RecordsFixture;
use spoor_storage::conformance::span_metrics::MetricsFixture;
use spoor_storage::{DependencyStore, LeaseLock, MetricsReader, SamplingStore, SpanReader, SpanWriter};
use spoor_storage_elasticsearch::{
    ElasticsearchDependencies, ElasticsearchSampling, ElasticsearchSpanMetrics, ElasticsearchStore, Layout,
};
use support::{OwnStore, config};

struct Records {
    own: OwnStore,
    dependencies: ElasticsearchDependencies,
    sampling: Arc<ElasticsearchSampling>,
    metrics: ElasticsearchSpanMetrics,
    /// Another process over the same indices.
    other: Arc<ElasticsearchSampling>,
}

async fn fresh_store() -> Records {
    records_in(Layout::Jaeger)
}

fn records_in(layout: Layout) -> Records {
    let own = OwnStore::open_with(|config| {
        config.layout.layout = layout;
        // Small pages, so that what lies beyond the first one is noticed.
        config.indices.max_doc_count = 7;
    });
    let other = ElasticsearchStore::open(&config(&own.prefix), &mut Registry::default());
    let other = other.expect("the settings can work");
    Records {
        dependencies: own.store.dependencies(),
        sampling: own.store.sampling(),
        metrics: own.store.span_metrics(),
        other: other.sampling(),
        own,
    }
}

#[async_trait]
impl RecordsFixture for Records {
    fn dependencies(&self) -> &dyn DependencyStore {
        &self.dependencies
    }

    fn sampling(&self) -> &dyn SamplingStore {
        &*self.sampling
    }

    fn locks(&self) -> &dyn LeaseLock {
        &*self.sampling
    }

    fn other_locks(&self) -> &dyn LeaseLock {
        &*self.other
    }

    async fn settle(&self) {
        self.own.refresh();
    }
}

#[async_trait]
impl Fixture for Records {
    fn writer(&self) -> &dyn SpanWriter {
        self.own.writer()
    }

    fn reader(&self) -> &dyn SpanReader {
        self.own.reader()
    }

    async fn settle(&self) {
        self.own.refresh();
    }
}

impl MetricsFixture for Records {
    fn metrics(&self) -> &dyn MetricsReader {
        &self.metrics
    }
}

spoor_storage::record_conformance_tests!(fresh_store);
spoor_storage::metrics_conformance_tests!(fresh_store);

mod in_the_compact_layout {
    use super::{Layout, Records, records_in};

    async fn fresh_store() -> Records {
        records_in(Layout::Compact)
    }

    spoor_storage::metrics_conformance_tests!(fresh_store);
}

//! The contract of span metrics, on a real server, from spans in the compact layout.

mod support;

use async_trait::async_trait;
use spoor_storage::conformance::Fixture;
use spoor_storage::conformance::span_metrics::MetricsFixture;
use spoor_storage::{MetricsReader, SpanReader, SpanWriter};
use spoor_storage_elasticsearch::{ElasticsearchSpanMetrics, Layout};
use support::OwnStore;

struct Spans {
    own: OwnStore,
    metrics: ElasticsearchSpanMetrics,
}

async fn fresh_store() -> Spans {
    // Small pages, so that what lies beyond the first one is noticed.
    let own = OwnStore::open_with(|config| {
        config.layout.layout = Layout::Compact;
        config.indices.max_doc_count = 7;
    });
    Spans { metrics: own.store.span_metrics(), own }
}

#[async_trait]
impl Fixture for Spans {
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

impl MetricsFixture for Spans {
    fn metrics(&self) -> &dyn MetricsReader {
        &self.metrics
    }
}

spoor_storage::metrics_conformance_tests!(fresh_store);

//! What the query role asks: a store's doors, as many as there are.

use std::sync::Arc;

use spoor_storage::{DependencyStore, MetricsReader, SpanReader, SpanWriter};

/// The doors behind the query role. What is `None` is answered as not configured, in Jaeger's words.
#[derive(Clone)]
pub struct Stores {
    /// Traces, services, operations.
    pub reader: Arc<dyn SpanReader>,
    /// Traces that are kept longer.
    pub archive: Option<Archive>,
    /// Who calls whom.
    pub dependencies: Option<Arc<dyn DependencyStore>>,
    /// Rates and latencies of services.
    pub span_metrics: Option<Arc<dyn MetricsReader>>,
}

impl Stores {
    /// Traces alone.
    #[must_use]
    pub fn new(reader: Arc<dyn SpanReader>) -> Self {
        Self { reader, archive: None, dependencies: None, span_metrics: None }
    }
}

/// A store for traces that are to be kept: looked into for traces that the first store does not have, written to on request.
#[derive(Clone)]
pub struct Archive {
    /// The way out of it.
    pub reader: Arc<dyn SpanReader>,
    /// The way into it.
    pub writer: Arc<dyn SpanWriter>,
}

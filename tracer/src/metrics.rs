//! What becomes of own spans.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

/// There was no room in the queue.
pub(crate) const QUEUE_FULL: &str = "queue-full";
/// The endpoint did not take them.
pub(crate) const NOT_TAKEN: &str = "not-taken";

/// Counters of own spans; clones count into the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) exported: Counter,
    dropped: Family<ByReason, Counter>,
}

impl Metrics {
    /// Makes them known to the registry.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        for reason in [QUEUE_FULL, NOT_TAKEN] {
            drop(new.dropped.get_or_create(&ByReason { reason }));
        }
        let help = "Spans of this process itself that the endpoint of own traces has taken";
        registry.register("spoor_own_traces_spans_exported", help, new.exported.clone());
        let help =
            "Spans of this process itself that were lost: no room to wait, or not taken by the endpoint";
        registry.register("spoor_own_traces_spans_dropped", help, new.dropped.clone());
        new
    }

    pub(crate) fn dropped(&self, reason: &'static str, spans: usize) {
        self.dropped.get_or_create(&ByReason { reason }).inc_by(spans as u64);
    }
}

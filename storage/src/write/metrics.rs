//! What the retrying writer counts.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::WriteErrorKind;

/// Counters of repeated writes; clones count together.
#[derive(Debug, Clone, Default)]
pub struct RetryMetrics {
    retries: Family<Cause, Counter>,
    retried_spans: Family<Cause, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    cause: CauseName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the variants' names are the label's values")]
enum CauseName {
    busy,
    unavailable,
    deadline_exceeded,
}

impl RetryMetrics {
    /// Puts the counters into the registry.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        registry.register(
            "spoor_storage_write_retries",
            "Writes repeated because the store had not settled all spans, by the cause",
            new.retries.clone(),
        );
        registry.register(
            "spoor_storage_write_retried_spans",
            "Spans written again, by the cause; a span counts each time",
            new.retried_spans.clone(),
        );
        new
    }

    /// A write of so many spans is about to be repeated.
    pub fn count(&self, kind: WriteErrorKind, spans: usize) {
        let cause = match kind {
            WriteErrorKind::Busy => CauseName::busy,
            WriteErrorKind::Unavailable => CauseName::unavailable,
            WriteErrorKind::DeadlineExceeded => CauseName::deadline_exceeded,
        };
        self.retries.get_or_create(&Cause { cause }).inc();
        self.retried_spans.get_or_create(&Cause { cause }).inc_by(spans as u64);
    }
}

//! What the store in memory counts. Stored now = stored ever - evicted; nothing goes uncounted.

use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Registered once when the store is opened.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) traces: Gauge,
    pub(super) spans: Gauge,
    pub(super) bytes: Gauge<i64, AtomicI64>,
    pub(super) evicted_traces: Counter,
    pub(super) evicted_spans: Counter,
    pub(super) evicted_records: Counter,
    pub(super) rejected_spans: Counter,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        registry.register("spoor_memory_traces", "Traces held now", new.traces.clone());
        registry.register("spoor_memory_spans", "Spans held now", new.spans.clone());
        registry.register_with_unit(
            "spoor_memory",
            "Memory held by spans now",
            Unit::Bytes,
            new.bytes.clone(),
        );
        registry.register(
            "spoor_memory_evicted_traces",
            "Traces dropped whole to make room for newer ones",
            new.evicted_traces.clone(),
        );
        registry.register(
            "spoor_memory_evicted_spans",
            "Spans dropped with their traces to make room for newer ones",
            new.evicted_spans.clone(),
        );
        registry.register(
            "spoor_memory_evicted_records",
            "Reports of dependencies and records of sampling dropped to make room for newer ones",
            new.evicted_records.clone(),
        );
        registry.register(
            "spoor_memory_rejected_spans",
            "Spans refused because their trace alone would exceed the bound on bytes",
            new.rejected_spans.clone(),
        );
        new
    }
}

/// A count for a gauge.
pub(super) fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

//! How reading the strategies goes.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What is counted of readings.
#[derive(Debug, Clone, Default)]
pub struct FileMetrics {
    reads: Family<Read, Counter>,
    last_success: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Read {
    result: &'static str,
}

impl FileMetrics {
    /// Makes them known to the registry.
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        for result in ["ok", "err"] {
            drop(new.reads.get_or_create(&Read { result }));
        }
        registry.register(
            "spoor_sampling_strategies_reads",
            "Readings of the sampling strategies from their file or address",
            new.reads.clone(),
        );
        registry.register(
            "spoor_sampling_strategies_last_success_timestamp_seconds",
            "When the sampling strategies were last read, in seconds since 1970",
            new.last_success.clone(),
        );
        new
    }

    pub(super) fn read(&self, is_ok: bool) {
        self.reads.get_or_create(&Read { result: if is_ok { "ok" } else { "err" } }).inc();
        if is_ok {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.last_success.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        }
    }
}

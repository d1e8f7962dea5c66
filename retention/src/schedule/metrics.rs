//! What a process that works by schedule tells beside its last run.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::{Run, RunMetrics};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    action: String,
    prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    action: String,
    prefix: String,
    result: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the label's values")]
enum Outcome {
    ok,
    err,
}

/// Runs of one action on one prefix, and who does them.
#[derive(Debug, Clone)]
pub struct WorkerMetrics {
    of: Of,
    last: RunMetrics,
    runs: Family<ByResult, Counter>,
    leading: Family<Of, Gauge>,
    next: Family<Of, Gauge>,
}

impl WorkerMetrics {
    /// Registers them, with labels of these values.
    pub fn register(registry: &mut Registry, action: &str, prefix: &str) -> Self {
        let metrics = Self {
            of: Of { action: action.to_owned(), prefix: prefix.to_owned() },
            last: RunMetrics::register(registry, action, prefix),
            runs: Family::default(),
            leading: Family::default(),
            next: Family::default(),
        };
        for result in [Outcome::ok, Outcome::err] {
            drop(metrics.runs.get_or_create(&metrics.by(result)));
        }
        metrics.lead(false);
        registry.register("spoor_retention_runs", "Runs that this process has done", metrics.runs.clone());
        let help = "1 where this process does the runs, of those that offer to";
        registry.register("spoor_retention_leading", help, metrics.leading.clone());
        let help = "When the next run is due, in seconds since 1970";
        registry.register("spoor_retention_next_run_timestamp_seconds", help, metrics.next.clone());
        metrics
    }

    fn by(&self, result: Outcome) -> ByResult {
        ByResult { action: self.of.action.clone(), prefix: self.of.prefix.clone(), result }
    }

    pub(super) fn lead(&self, leads: bool) {
        self.leading.get_or_create(&self.of).set(i64::from(leads));
    }

    pub(super) fn due(&self, at: i64) {
        self.next.get_or_create(&self.of).set(at);
    }

    pub(super) fn ran(&self, run: &Run) {
        let result = if run.exit_code == 0 { Outcome::ok } else { Outcome::err };
        self.runs.get_or_create(&self.by(result)).inc();
        self.last.tell(run);
    }
}

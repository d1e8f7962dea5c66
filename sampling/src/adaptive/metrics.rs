//! What adaptive sampling counts: Jaeger v1's names, and ours.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Buckets of a duration in seconds: the Prometheus clients' default, which Jaeger's histograms have.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Registered once.
#[derive(Debug, Clone)]
pub struct AdaptiveMetrics {
    pub(super) operations: Counter,
    pub(super) services: Counter,
    pub(super) uncounted: Counter,
    pub(super) calculated: Gauge,
    pub(super) calculate: Histogram,
    rounds: Family<ByResult, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
}

impl Default for AdaptiveMetrics {
    fn default() -> Self {
        Self {
            operations: Counter::default(),
            services: Counter::default(),
            uncounted: Counter::default(),
            calculated: Gauge::default(),
            calculate: Histogram::new(SECONDS),
            rounds: Family::default(),
        }
    }
}

impl AdaptiveMetrics {
    /// Makes them known to the registry.
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        for result in ["ok", "err"] {
            drop(new.rounds.get_or_create(&ByResult { result }));
        }
        registry.register(
            "spoor_sampling_rounds",
            "Intervals after which traffic was stored and, by the leader, probabilities",
            new.rounds.clone(),
        );
        registry.register(
            "spoor_sampling_uncounted_spans",
            "Root spans that adaptive sampling did not count, because of too many or too long names",
            new.uncounted.clone(),
        );
        let jaegers = registry.sub_registry_with_prefix("jaeger_collector");
        let operations = "Operations of which traffic was stored, added up over intervals";
        jaegers.register("sampling_operations", operations, new.operations.clone());
        let services = "Services of which traffic was stored, added up over intervals";
        jaegers.register("sampling_services", services, new.services.clone());
        let jaegers = jaegers.sub_registry_with_prefix("adaptive_sampling_processor");
        let calculated = "Operations whose probability was calculated in the latest interval";
        jaegers.register("operations_calculated", calculated, new.calculated.clone());
        jaegers.register("calculate_probabilities", "Seconds that a calculation took", new.calculate.clone());
        new
    }

    pub(super) fn round(&self, is_ok: bool) {
        self.rounds.get_or_create(&ByResult { result: if is_ok { "ok" } else { "err" } }).inc();
    }
}

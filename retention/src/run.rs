//! What a run tells of itself to whoever watches: the same figures in a file for node_exporter and on an admin port.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metric by which it is known when the last run went well.
pub const LAST_SUCCESS: &str = "spoor_retention_last_success_timestamp_seconds";

/// What became of the store by a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    /// Indices that are gone.
    pub indices_deleted: u64,
    /// Indices that were looked at and stay.
    pub indices_kept: u64,
    /// Documents that are gone: spans, or what was in the indices by the store's count, which has nested documents in it.
    pub documents_deleted: u64,
    /// Bytes of the indices that are gone, over all copies.
    pub bytes_freed: u64,
}

/// A run that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// When it ended, in seconds of the epoch.
    pub ended: i64,
    /// How long it took.
    pub took: Duration,
    /// With which exit status; 0 is success.
    pub exit_code: u8,
    /// What it did.
    pub effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    action: String,
    prefix: String,
}

type OfRun<N, A> = Family<Of, Gauge<N, A>>;
type Whole = OfRun<i64, std::sync::atomic::AtomicI64>;
type Fraction = OfRun<f64, std::sync::atomic::AtomicU64>;

/// The last run of one action on one prefix, as metrics. Without any run there are none.
#[derive(Debug, Clone)]
pub struct RunMetrics {
    of: Of,
    last_run: Whole,
    last_success: Whole,
    exit_code: Whole,
    took: Fraction,
    indices_deleted: Whole,
    indices_kept: Whole,
    documents_deleted: Whole,
    bytes_freed: Whole,
}

impl RunMetrics {
    /// Registers them, with labels of these values.
    pub fn register(registry: &mut Registry, action: &str, prefix: &str) -> Self {
        let mut whole = |name: &str, help: &str| {
            let family = Whole::default();
            registry.register(format!("spoor_retention_{name}"), help, family.clone());
            family
        };
        let metrics = Self {
            of: Of { action: action.to_owned(), prefix: prefix.to_owned() },
            last_run: whole("last_run_timestamp_seconds", "When the last run ended, in seconds since 1970"),
            last_success: whole(
                "last_success_timestamp_seconds",
                "When the last run ended that went well, in seconds since 1970; 0 when none is known",
            ),
            exit_code: whole("last_exit_code", "Exit status of the last run; 0 is success"),
            took: Fraction::default(),
            indices_deleted: whole("last_indices_deleted", "Indices that the last run deleted"),
            indices_kept: whole("last_indices_kept", "Indices that the last run looked at and kept"),
            documents_deleted: whole(
                "last_documents_deleted",
                "Documents that the last run deleted: spans, or what was in deleted indices, nested documents among them",
            ),
            bytes_freed: whole(
                "last_freed_bytes",
                "Bytes of the indices that the last run deleted, over all copies",
            ),
        };
        let help = "How long the last run took, in seconds";
        registry.register("spoor_retention_last_duration_seconds", help, metrics.took.clone());
        metrics
    }

    /// The last success that an earlier process knew of, in seconds of the epoch; 0 is none.
    pub fn remember_success(&self, at: i64) {
        self.last_success.get_or_create(&self.of).set(at);
    }

    /// Tells of a run.
    pub fn tell(&self, run: &Run) {
        let whole = |family: &Whole, value: u64| {
            family.get_or_create(&self.of).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        let Effect { indices_deleted, indices_kept, documents_deleted, bytes_freed } = run.effect;
        self.last_run.get_or_create(&self.of).set(run.ended);
        whole(&self.exit_code, u64::from(run.exit_code));
        self.took.get_or_create(&self.of).set(run.took.as_secs_f64());
        whole(&self.indices_deleted, indices_deleted);
        whole(&self.indices_kept, indices_kept);
        whole(&self.documents_deleted, documents_deleted);
        whole(&self.bytes_freed, bytes_freed);
        let success = self.last_success.get_or_create(&self.of);
        if run.exit_code == 0 {
            success.set(run.ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).expect("a String takes all");
        text
    }

    #[test]
    fn a_run_that_fails_leaves_the_last_success_as_it_was() {
        let mut registry = Registry::default();
        let metrics = RunMetrics::register(&mut registry, "clean", "prod");
        assert!(!text(&registry).contains("{action"), "without a run nothing is told");
        let run = |ended, exit_code| Run {
            ended,
            took: Duration::from_millis(1_500),
            exit_code,
            effect: Effect { indices_deleted: 2, indices_kept: 5, documents_deleted: 70, bytes_freed: 4_096 },
        };
        metrics.tell(&run(100, 0));
        metrics.tell(&run(200, 75));
        let told = text(&registry);
        for line in [
            "last_run_timestamp_seconds{action=\"clean\",prefix=\"prod\"} 200",
            "last_success_timestamp_seconds{action=\"clean\",prefix=\"prod\"} 100",
            "last_exit_code{action=\"clean\",prefix=\"prod\"} 75",
            "last_duration_seconds{action=\"clean\",prefix=\"prod\"} 1.5",
            "last_indices_deleted{action=\"clean\",prefix=\"prod\"} 2",
            "last_indices_kept{action=\"clean\",prefix=\"prod\"} 5",
            "last_documents_deleted{action=\"clean\",prefix=\"prod\"} 70",
            "last_freed_bytes{action=\"clean\",prefix=\"prod\"} 4096",
        ] {
            assert!(told.contains(&format!("spoor_retention_{line}\n")), "{line}: {told}");
        }
    }

    #[test]
    fn a_success_that_was_known_before_is_told_when_the_run_fails() {
        let mut registry = Registry::default();
        let metrics = RunMetrics::register(&mut registry, "clean", "");
        metrics.remember_success(50);
        let failed = Run { ended: 200, took: Duration::ZERO, exit_code: 1, effect: Effect::default() };
        metrics.tell(&failed);
        assert!(text(&registry).contains(&format!("{LAST_SUCCESS}{{action=\"clean\",prefix=\"\"}} 50\n")));
    }
}

//! What the bulk writer counts: Jaeger v1's names for bulk requests, our own for documents and the queue.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::verdict::Verdict;

/// Seconds; Go's default buckets, which Jaeger has.
const LATENCY_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The label `outcome`.
type DocumentLabels = [(&'static str, &'static str); 1];

/// Counters of the bulk writer.
#[derive(Debug, Clone)]
pub(crate) struct BulkMetrics(Arc<Metrics>);

#[derive(Debug)]
struct Metrics {
    attempts: Counter,
    inserts: Counter,
    errors: Counter,
    latency_ok: Histogram,
    latency_err: Histogram,
    documents: Family<DocumentLabels, Counter>,
    slowdowns: Counter,
    queue_bytes: Gauge,
}

impl BulkMetrics {
    /// Makes the counters and registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Metrics {
            attempts: Counter::default(),
            inserts: Counter::default(),
            errors: Counter::default(),
            latency_ok: Histogram::new(LATENCY_BUCKETS),
            latency_err: Histogram::new(LATENCY_BUCKETS),
            documents: Family::default(),
            slowdowns: Counter::default(),
            queue_bytes: Gauge::default(),
        };
        let Metrics { attempts, inserts, errors, latency_ok, latency_err, documents, slowdowns, queue_bytes } =
            &metrics;
        registry.register("jaeger_bulk_index_attempts", "Bulk requests sent to the store", attempts.clone());
        registry.register(
            "jaeger_bulk_index_inserts",
            "Bulk requests of which every document was stored",
            inserts.clone(),
        );
        registry.register(
            "jaeger_bulk_index_errors",
            "Bulk requests that failed or of which a document was not stored",
            errors.clone(),
        );
        registry.register(
            "jaeger_bulk_index_latency_ok",
            "Seconds until a bulk request of which every document was stored was answered",
            latency_ok.clone(),
        );
        registry.register(
            "jaeger_bulk_index_latency_err",
            "Seconds until a bulk request failed, or was answered with a document not stored",
            latency_err.clone(),
        );
        registry.register(
            "spoor_elasticsearch_bulk_documents",
            "Documents (spans and services) sent in bulk requests, by what became of them",
            documents.clone(),
        );
        registry.register(
            "spoor_elasticsearch_bulk_slowdowns",
            "Bulk requests that were too much for the store (429, or no answer in time), after which it gets less",
            slowdowns.clone(),
        );
        registry.register(
            "spoor_elasticsearch_bulk_queue_bytes",
            "Bytes of documents that wait for a bulk request",
            queue_bytes.clone(),
        );
        Self(Arc::new(metrics))
    }

    /// A bulk came back with verdicts.
    pub(super) fn answered(&self, took: Duration, verdicts: &[Verdict]) {
        let mut rejected = 0;
        let mut unfinished = 0;
        for verdict in verdicts {
            match verdict {
                Verdict::Stored => {}
                Verdict::Rejected(_) => rejected += 1,
                Verdict::Unfinished(_) => unfinished += 1,
            }
        }
        self.count("stored", verdicts.len() as u64 - rejected - unfinished);
        self.count("rejected", rejected);
        self.count("unfinished", unfinished);
        self.request(took, rejected + unfinished == 0);
    }

    /// A bulk of so many items failed as a whole.
    pub(super) fn failed(&self, took: Duration, items: usize) {
        self.count("unfinished", items as u64);
        self.request(took, false);
    }

    /// A bulk was too large for the server: a request that failed, whose documents go on in smaller ones.
    pub(super) fn halved(&self, took: Duration) {
        self.request(took, false);
    }

    /// The store said that it has too much to do.
    pub(super) fn slowed(&self) {
        self.0.slowdowns.inc();
    }

    pub(super) fn set_queue_bytes(&self, bytes: usize) {
        self.0.queue_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn count(&self, outcome: &'static str, documents: u64) {
        self.0.documents.get_or_create(&[("outcome", outcome)]).inc_by(documents);
    }

    fn request(&self, took: Duration, whole: bool) {
        let metrics = &self.0;
        metrics.attempts.inc();
        let (counter, latency) = if whole {
            (&metrics.inserts, &metrics.latency_ok)
        } else {
            (&metrics.errors, &metrics.latency_err)
        };
        counter.inc();
        latency.observe(took.as_secs_f64());
    }
}

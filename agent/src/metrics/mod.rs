//! What the agent counts: exact accounts of its own (`spoor_agent_…`) and Jaeger v1's names (`jaeger_agent_…`).
//!
//! The accounts: at any quiet moment `spans_received = spans_delivered + spans_dropped + spans_waiting + spans_in_flight`, where a spool's
//! spans of an earlier run count as received by `spans_recovered`.

mod connection;
mod otlp;
mod processor;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::datagram::Format;

pub(crate) use connection::ConnectionMetrics;
pub(crate) use otlp::{OtlpMetrics, Transport};
pub(crate) use processor::{PortMetrics, ProcessorMetrics};

/// Why spans are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// Newer ones needed the room.
    BufferFull,
    /// No collector takes them.
    Refused,
    /// The agent had to end.
    Shutdown,
    /// The spool could not be written or read.
    Spool,
    /// No collector stores a span without a trace id or a span id.
    Ids,
}

impl DropReason {
    const ALL: [Self; 5] = [Self::BufferFull, Self::Refused, Self::Shutdown, Self::Spool, Self::Ids];

    fn name(self) -> &'static str {
        match self {
            Self::BufferFull => "buffer-full",
            Self::Refused => "refused",
            Self::Shutdown => "shutdown",
            Self::Spool => "spool-failed",
            Self::Ids => "ids",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// Jaeger's labels of its reporter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reporter {
    format: &'static str,
    protocol: &'static str,
}

/// Registered once; a test makes its own.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    received: Counter,
    recovered: Counter,
    delivered: Counter,
    dropped: Family<Why, Counter>,
    waiting: Gauge,
    in_flight: Gauge,
    retries: Counter,
    bytes_sent: Counter,
    repaired_texts: Counter,
    spool_bytes: Gauge,
    spool_damaged: Counter,
    spool_errors: Counter,
    batches_submitted: Family<Reporter, Counter>,
    batches_failed: Family<Reporter, Counter>,
    spans_submitted: Family<Reporter, Counter>,
    spans_failed: Family<Reporter, Counter>,
    batch_size: Family<Reporter, Gauge>,
}

impl Accounts {
    /// Makes them known.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        for reason in DropReason::ALL {
            drop(new.dropped.get_or_create(&Why { reason: reason.name() }));
        }
        for format in Format::ALL {
            let labels = reporter(format);
            drop(new.batches_submitted.get_or_create(&labels));
            drop(new.batches_failed.get_or_create(&labels));
            drop(new.spans_submitted.get_or_create(&labels));
            drop(new.spans_failed.get_or_create(&labels));
        }
        new.register_own(registry.sub_registry_with_prefix("spoor_agent"));
        new.register_jaegers(registry.sub_registry_with_prefix("jaeger_agent_reporter"));
        new
    }

    fn register_own(&self, registry: &mut Registry) {
        let mut add =
            |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        add("spans_received", "Spans read from datagrams and requests", &self.received);
        add("spans_recovered", "Spans found in the spool at the start", &self.recovered);
        add("spans_delivered", "Spans that a collector has answered with Ok", &self.delivered);
        add("batch_retries", "Attempts to deliver a batch that failed and are repeated", &self.retries);
        add("bytes_sent", "Bytes of batches that collectors have taken", &self.bytes_sent);
        add(
            "repaired_texts",
            "Texts with invalid UTF-8 that were repaired with U+FFFD",
            &self.repaired_texts,
        );
        add("spool_damaged_bytes", "Bytes of the spool that could not be read back", &self.spool_damaged);
        add("spool_errors", "Failures to write to the spool or to read from it", &self.spool_errors);
        registry.register("spans_dropped", "Spans lost, by reason", self.dropped.clone());
        registry.register("spans_waiting", "Spans that wait for a collector", self.waiting.clone());
        registry.register("spans_in_flight", "Spans on their way to a collector", self.in_flight.clone());
        registry.register("spool_bytes", "Bytes of the spool on disk", self.spool_bytes.clone());
    }

    fn register_jaegers(&self, registry: &mut Registry) {
        let mut add = |name: &str, help: &str, family: &Family<Reporter, Counter>| {
            registry.register(name, help, family.clone());
        };
        add("batches_submitted", "Batches that a collector has taken", &self.batches_submitted);
        add("batches_failures", "Batches that were lost, or spans of them", &self.batches_failed);
        add("spans_submitted", "Spans that a collector has taken", &self.spans_submitted);
        add("spans_failures", "Spans that were lost", &self.spans_failed);
        registry.register("batch_size", "Spans of the last batch", self.batch_size.clone());
    }

    pub(crate) fn received(&self, spans: usize, repaired_texts: u32) {
        let spans = spans as u64;
        self.received.inc_by(spans);
        self.repaired_texts.inc_by(u64::from(repaired_texts));
        self.waiting(i64::try_from(spans).unwrap_or(i64::MAX));
    }

    /// Spans wait, or do so no more.
    pub(crate) fn waiting(&self, spans: i64) {
        self.waiting.inc_by(spans);
    }

    /// Spans are under way, or are so no more.
    pub(crate) fn in_flight(&self, spans: i64) {
        self.in_flight.inc_by(spans);
    }

    /// A collector has a batch.
    pub(crate) fn delivered(&self, format: Format, spans: u32, bytes: usize) {
        self.delivered.inc_by(u64::from(spans));
        self.bytes_sent.inc_by(bytes as u64);
        let labels = reporter(format);
        self.batches_submitted.get_or_create(&labels).inc();
        self.spans_submitted.get_or_create(&labels).inc_by(u64::from(spans));
        self.batch_size.get_or_create(&labels).set(i64::from(spans));
    }

    /// No collector takes so many spans of a batch, and one has taken the others. The batch is none that was submitted well.
    pub(crate) fn refused(&self, format: Format, lost: u32, taken: u32) {
        self.lost_many(format, 1, u64::from(lost), DropReason::Refused);
        self.delivered.inc_by(u64::from(taken));
        self.spans_submitted.get_or_create(&reporter(format)).inc_by(u64::from(taken));
    }

    /// Batches are lost.
    pub(crate) fn lost_many(&self, format: Format, batches: u64, spans: u64, reason: DropReason) {
        self.dropped.get_or_create(&Why { reason: reason.name() }).inc_by(spans);
        let labels = reporter(format);
        self.batches_failed.get_or_create(&labels).inc_by(batches);
        self.spans_failed.get_or_create(&labels).inc_by(spans);
    }

    /// Spans that wait have no ids.
    pub(crate) fn without_ids(&self, format: Format, spans: usize) {
        self.waiting(-i64::try_from(spans).unwrap_or(i64::MAX));
        self.lost_many(format, 0, spans as u64, DropReason::Ids);
    }

    /// Spans of an earlier run wait in the spool.
    pub(crate) fn recovered(&self, spans: u64) {
        self.recovered.inc_by(spans);
        self.waiting(i64::try_from(spans).unwrap_or(i64::MAX));
    }

    /// So many bytes are on disk.
    pub(crate) fn spool_bytes(&self, bytes: u64) {
        self.spool_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// So many bytes could not be read back.
    pub(crate) fn spool_damaged(&self, bytes: u64) {
        self.spool_damaged.inc_by(bytes);
    }

    /// The disk has failed.
    pub(crate) fn spool_failed(&self) {
        self.spool_errors.inc();
    }

    /// A batch is tried again.
    pub(crate) fn retried(&self) {
        self.retries.inc();
    }
}

fn reporter(format: Format) -> Reporter {
    Reporter { format: format.name(), protocol: "grpc" }
}

/// What tests look at.
#[cfg(test)]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) received: u64,
    pub(crate) delivered: u64,
    pub(crate) refused: u64,
    pub(crate) dropped_full: u64,
    pub(crate) dropped_shutdown: u64,
    pub(crate) without_ids: u64,
    pub(crate) waiting: i64,
    pub(crate) in_flight: i64,
    pub(crate) retries: u64,
}

#[cfg(test)]
impl Accounts {
    pub(crate) fn counts(&self) -> Counts {
        let dropped = |reason: DropReason| self.dropped.get_or_create(&Why { reason: reason.name() }).get();
        Counts {
            received: self.received.get(),
            delivered: self.delivered.get(),
            refused: dropped(DropReason::Refused),
            dropped_full: dropped(DropReason::BufferFull),
            dropped_shutdown: dropped(DropReason::Shutdown),
            without_ids: dropped(DropReason::Ids),
            waiting: self.waiting.get(),
            in_flight: self.in_flight.get(),
            retries: self.retries.get(),
        }
    }
}

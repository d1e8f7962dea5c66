//! What the ingester counts: exact accounts of its own (`spoor_ingester_…`) and Jaeger v1's names (`jaeger_ingester_…`).
//!
//! The accounts: at any quiet moment `records_read = records_stored + records_quarantined + records_given_back + records_in_flight`. What was
//! given back is read again.

mod partitions;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use spoor_storage::Written;
use spoor_topic::{Fate, Record, TopicReader};

use crate::quarantine::Reason;
use partitions::Partitions;

/// Buckets of a duration in seconds: the Prometheus clients' default, which Jaeger's histograms have.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets of a number of spans or records.
const SIZES: [f64; 10] = [1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0];

/// A partition of a topic, as Jaeger labels it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPartition {
    topic: Arc<str>,
    partition: i32,
}

/// A partition by its number alone, as Jaeger's deadlock detector labels it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Numbered {
    partition: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// Registered once when the ingester is built.
pub(crate) struct Metrics {
    topic: Arc<str>,
    read: Counter,
    stored: Counter,
    quarantined: Counter,
    given_back: Counter,
    in_flight: Gauge,
    reasons: Family<Why, Counter>,
    spans_stored: Counter,
    spans_refused: Counter,
    repaired_texts: Counter,
    batch_records: Histogram,
    batch_spans: Histogram,
    latency: Histogram,
    writes: Gauge,
    messages: Family<OfPartition, Counter>,
    starts: Family<OfPartition, Counter>,
    ends: Family<OfPartition, Counter>,
    retries: Counter,
    /// Zero for ever.
    detected: [Family<Numbered, Counter>; 2],
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry, topic: &str, reader: Arc<dyn TopicReader>) -> Self {
        let new = Self {
            topic: topic.into(),
            read: Counter::default(),
            stored: Counter::default(),
            quarantined: Counter::default(),
            given_back: Counter::default(),
            in_flight: Gauge::default(),
            reasons: Family::default(),
            spans_stored: Counter::default(),
            spans_refused: Counter::default(),
            repaired_texts: Counter::default(),
            batch_records: Histogram::new(SIZES),
            batch_spans: Histogram::new(SIZES),
            latency: Histogram::new(SECONDS),
            writes: Gauge::default(),
            messages: Family::default(),
            starts: Family::default(),
            ends: Family::default(),
            retries: Counter::default(),
            detected: Default::default(),
        };
        // An alert on a reason that has not come up yet must find a zero, not nothing.
        for reason in Reason::ALL {
            drop(new.reasons.get_or_create(&Why { reason: reason.name() }));
        }
        new.register_accounts(registry.sub_registry_with_prefix("spoor_ingester"));
        new.register_jaegers(registry.sub_registry_with_prefix("jaeger_ingester"));
        registry.register_collector(Box::new(Partitions::new(topic, reader)));
        new
    }

    fn register_accounts(&self, registry: &mut Registry) {
        let mut add =
            |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        add("records_read", "Records read from the topic; one that was given back counts again", &self.read);
        add("records_stored", "Records all of whose spans the store has confirmed as durable", &self.stored);
        add("records_quarantined", "Records set aside because they can never be stored", &self.quarantined);
        add(
            "records_given_back",
            "Records whose partition went away before they were stored",
            &self.given_back,
        );
        add("spans_stored", "Spans that the store has confirmed as durable", &self.spans_stored);
        add("spans_refused", "Spans that the store will never take", &self.spans_refused);
        add(
            "repaired_texts",
            "Texts with invalid UTF-8 that were repaired with U+FFFD",
            &self.repaired_texts,
        );
        registry.register("records_in_flight", "Records read whose fate is open", self.in_flight.clone());
        registry.register("quarantined", "Records set aside, by the reason", self.reasons.clone());
        registry.register("batch_records", "Records in a write to the store", self.batch_records.clone());
        registry.register("batch_spans", "Spans in a write to the store", self.batch_spans.clone());
        registry.register("writes_in_flight", "Writes to the store under way", self.writes.clone());
    }

    fn register_jaegers(&self, registry: &mut Registry) {
        registry.register("sarama_consumer_messages", "Records read", self.messages.clone());
        registry.register("sarama_consumer_partition_start", "Partitions taken over", self.starts.clone());
        registry.register("sarama_consumer_partition_close", "Partitions given up", self.ends.clone());
        registry.register(
            "span_processor_latency",
            "Seconds that an attempt to store a batch took",
            self.latency.clone(),
        );
        registry.register(
            "span_processor_retry_attempts",
            "Writes that were tried again because the store had not settled all spans",
            self.retries.clone(),
        );
        let mut never = |name: &str, help: &str| registry.register(name, help, Counter::<u64>::default());
        never(
            "span_processor_retry_exhausted",
            "Writes that were given up; never counts, as they are tried until they succeed",
        );
        never("span_processor_errors", "Records that were lost; never counts");
        let told = [
            ("deadlockdetector_panic_issued", "Processes ended for want of records; never counts"),
            (
                "deadlockdetector_close_signalled",
                "Partitions given up for want of records; never counts, as a quiet one is kept",
            ),
        ];
        for ((name, help), family) in told.into_iter().zip(&self.detected) {
            registry.register(name, help, family.clone());
        }
    }

    pub(crate) fn read(&self, records: &[Record]) {
        self.read.inc_by(records.len() as u64);
        self.in_flight.inc_by(i64::try_from(records.len()).unwrap_or(i64::MAX));
        for run in records.chunk_by(|left, right| partition(left) == partition(right)) {
            let Some(first) = run.first() else { continue };
            self.messages.get_or_create(&self.labels(partition(first))).inc_by(run.len() as u64);
        }
    }

    pub(crate) fn settled(&self, records: usize, fate: Fate) {
        let counter = match fate {
            Fate::Stored => &self.stored,
            Fate::Quarantined => &self.quarantined,
            Fate::GivenBack => &self.given_back,
        };
        counter.inc_by(records as u64);
        self.in_flight.dec_by(i64::try_from(records).unwrap_or(i64::MAX));
    }

    pub(crate) fn quarantined(&self, reasons: &[Reason]) {
        for reason in reasons {
            self.reasons.get_or_create(&Why { reason: reason.name() }).inc();
        }
    }

    /// A batch was read.
    pub(crate) fn loaded(&self, records: usize, spans: usize, repaired: u64) {
        #[expect(clippy::cast_precision_loss, reason = "sizes of batches are small")]
        let (records, of_spans) = (records as f64, spans as f64);
        self.batch_records.observe(records);
        if spans > 0 {
            self.batch_spans.observe(of_spans);
        }
        self.repaired_texts.inc_by(repaired);
    }

    pub(crate) fn spans(&self, written: &Written) {
        self.spans_stored.inc_by(written.stored as u64);
        self.spans_refused.inc_by(written.rejected.len() as u64);
    }

    pub(crate) fn attempt(&self, time: Duration) {
        self.latency.observe(time.as_secs_f64());
    }

    pub(crate) fn retry(&self) {
        self.retries.inc();
    }

    pub(crate) fn writes(&self, under_way: usize) {
        self.writes.set(i64::try_from(under_way).unwrap_or(i64::MAX));
    }

    pub(crate) fn partition_starts(&self, partition: i32) {
        self.starts.get_or_create(&self.labels(partition)).inc();
        // Zeros, not nothing, for whoever asks for their rates.
        drop(self.ends.get_or_create(&self.labels(partition)));
        for never in &self.detected {
            drop(never.get_or_create(&Numbered { partition }));
        }
    }

    pub(crate) fn partition_ends(&self, partition: i32) {
        self.ends.get_or_create(&self.labels(partition)).inc();
    }

    fn labels(&self, partition: i32) -> OfPartition {
        OfPartition { topic: Arc::clone(&self.topic), partition }
    }
}

fn partition(record: &Record) -> i32 {
    record.claim.place.partition
}

//! What the reader knows of its partitions, read when somebody looks.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use spoor_topic::{Commits, PartitionStatus, ReaderStatus, TopicReader};

use super::OfPartition;

pub(super) struct Partitions {
    topic: Arc<str>,
    reader: Arc<dyn TopicReader>,
}

impl Partitions {
    pub(super) fn new(topic: &str, reader: Arc<dyn TopicReader>) -> Self {
        Self { topic: topic.into(), reader }
    }

    /// One gauge, with a value for each partition that has one.
    fn gauges<V: prometheus_client::encoding::EncodeGaugeValue + Clone>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        partitions: &[PartitionStatus],
        value: impl Fn(&PartitionStatus) -> Option<V>,
    ) -> fmt::Result
    where
        ConstGauge<V>: EncodeMetric,
    {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for status in partitions {
            let Some(value) = value(status) else { continue };
            let labels = OfPartition { topic: Arc::clone(&self.topic), partition: status.partition };
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Partitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partitions").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Collector for Partitions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.reader.status();
        self.encode_partitions(&mut encoder, &status.partitions)?;
        self.encode_commits(&mut encoder, &status)?;
        encode_totals(&mut encoder, &status)
    }
}

type Told = (&'static str, &'static str);
type Value = fn(&PartitionStatus) -> Option<i64>;

/// Whole numbers of a partition.
const GAUGES: [(Told, Value); 4] = [
    (
        ("jaeger_ingester_sarama_consumer_current_offset", "The offset behind the latest record read"),
        |status| Some(status.position),
    ),
    (
        (
            "jaeger_ingester_sarama_consumer_offset_lag",
            "Offsets between what is stored and committed and the end of the partition",
        ),
        PartitionStatus::lag,
    ),
    (("jaeger_ingester_last_committed_offset", "Where the group would go on"), |status| status.committed),
    (("spoor_ingester_partition_records_in_flight", "Records read whose fate is open"), |status| {
        i64::try_from(status.in_flight).ok()
    }),
];

impl Partitions {
    fn encode_partitions(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        held: &[PartitionStatus],
    ) -> fmt::Result {
        for (told, value) in GAUGES {
            self.gauges(encoder, told, held, value)?;
        }
        let now = SystemTime::now();
        let age = |status: &PartitionStatus| {
            let oldest = status.oldest_unsettled?;
            Some(now.duration_since(oldest).unwrap_or_default().as_secs_f64())
        };
        let told = (
            "spoor_ingester_oldest_unstored_record_age_seconds",
            "How long ago the oldest record was written that is read and not stored",
        );
        self.gauges(encoder, told, held, age)
    }
}

type Count = fn(&Commits) -> u64;

/// What is counted of a partition's commits: name, help and number.
const COMMITS: [(&str, &str, Count); 2] = [
    ("jaeger_ingester_offset_commits", "Commits of the partition's offset that succeeded", |commits| {
        commits.succeeded
    }),
    (
        "jaeger_ingester_sarama_consumer_errors",
        "Commits of the partition's offset that failed; a later one makes up for it",
        |commits| commits.failed,
    ),
];

impl Partitions {
    fn encode_commits(&self, encoder: &mut DescriptorEncoder<'_>, status: &ReaderStatus) -> fmt::Result {
        for (name, help, count) in COMMITS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (&partition, commits) in &status.commits {
                let labels = OfPartition { topic: Arc::clone(&self.topic), partition };
                ConstCounter::new(count(commits)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn encode_totals(encoder: &mut DescriptorEncoder<'_>, status: &ReaderStatus) -> fmt::Result {
    let held = &status.partitions;
    let bytes: usize = held.iter().map(|status| status.in_flight_bytes).sum();
    for (name, help, value) in [
        ("jaeger_ingester_sarama_consumer_partitions_held", "Partitions held now", held.len()),
        ("spoor_ingester_record_bytes_in_flight", "Bytes of records read whose fate is open", bytes),
    ] {
        let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
    }
    for (name, help, value) in [
        (
            "spoor_ingester_late_settlings",
            "Records settled after their partition had gone; they are read again",
            status.late_settlings,
        ),
        (
            "spoor_ingester_skipped_offsets",
            "Offsets that the topic no longer had when they were to be read",
            status.skipped_offsets,
        ),
        (
            "spoor_ingester_stalled_partitions",
            "Times a partition brought nothing although it had records, and was taken anew",
            status.stalls,
        ),
        (
            "spoor_ingester_group_renewals",
            "Times the group was left and joined anew, as the client library kept us out of it",
            status.renewals,
        ),
    ] {
        let counter = ConstCounter::new(value);
        counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
    }
    Ok(())
}

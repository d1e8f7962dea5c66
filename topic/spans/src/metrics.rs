//! What is counted of spans on their way into a topic.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Counters of a [`crate::SpanTopicWriter`].
#[derive(Debug, Clone, Default)]
pub struct TopicMetrics {
    spans: Family<Status, Counter>,
    records: Counter,
    bytes: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: &'static str,
}

impl TopicMetrics {
    /// Registers them. `jaeger_kafka_spans_written_total` is Jaeger v1's name (`plugin/storage/kafka/writer.go`).
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "jaeger_kafka_spans_written",
            "Spans written to the topic, each attempt by itself: success when the brokers have confirmed the record, failure otherwise",
            metrics.spans.clone(),
        );
        registry.register(
            "spoor_topic_records_written",
            "Records that the brokers have confirmed",
            metrics.records.clone(),
        );
        registry.register(
            "spoor_topic_payload_bytes_written",
            "Bytes of keys and payloads of these records, before compression",
            metrics.bytes.clone(),
        );
        metrics
    }

    pub(crate) fn confirmed(&self, records: usize, bytes: usize) {
        self.records.inc_by(records as u64);
        self.bytes.inc_by(bytes as u64);
    }

    pub(crate) fn spans(&self, stored: usize, failed: usize) {
        for (status, count) in [("success", stored), ("failure", failed)] {
            self.spans.get_or_create(&Status { status }).inc_by(count as u64);
        }
    }
}

//! Claims about spans on their way into a topic, held by the topic in memory.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::{SpanBatch, TraceId, UnixNanos, ValueView};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::record::{Encoding, RecordsDecoder};
use spoor_storage::conformance::{Sample, batch_of};
use spoor_storage::{RequestContext, SpanWriter, WriteErrorKind};
use spoor_topic::memory::{Membership, MemoryTopic};
use spoor_topic::{
    Confirmed, Event, OutgoingRecord, Record, RecordError, TopicReader, TopicWriter, Unreachable,
    partition_of_key,
};
use spoor_topic_spans::{SpanTopicWriter, TopicMetrics};

const WRITABLE: [Encoding; 4] = [Encoding::Protobuf, Encoding::Json, Encoding::OtlpProto, Encoding::OtlpJson];

fn generated(spans: u64) -> SpanBatch {
    let config = GenerateConfig::default().with_spans(spans);
    let mut requests = Requests::new(&config, UnixNanos(1_787_227_200_000_000_000), Protocol::OtlpGrpc);
    decode_export_request(requests.next().expect("one request").body)
        .expect("the generator's requests are valid")
}

fn writer(topic: &MemoryTopic, encoding: Encoding) -> SpanTopicWriter<MemoryTopic> {
    SpanTopicWriter::new(topic.clone(), encoding, TopicMetrics::default())
        .expect("an encoding that can be written")
}

fn soon() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(20))
}

async fn records(topic: &MemoryTopic, count: usize) -> Vec<Record> {
    let reader = topic.reader(Membership::of("claims"));
    let mut all = Vec::new();
    while all.len() < count {
        if let Some(Event::Records(records)) = reader.next().await.expect("memory can be read") {
            all.extend(records);
        }
    }
    all
}

fn ids(batch: &SpanBatch) -> BTreeSet<(u128, u64)> {
    batch.spans().map(|span| (span.trace_id().0, span.span_id().0)).collect()
}

#[tokio::test]
async fn every_encoding_brings_all_spans_to_the_partitions_of_their_traces() {
    let batch = generated(512);
    for encoding in WRITABLE {
        let topic = MemoryTopic::new(5);
        let written = writer(&topic, encoding).write(&soon(), &batch).await.expect("the topic is there");
        assert_eq!((written.stored, written.rejected.len()), (batch.len(), 0), "{encoding}");
        let traces = batch.spans().map(|span| span.trace_id()).collect::<BTreeSet<_>>().len();
        let one_each = matches!(encoding, Encoding::Protobuf | Encoding::Json);
        let records = records(&topic, if one_each { batch.len() } else { traces }).await;
        let mut decoder = RecordsDecoder::new(Some(encoding));
        for record in &records {
            let key = record.key.as_deref().expect("the trace's id");
            assert_eq!(record.claim.place.partition, partition_of_key(key, 5), "{encoding}");
            decoder.push(record.payload.as_deref().expect("spans"));
        }
        let decoded = decoder.finish().expect("few records");
        assert!(decoded.records.iter().all(Result::is_ok), "{encoding}");
        assert_eq!(ids(&decoded.batch), ids(&batch), "{encoding}");
    }
}

#[tokio::test]
async fn a_span_over_the_limit_is_refused_by_name_and_the_others_are_stored() {
    let huge = "x".repeat(30_000);
    let span = |id: u64, text| {
        Sample::new(TraceId(7), id, UnixNanos(1_787_227_200_000_000_000)).with("tag", ValueView::Str(text))
    };
    let batch = batch_of(&[span(1, "y"), span(2, &huge), span(3, "z")]);
    for encoding in WRITABLE {
        let topic = MemoryTopic::with_record_limit(1, 20_000);
        let written = writer(&topic, encoding).write(&soon(), &batch).await.expect("the topic is there");
        assert_eq!(written.stored, 2, "{encoding}");
        let [refused] = &written.rejected[..] else { panic!("{encoding}: {:?}", written.rejected) };
        assert_eq!((refused.index, refused.span_id.0), (1, 2), "{encoding}");
        assert!(
            refused.reason.contains("20000") && refused.reason.contains("max-message-bytes"),
            "{}",
            refused.reason
        );
    }
}

/// A topic whose own limit is lower than it told.
struct Stricter {
    topic: MemoryTopic,
    limit: usize,
}

#[async_trait]
impl TopicWriter for Stricter {
    async fn write(
        &self,
        records: &[OutgoingRecord],
        deadline: Instant,
    ) -> Vec<Result<Confirmed, RecordError>> {
        let mut answers = Vec::new();
        for record in records {
            let size = record.size();
            if size > self.limit {
                answers.push(Err(RecordError::TooLarge { size, limit: size - 1 }));
            } else {
                answers.extend(self.topic.write(std::slice::from_ref(record), deadline).await);
            }
        }
        answers
    }

    fn max_record_bytes(&self) -> usize {
        self.topic.max_record_bytes()
    }

    fn reachable(&self) -> Result<(), Unreachable> {
        self.topic.reachable()
    }
}

/// Only a span that alone is too large is refused, and that is told in words that help.
#[tokio::test]
async fn a_topic_that_takes_less_than_it_says_gets_its_records_divided_and_loses_no_span_that_fits() {
    let (small, large, huge) = ("x".repeat(700), "y".repeat(4_000), "z".repeat(9_000));
    let samples: Vec<Sample<'_>> = (1..=40)
        .map(|id| {
            let text = [&small, &large, &huge][usize::from(id == 5) + 2 * usize::from(id == 10)];
            let start = UnixNanos(1_787_227_200_000_000_000);
            Sample::new(TraceId(7), id, start).with("tag", ValueView::Str(text))
        })
        .collect();
    let batch = batch_of(&samples);
    for encoding in WRITABLE {
        let topic = MemoryTopic::new(1);
        let strict = Stricter { topic: topic.clone(), limit: 6_000 };
        let writer =
            SpanTopicWriter::new(strict, encoding, TopicMetrics::default()).expect("it can be written");
        let (mut stored, mut rejected, mut open) = (0, Vec::new(), batch.clone());
        for attempt in 0.. {
            assert!(attempt < 12, "{encoding}: {} spans are still open", open.len());
            match writer.write(&soon(), &open).await {
                Ok(written) => {
                    stored += written.stored;
                    rejected.extend(written.rejected);
                    break;
                }
                Err(error) => {
                    stored += error.settled.stored;
                    rejected.extend(error.settled.rejected);
                    open = open.select(error.unfinished);
                }
            }
        }
        assert_eq!(stored, 39, "{encoding}");
        let [refused] = &rejected[..] else { panic!("{encoding}: {rejected:?}") };
        assert_eq!(refused.span_id.0, 10, "{encoding}");
        assert!(refused.reason.contains("max.message.bytes"), "{}", refused.reason);
    }
}

#[tokio::test]
async fn a_topic_that_is_away_leaves_all_spans_unfinished_and_says_when_to_come_back() {
    let topic = MemoryTopic::new(2);
    let batch = generated(64);
    topic.go_down("the broker stands still");
    let writer = writer(&topic, Encoding::OtlpProto);
    let error = writer.write(&soon(), &batch).await.expect_err("nobody is there");
    assert_eq!(error.kind, WriteErrorKind::Unavailable);
    assert_eq!(error.unfinished, (0..batch.len()).collect::<Vec<_>>());
    assert!(error.retry_after.is_some() && error.to_string().contains("stands still"), "{error}");
    assert!(writer.topic().reachable().is_err());
    topic.come_back();
    assert_eq!(writer.write(&soon(), &batch).await.expect("it is back").stored, batch.len());
}

#[tokio::test]
async fn what_is_confirmed_and_what_is_not_is_counted_under_jaegers_name() {
    let mut registry = Registry::default();
    let metrics = TopicMetrics::register(&mut registry);
    let topic = MemoryTopic::new(1);
    let writer =
        SpanTopicWriter::new(topic.clone(), Encoding::Protobuf, metrics).expect("protobuf can be written");
    let batch = generated(32);
    writer.write(&soon(), &batch).await.expect("the topic is there");
    topic.go_down("away");
    writer.write(&soon(), &batch).await.expect_err("the topic is away");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("metrics are text");
    assert!(text.contains(r#"jaeger_kafka_spans_written_total{status="success"} 32"#), "{text}");
    assert!(text.contains(r#"jaeger_kafka_spans_written_total{status="failure"} 32"#), "{text}");
    assert!(text.contains("spoor_topic_records_written_total 32"), "{text}");
}

#[test]
fn zipkins_encoding_is_for_reading_only() {
    let error = SpanTopicWriter::new(MemoryTopic::new(1), Encoding::ZipkinThrift, TopicMetrics::default())
        .err()
        .expect("Jaeger has no writer of it either")
        .to_string();
    assert!(error.contains("otlp_proto"), "{error}");
}

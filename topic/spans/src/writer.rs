//! [`SpanTopicWriter`]: the store's door in, with a topic behind it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use spoor_model::SpanBatch;
use spoor_proto::record::{
    EncodedRecord, EncodedRecords, Encoding, ReadOnlyEncoding, RecordEncoder, TooLargeSpan,
};
use spoor_storage::{Rejection, RequestContext, SpanWriter, WriteError, WriteErrorKind, Written};
use spoor_topic::{Confirmed, OutgoingRecord, RecordError, TopicWriter};
use spoor_tracer::{KeyValue, OwnSpan, SpanKind};

use crate::TopicMetrics;

/// Writes spans as records of a topic. A span is stored when the topic has confirmed the record that holds it.
///
/// Unlike a store, a topic keeps what is written twice: a span whose record was not confirmed in time may lie in it already when it
/// is written again. Whoever reads the topic stores it once, by its content.
///
/// A topic that takes less than it says divides records of several spans further, from the first that it refuses on.
pub struct SpanTopicWriter<W> {
    topic: W,
    encoder: RecordEncoder,
    /// The most bytes of a record of several spans, as far as refusals have told.
    together_bytes: AtomicUsize,
    metrics: TopicMetrics,
    name: String,
}

impl<W: TopicWriter> SpanTopicWriter<W> {
    /// Records of this encoding, no larger than the topic takes.
    ///
    /// # Errors
    /// For the encoding that can only be read.
    pub fn new(topic: W, encoding: Encoding, metrics: TopicMetrics) -> Result<Self, ReadOnlyEncoding> {
        // What a record takes beside key and payload.
        let around = OutgoingRecord::default().size();
        let encoder = RecordEncoder::new(encoding, topic.max_record_bytes().saturating_sub(around))?;
        let together_bytes = AtomicUsize::new(encoder.max_record_bytes());
        Ok(Self { topic, encoder, together_bytes, metrics, name: "spans".to_owned() })
    }

    /// Under this name the topic stands in own traces.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// By OpenTelemetry's semantic conventions for messages.
    fn own_span(&self, context: &RequestContext, records: usize) -> OwnSpan {
        if !context.own_span.is_recorded() {
            return OwnSpan::default();
        }
        context.own_span.child(SpanKind::Producer, format!("send {}", self.name), || {
            vec![
                KeyValue::new("messaging.system", "kafka"),
                KeyValue::new("messaging.operation.name", "send"),
                KeyValue::new("messaging.operation.type", "send"),
                KeyValue::new("messaging.destination.name", self.name.clone()),
                KeyValue::new("messaging.batch.message_count", i64::try_from(records).unwrap_or(i64::MAX)),
            ]
        })
    }

    /// The topic behind it.
    pub fn topic(&self) -> &W {
        &self.topic
    }

    fn too_large(&self, batch: &SpanBatch, span: &TooLargeSpan) -> Rejection {
        let around = OutgoingRecord::default().size();
        let reason = format!(
            "the span takes {} bytes as a record of the topic, over the limit of {} (--kafka.producer.max-message-bytes, and the topic's own max.message.bytes)",
            span.bytes + around,
            self.topic.max_record_bytes(),
        );
        rejection(batch, span.span, reason)
    }

    /// The topic refuses a record that we took to be small enough. Of one span it is refused for good; of several it is divided when
    /// it is written again.
    fn refused_as_too_large(&self, record: &EncodedRecord, spans: usize, size: usize) -> RecordError {
        if spans > 1 {
            let half = (record.key.len() + record.value.len()) / 2;
            self.together_bytes.fetch_min(half, Ordering::Relaxed);
            let reason =
                format!("it refuses a record of {spans} spans and {size} bytes, which is divided").into();
            return RecordError::Unavailable { reason, retry_after: Duration::ZERO };
        }
        let limit = self.topic.max_record_bytes();
        let reason = format!(
            "the span takes {size} bytes as a record of the topic, whose max.message.bytes is lower: raise it, or lower \
             --kafka.producer.max-message-bytes={limit} to it"
        );
        RecordError::Refused { reason: reason.into() }
    }
}

fn rejection(batch: &SpanBatch, index: usize, reason: String) -> Rejection {
    let (trace_id, span_id) =
        batch.span(index).map(|span| (span.trace_id(), span.span_id())).unwrap_or_default();
    Rejection { index, trace_id, span_id, reason }
}

#[async_trait]
impl<W: TopicWriter> SpanWriter for SpanTopicWriter<W> {
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        let encoded = self.encoder.encode_dividing(batch, self.together_bytes.load(Ordering::Relaxed));
        let records: Vec<OutgoingRecord> = encoded.records.iter().map(outgoing).collect();
        let span = self.own_span(context, records.len());
        let answers = self.topic.write(&records, context.deadline).await;
        if answers.iter().any(Result::is_err) {
            span.fail("unconfirmed", "the brokers have not confirmed every record");
        }
        span.end();
        let mut outcome = Outcome::default();
        outcome.written.rejected = encoded.too_large.iter().map(|span| self.too_large(batch, span)).collect();
        let (mut confirmed, mut bytes) = (0, 0);
        for (record, answer) in encoded.records.iter().zip(answers) {
            if answer.is_ok() {
                confirmed += 1;
                bytes += record.key.len() + record.value.len();
            }
            let answer = answer.map_err(|error| match error {
                RecordError::TooLarge { size, .. } => {
                    self.refused_as_too_large(record, encoded.spans_of(record).len(), size)
                }
                other => other,
            });
            outcome.add(batch, &encoded, record, answer);
        }
        self.metrics.confirmed(confirmed, bytes);
        self.metrics.spans(outcome.written.stored, batch.len() - outcome.written.stored);
        outcome.finish(batch.len())
    }
}

fn outgoing(record: &EncodedRecord) -> OutgoingRecord {
    OutgoingRecord { key: Some(record.key.clone()), payload: Some(record.value.clone()), headers: Vec::new() }
}

/// What became of a batch so far.
#[derive(Default)]
struct Outcome {
    written: Written,
    unfinished: Vec<usize>,
    /// The worst of what left spans unfinished.
    error: Option<RecordError>,
}

impl Outcome {
    fn add(
        &mut self,
        batch: &SpanBatch,
        encoded: &EncodedRecords,
        record: &EncodedRecord,
        answer: Result<Confirmed, RecordError>,
    ) {
        let spans = encoded.spans_of(record);
        match answer {
            Ok(_) => self.written.stored += spans.len(),
            Err(error) if error.is_final() => {
                let reason = error.to_string();
                self.written.rejected.extend(spans.map(|index| rejection(batch, index, reason.clone())));
            }
            Err(error) => {
                self.unfinished.extend(spans);
                if self.error.as_ref().is_none_or(|worst| severity(worst) < severity(&error)) {
                    self.error = Some(error);
                }
            }
        }
    }

    fn finish(mut self, attempted: usize) -> Result<Written, WriteError> {
        self.written.rejected.sort_unstable_by_key(|rejection| rejection.index);
        let Some(error) = self.error else { return Ok(self.written) };
        self.unfinished.sort_unstable();
        let (kind, retry_after) = match &error {
            RecordError::Busy { retry_after, .. } => (WriteErrorKind::Busy, Some(*retry_after)),
            RecordError::Unavailable { retry_after, .. } | RecordError::NoTopic { retry_after, .. } => {
                (WriteErrorKind::Unavailable, Some(*retry_after))
            }
            RecordError::DeadlineExceeded | RecordError::TooLarge { .. } | RecordError::Refused { .. } => {
                (WriteErrorKind::DeadlineExceeded, None)
            }
        };
        Err(WriteError {
            kind,
            attempted,
            settled: self.written,
            unfinished: self.unfinished,
            retry_after,
            source: Box::new(error),
        })
    }
}

/// A topic that is away says more than one that is full, and that more than a time that was up.
fn severity(error: &RecordError) -> u8 {
    match error {
        RecordError::Unavailable { .. } | RecordError::NoTopic { .. } => 3,
        RecordError::Busy { .. } => 2,
        RecordError::DeadlineExceeded => 1,
        RecordError::TooLarge { .. } | RecordError::Refused { .. } => 0,
    }
}

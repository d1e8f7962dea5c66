//! A span as Jaeger shows it, in a form that can be compared: what every store must give back.

use futures::TryStreamExt;
use spoor_model::jaeger::{ErrorTags, leading_tags, references, trailing_tags, warnings};
use spoor_model::{AttributesView, EventView, SpanBatch, SpanId, SpanView, TraceId, UnixNanos, jaeger};

use crate::{ReadError, SpanStream};

/// A tag: key and text of the value.
pub type Tag = (String, String);

/// What Jaeger shows of a span. Tags and fields are sorted: their order is a store's own affair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// When it began, µs since the epoch.
    pub start_micros: u64,
    /// Its id.
    pub span_id: SpanId,
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// How long it took, µs.
    pub duration_micros: u128,
    /// Its references: kind, trace, span; the parent first.
    pub references: Vec<(&'static str, TraceId, SpanId)>,
    /// Its tags, those that stand for its fields included, warnings excluded.
    pub tags: Vec<Tag>,
    /// Tags of its process.
    pub process: Vec<Tag>,
    /// Its logs: µs since the epoch, and fields.
    pub logs: Vec<(u64, Vec<Tag>)>,
    /// Its warnings.
    pub warnings: Vec<String>,
}

/// A trace as a reader gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownTrace {
    /// The trace.
    pub trace_id: TraceId,
    /// Its spans in the order they came.
    pub spans: Vec<Shown>,
}

impl From<SpanView<'_>> for Shown {
    fn from(span: SpanView<'_>) -> Self {
        let mut tags = sorted(span.attributes());
        tags.retain(|(key, _)| key != jaeger::WARNINGS);
        let derived = leading_tags(span).chain(trailing_tags(span, ErrorTags::StatusAndError));
        tags.extend(derived.map(|(key, value)| (key.to_owned(), value.to_text())));
        tags.sort();
        Self {
            start_micros: span.start().micros(),
            span_id: span.span_id(),
            service: span.service().to_owned(),
            operation: span.name().to_owned(),
            duration_micros: span.duration().as_micros(),
            references: references(span)
                .map(|reference| (reference.kind_name(), reference.trace_id, reference.span_id))
                .collect(),
            tags,
            process: sorted(span.resource().attributes()),
            logs: span.events().map(log).collect(),
            warnings: warnings(span).into_iter().map(str::to_owned).collect(),
        }
    }
}

/// An event's name is the field `event`, unless it has such an attribute.
fn log(event: EventView<'_>) -> (u64, Vec<Tag>) {
    let mut fields = sorted(event.attributes());
    if !event.name().is_empty() && event.attributes().get(jaeger::EVENT).is_none() {
        fields.push((jaeger::EVENT.to_owned(), event.name().to_owned()));
        fields.sort();
    }
    (event.time().micros(), fields)
}

fn sorted(attributes: AttributesView<'_>) -> Vec<Tag> {
    let mut tags: Vec<Tag> = attributes
        .iter()
        .map(|attribute| (attribute.key().to_owned(), attribute.value().to_text()))
        .collect();
    tags.sort();
    tags
}

/// The spans of a batch, sorted, to compare with what a store gives back.
#[must_use]
pub fn shown(batch: &SpanBatch) -> Vec<Shown> {
    let mut spans: Vec<Shown> = batch.spans().map(Shown::from).collect();
    spans.sort();
    spans
}

/// Reads a stream to its end, demanding its shape: items not empty, each of one trace, no trace interrupted by another,
/// spans in the order of their start times.
///
/// # Errors
/// Those of the stream.
///
/// # Panics
/// When the stream breaks the contract.
pub async fn collect(mut stream: SpanStream<'_>) -> Result<Vec<ShownTrace>, ReadError> {
    let mut traces: Vec<ShownTrace> = Vec::new();
    let mut last_start = UnixNanos::ZERO;
    while let Some(batch) = stream.try_next().await? {
        let first = batch.span(0).expect("an item holds at least one span").trace_id();
        assert!(batch.spans().all(|span| span.trace_id() == first), "an item holds spans of one trace");
        if traces.last().is_none_or(|trace| trace.trace_id != first) {
            assert!(traces.iter().all(|trace| trace.trace_id != first), "trace {first} is interrupted");
            traces.push(ShownTrace { trace_id: first, spans: Vec::new() });
            last_start = UnixNanos::ZERO;
        }
        for span in batch.spans() {
            assert!(
                span.start() >= last_start,
                "the spans of {first} come in the order of their start times"
            );
            last_start = span.start();
        }
        if let Some(trace) = traces.last_mut() {
            trace.spans.extend(batch.spans().map(Shown::from));
        }
    }
    Ok(traces)
}

//! The same documents and action lines as serde structs, the ordinary way to write them.

use serde::Serialize;
use spoor_model::jaeger::{EVENT, ErrorTags, leading_tags, references, trailing_tags};
use spoor_model::{AttributesView, SpanBatch, SpanKind, SpanView, StatusCode, ValueView};
use time::OffsetDateTime;
use xxhash_rust::xxh3::xxh3_64;

#[derive(Serialize)]
struct Action<'a> {
    index: ActionTarget<'a>,
}

#[derive(Serialize)]
struct ActionTarget<'a> {
    #[serde(rename = "_index")]
    index: &'a str,
    #[serde(rename = "_id")]
    id: &'a str,
}

/// A span's document, with what its action line needs.
pub(crate) struct Document<'a> {
    index: String,
    span: Span<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    #[serde(rename = "parentSpanID", skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    flags: u32,
    operation_name: &'a str,
    references: Vec<Reference>,
    start_time: u64,
    start_time_millis: u64,
    duration: u64,
    tags: Vec<Tag<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Fields<'a>>,
    logs: Vec<Log<'a>>,
    process: Process<'a>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Serialize)]
struct Tag<'a> {
    key: &'a str,
    r#type: &'static str,
    value: Native<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Native<'a> {
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    Owned(String),
}

#[derive(Serialize)]
struct Fields<'a> {
    #[serde(rename = "span@kind", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<bool>,
}

#[derive(Serialize)]
struct Log<'a> {
    timestamp: u64,
    fields: Vec<Tag<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Process<'a> {
    service_name: &'a str,
    tags: Vec<Tag<'a>>,
}

/// The documents of a batch.
pub(crate) fn build(batch: &SpanBatch) -> Vec<Document<'_>> {
    batch.spans().map(|span| Document { index: index_of(span), span: document(span) }).collect()
}

/// Writes action lines and documents.
pub(crate) fn write_body(body: &mut Vec<u8>, documents: &[Document<'_>]) {
    let mut text = Vec::new();
    for document in documents {
        text.clear();
        serde_json::to_writer(&mut text, &document.span).expect("it writes into memory");
        let id = format!("{}_{}_{:016x}", document.span.trace_id, document.span.span_id, xxh3_64(&text));
        let action = Action { index: ActionTarget { index: &document.index, id: &id } };
        serde_json::to_writer(&mut *body, &action).expect("it writes into memory");
        body.push(b'\n');
        body.extend_from_slice(&text);
        body.push(b'\n');
    }
}

fn index_of(span: SpanView<'_>) -> String {
    let seconds = i64::try_from(span.start().millis() / 1_000).expect("below the year 2554");
    let day = OffsetDateTime::from_unix_timestamp(seconds).expect("below the year 2554").date();
    format!("jaeger-span-{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

fn document(span: SpanView<'_>) -> Span<'_> {
    let mut all: Vec<Tag<'_>> = leading_tags(span).map(|(key, value)| tag(key, value)).collect();
    all.extend(tags(span.attributes()));
    let derived = trailing_tags(span, ErrorTags::ErrorOnly);
    all.extend(
        derived.filter(|(key, _)| !matches!(*key, "span.kind" | "error")).map(|(key, value)| tag(key, value)),
    );
    let kind = (span.kind() != SpanKind::Unspecified).then(|| span.kind().name());
    let error = (span.status() == StatusCode::Error).then_some(true);
    Span {
        trace_id: span.trace_id().to_string(),
        span_id: span.span_id().to_string(),
        parent_span_id: (!span.parent_span_id().is_none()).then(|| span.parent_span_id().to_string()),
        flags: span.row().stored_flags(),
        operation_name: span.name(),
        references: references(span)
            .map(|reference| Reference {
                ref_type: reference.kind_name(),
                trace_id: reference.trace_id.to_string(),
                span_id: reference.span_id.to_string(),
            })
            .collect(),
        start_time: span.start().micros(),
        start_time_millis: span.start().millis(),
        duration: u64::try_from(span.duration().as_micros()).expect("below 584 years"),
        tags: all,
        tag: (kind.is_some() || error.is_some()).then_some(Fields { kind, error }),
        logs: logs(span),
        process: Process { service_name: span.service(), tags: tags(span.resource().attributes()).collect() },
    }
}

fn logs(span: SpanView<'_>) -> Vec<Log<'_>> {
    span.events()
        .map(|event| {
            let name = (!event.name().is_empty()).then(|| tag(EVENT, ValueView::Str(event.name())));
            let fields = name.into_iter().chain(tags(event.attributes())).collect();
            Log { timestamp: event.time().micros(), fields }
        })
        .collect()
}

fn tags(attributes: AttributesView<'_>) -> impl Iterator<Item = Tag<'_>> {
    attributes.iter().map(|attribute| tag(attribute.key(), attribute.value()))
}

fn tag<'a>(key: &'a str, value: ValueView<'a>) -> Tag<'a> {
    let (kind, value) = match value {
        ValueView::Str(text) => ("string", Native::Text(text)),
        ValueView::Bool(truth) => ("bool", Native::Bool(truth)),
        ValueView::Int(number) => ("int64", Native::Int(number)),
        // As Jaeger spells them.
        ValueView::Double(number) if number == number.trunc() && number.abs() < 1e15 => {
            ("float64", Native::Int(number.to_string().parse().expect("a whole number")))
        }
        ValueView::Double(number) => ("float64", Native::Double(number)),
        ValueView::Bytes(bytes) => {
            ("binary", Native::Owned(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
        }
        other => ("string", Native::Owned(other.to_text())),
    };
    Tag { key, r#type: kind, value }
}

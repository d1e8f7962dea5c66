//! Spans as OpenTelemetry's exporters write them for Zipkin's v2: attributes of span, resource and scope are tags, all of them texts.

use spoor_model::{SpanBatch, SpanKind, SpanView, ValueView};
use spoor_proto::wire::Writer;

/// A request in JSON.
pub(crate) fn json(batch: &SpanBatch) -> Vec<u8> {
    let spans: Vec<serde_json::Value> = batch.spans().map(json_span).collect();
    serde_json::to_vec(&spans).expect("texts and numbers")
}

fn json_span(span: SpanView<'_>) -> serde_json::Value {
    let tags: serde_json::Map<_, _> =
        tags(span).into_iter().map(|(key, value)| (key, value.into())).collect();
    let annotations: Vec<_> = span
        .events()
        .map(|event| serde_json::json!({"timestamp": event.time().micros(), "value": event.name()}))
        .collect();
    serde_json::json!({
        "traceId": span.trace_id().to_string(), "id": span.span_id().to_string(),
        "parentId": (!span.parent_span_id().is_none()).then(|| span.parent_span_id().to_string()),
        "name": span.name(), "kind": kind(span).map(|(word, _)| word),
        "timestamp": span.start().micros(), "duration": duration(span),
        "localEndpoint": {"serviceName": span.service(), "ipv4": "10.0.0.1"}, "annotations": annotations, "tags": tags,
    })
}

/// The same request in protobuf.
pub(crate) fn proto(batch: &SpanBatch) -> Vec<u8> {
    let mut out = Vec::new();
    for span in batch.spans() {
        Writer::new(&mut out).message(1, |writer| proto_span(writer, span));
    }
    out
}

fn proto_span(writer: &mut Writer<'_>, span: SpanView<'_>) {
    writer.bytes(1, &span.trace_id().0.to_be_bytes());
    if !span.parent_span_id().is_none() {
        writer.bytes(2, &span.parent_span_id().to_bytes());
    }
    writer.bytes(3, &span.span_id().to_bytes());
    writer.varint(4, kind(span).map_or(0, |(_, number)| number));
    writer.string(5, span.name());
    writer.fixed64(6, span.start().micros());
    writer.varint(7, duration(span));
    writer.message(8, |local| {
        local.string(1, span.service());
        local.bytes(2, &[10, 0, 0, 1]);
    });
    for event in span.events() {
        writer.message(10, |annotation| {
            annotation.fixed64(1, event.time().micros());
            annotation.string(2, event.name());
        });
    }
    for (key, value) in tags(span) {
        writer.message(11, |entry| {
            entry.string(1, &key);
            entry.string(2, &value);
        });
    }
}

pub(crate) fn tags(span: SpanView<'_>) -> Vec<(String, String)> {
    let attributes = span.attributes().iter().chain(span.resource().attributes().iter());
    let text = |value: ValueView<'_>| match value {
        ValueView::Str(text) => text.to_owned(),
        other => format!("{other:?}"),
    };
    let mut tags: Vec<_> =
        attributes.map(|attribute| (attribute.key().to_owned(), text(attribute.value()))).collect();
    for (key, text) in
        [("otel.scope.name", span.scope().name()), ("otel.scope.version", span.scope().version())]
    {
        if !text.is_empty() {
            tags.push((key.to_owned(), text.to_owned()));
        }
    }
    tags
}

/// Zipkin's word and number.
fn kind(span: SpanView<'_>) -> Option<(&'static str, u64)> {
    match span.kind() {
        SpanKind::Client => Some(("CLIENT", 1)),
        SpanKind::Server => Some(("SERVER", 2)),
        SpanKind::Producer => Some(("PRODUCER", 3)),
        SpanKind::Consumer => Some(("CONSUMER", 4)),
        SpanKind::Internal | SpanKind::Unspecified => None,
    }
}

pub(crate) fn duration(span: SpanView<'_>) -> u64 {
    span.end().micros().saturating_sub(span.start().micros())
}

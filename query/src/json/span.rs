//! Hot path: one span as the UI reads it. Budget: no allocation but the buffer's growth (and one for a span with warnings).

use std::time::Duration;

use spoor_model::jaeger::{self, DerivedTag, ErrorTags, WARNINGS};
use spoor_model::{EventView, SpanId, SpanView, TraceId, ValueView, json};

use super::tag::write_tags;

/// Appends a span that belongs to the process `p{process}`.
pub(super) fn write_span(out: &mut Vec<u8>, span: SpanView<'_>, process: u32) {
    out.extend_from_slice(b"{\"traceID\":\"");
    write_trace_id(out, span.trace_id());
    out.extend_from_slice(b"\",\"spanID\":\"");
    out.extend_from_slice(&span.span_id().to_hex());
    out.push(b'"');
    if span.flags() != 0 {
        out.extend_from_slice(b",\"flags\":");
        json::write_int(out, span.flags());
    }
    out.extend_from_slice(b",\"operationName\":");
    json::write_string(out, span.name().as_bytes());
    write_references(out, span);
    out.extend_from_slice(b",\"startTime\":");
    json::write_int(out, span.start().micros());
    out.extend_from_slice(b",\"duration\":");
    json::write_int(out, micros(span.duration()));
    out.extend_from_slice(b",\"tags\":");
    write_tags(out, tags(span));
    write_logs(out, span);
    out.extend_from_slice(b",\"processID\":\"p");
    json::write_int(out, process);
    out.extend_from_slice(b"\",\"warnings\":");
    write_warnings(out, span);
    out.push(b'}');
}

/// Appends 16 hex digits when the high half is zero, else 32.
pub(super) fn write_trace_id(out: &mut Vec<u8>, trace_id: TraceId) {
    if trace_id.high() == 0 {
        out.extend_from_slice(&trace_id.to_hex()[16..]);
    } else {
        out.extend_from_slice(&trace_id.to_hex());
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Scope, attributes, then what stands for the span's own fields. Warnings have a place of their own.
fn tags<'a>(span: SpanView<'a>) -> impl Iterator<Item = (&'a str, ValueView<'a>)> {
    let derived = |(key, value): DerivedTag<'a>| -> (&'a str, ValueView<'a>) { (key, value) };
    let attributes = span.attributes().iter().map(|attribute| (attribute.key(), attribute.value()));
    let leading = jaeger::leading_tags(span).map(derived);
    let trailing = jaeger::trailing_tags(span, ErrorTags::StatusAndError).map(derived);
    leading.chain(attributes.filter(|(key, _)| *key != WARNINGS)).chain(trailing)
}

fn write_references(out: &mut Vec<u8>, span: SpanView<'_>) {
    out.extend_from_slice(b",\"references\":[");
    for (index, reference) in jaeger::references(span).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"refType\":\"");
        out.extend_from_slice(reference.kind_name().as_bytes());
        out.extend_from_slice(b"\",\"traceID\":\"");
        write_trace_id(out, reference.trace_id);
        out.extend_from_slice(b"\",\"spanID\":\"");
        write_span_id(out, reference.span_id);
        out.extend_from_slice(b"\"}");
    }
    out.push(b']');
}

fn write_span_id(out: &mut Vec<u8>, span_id: SpanId) {
    out.extend_from_slice(&span_id.to_hex());
}

fn write_logs(out: &mut Vec<u8>, span: SpanView<'_>) {
    out.extend_from_slice(b",\"logs\":[");
    for (index, event) in span.events().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"timestamp\":");
        json::write_int(out, event.time().micros());
        out.extend_from_slice(b",\"fields\":");
        write_tags(out, fields(event));
        out.push(b'}');
    }
    out.push(b']');
}

/// The event's name is the first field, unless an attribute has taken that field's name.
fn fields(event: EventView<'_>) -> impl Iterator<Item = (&str, ValueView<'_>)> {
    let named = !event.name().is_empty() && event.attributes().get(jaeger::EVENT).is_none();
    let name = named.then(|| (jaeger::EVENT, ValueView::Str(event.name())));
    let attributes = event.attributes().iter().map(|attribute| (attribute.key(), attribute.value()));
    name.into_iter().chain(attributes)
}

fn write_warnings(out: &mut Vec<u8>, span: SpanView<'_>) {
    let warnings = jaeger::warnings(span);
    if warnings.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    for (index, warning) in warnings.into_iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        json::write_string(out, warning.as_bytes());
    }
    out.push(b']');
}

//! Hot path: one span as the UI reads it. Budget: no allocation but the buffer's growth (and one for a span with warnings).

use std::time::Duration;

use spoor_model::jaeger::{self, ErrorTags, WARNINGS};
use spoor_model::{EventView, SpanId, SpanView, TraceId, ValueView, json};

use super::tag::TagList;

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
    write_tags(out, span);
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
fn write_tags(out: &mut Vec<u8>, span: SpanView<'_>) {
    let mut tags = TagList::begin(out);
    jaeger::leading_tags(span).for_each(|(key, value)| tags.add(key, value));
    tags.add_all(span.attributes(), Some(WARNINGS));
    jaeger::trailing_tags(span, ErrorTags::StatusAndError).for_each(|(key, value)| tags.add(key, value));
    tags.end();
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
        write_fields(out, event);
        out.push(b'}');
    }
    out.push(b']');
}

/// The event's name is the first field, unless an attribute has taken that field's name.
fn write_fields(out: &mut Vec<u8>, event: EventView<'_>) {
    let mut fields = TagList::begin(out);
    if !event.name().is_empty() && event.attributes().get(jaeger::EVENT).is_none() {
        fields.add(jaeger::EVENT, ValueView::Str(event.name()));
    }
    fields.add_all(event.attributes(), None);
    fields.end();
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

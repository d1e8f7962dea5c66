//! Binary annotations as Jaeger's tags.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use spoor_model::jaeger::ERROR;
use spoor_model::{SpanBatchBuilder, Text, Value};

use super::wire::{BinaryAnnotation, Endpoint, bytes};
use crate::wire::Slice;

/// Where a tag goes.
pub(super) type Sink<'s> = dyn FnMut(&mut SpanBatchBuilder, Text, Value) + 's;

/// The name under which an annotation describes the process rather than the span.
pub(super) fn process_key(annotation: &BinaryAnnotation<'_>) -> Option<&'static str> {
    match bytes(annotation.key) {
        b"jaegerClient" | b"jaeger.version" => Some("jaeger.version"),
        b"jaeger.hostname" => Some("hostname"),
        _ => None,
    }
}

/// Hands over the tags that an annotation stands for.
pub(super) fn push(builder: &mut SpanBatchBuilder, annotation: &BinaryAnnotation<'_>, sink: &mut Sink<'_>) {
    match bytes(annotation.key) {
        b"lc" => {
            let (key, value) = (builder.text("component"), text(builder, annotation.value));
            sink(builder, key, Value::Str(value));
        }
        b"sa" | b"ca" | b"ma" => {
            if let Some(host) = annotation.host {
                push_peer(builder, host, sink);
            }
        }
        key if key.eq_ignore_ascii_case(ERROR.as_bytes()) && annotation.kind != BOOL => {
            push_error(builder, annotation, sink);
        }
        _ => {
            let (key, value) = (text(builder, annotation.key), value(builder, annotation));
            sink(builder, key, value);
        }
    }
}

fn push_peer(builder: &mut SpanBatchBuilder, host: Endpoint<'_>, sink: &mut Sink<'_>) {
    let (key, service) = (builder.text("peer.service"), text(builder, host.service));
    sink(builder, key, Value::Str(service));
    let mut number = |key: &str, number: u32| {
        if number != 0 {
            let key = builder.text(key);
            sink(builder, key, Value::Int(i64::from(number)));
        }
    };
    number("peer.ipv4", host.ipv4.cast_unsigned());
    number("peer.port", u32::from(host.port.cast_unsigned()));
    if let Some(ipv6) = host.ipv6 {
        let (key, value) = (builder.text("peer.ipv6"), builder.source_bytes(ipv6.range()));
        sink(builder, key, Value::Bytes(value));
    }
}

/// An error told by a text: a truth, or a message.
fn push_error(builder: &mut SpanBatchBuilder, annotation: &BinaryAnnotation<'_>, sink: &mut Sink<'_>) {
    let value = bytes(annotation.value);
    let is_false = value.eq_ignore_ascii_case(b"false");
    let key = text(builder, annotation.key);
    sink(builder, key, Value::Bool(!is_false));
    if !is_false && !value.is_empty() && !value.eq_ignore_ascii_case(b"true") {
        let (key, message) = (builder.text("error.message"), text(builder, annotation.value));
        sink(builder, key, Value::Str(message));
    }
}

const BOOL: i32 = 0;

/// The value by its type: BOOL 0, BYTES 1, I16 2, I32 3, I64 4, DOUBLE 5, STRING 6.
pub(super) fn value(builder: &mut SpanBatchBuilder, annotation: &BinaryAnnotation<'_>) -> Value {
    let raw = bytes(annotation.value);
    let read = match annotation.kind {
        BOOL => Some(Value::Bool(raw == [1])),
        1 => Some(Value::Bytes(
            annotation.value.map_or(Text::EMPTY, |slice| builder.source_bytes(slice.range())),
        )),
        2 => raw.try_into().ok().map(|raw| Value::Int(i64::from(i16::from_be_bytes(raw)))),
        3 => raw.try_into().ok().map(|raw| Value::Int(i64::from(i32::from_be_bytes(raw)))),
        4 => raw.try_into().ok().map(|raw| Value::Int(i64::from_be_bytes(raw))),
        5 => raw.try_into().ok().map(|raw| Value::Double(f64::from_be_bytes(raw))),
        6 => Some(Value::Str(text(builder, annotation.value))),
        _ => None,
    };
    read.unwrap_or_else(|| unreadable(builder, raw))
}

#[cold]
fn unreadable(builder: &mut SpanBatchBuilder, raw: &[u8]) -> Value {
    Value::Str(builder.text(&format!("Cannot parse Zipkin value {}", STANDARD.encode(raw))))
}

/// The text of a slice; none is empty.
pub(super) fn text(builder: &mut SpanBatchBuilder, slice: Option<Slice<'_>>) -> Text {
    slice.map_or(Text::EMPTY, |slice| builder.source_text(slice.range()))
}

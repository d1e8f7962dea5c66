//! Spans from their views to Thrift, as a client writes them: for the generator of load, and tests.

use spoor_model::jaeger::{
    EVENT, ErrorTags, NO_SERVICE_NAME, Reference, WARNINGS, leading_tags, references, trailing_tags,
};
use spoor_model::{EventView, ResourceView, SpanView, ValueView};

use super::message::ThriftProtocol;
use crate::thrift::{BinaryWriter, CompactWriter, Kind, Writer};

/// Appends a bare `Batch` in the binary protocol, as it is posted by HTTP. All spans are taken for those of `resource`.
pub fn encode_batch<'a>(
    out: &mut Vec<u8>,
    resource: ResourceView<'a>,
    spans: impl ExactSizeIterator<Item = SpanView<'a>>,
) {
    write_batch(&mut BinaryWriter(out), resource, spans);
}

/// Appends a call of `emitBatch`, which makes one datagram. All spans are taken for those of `resource`.
pub fn encode_emit_batch<'a>(
    protocol: ThriftProtocol,
    out: &mut Vec<u8>,
    resource: ResourceView<'a>,
    spans: impl ExactSizeIterator<Item = SpanView<'a>>,
) {
    match protocol {
        ThriftProtocol::Compact => write_call(&mut CompactWriter::new(out), resource, spans),
        ThriftProtocol::Binary => write_call(&mut BinaryWriter(out), resource, spans),
    }
}

fn write_call<'a>(
    writer: &mut impl Writer,
    resource: ResourceView<'a>,
    spans: impl ExactSizeIterator<Item = SpanView<'a>>,
) {
    writer.begin_message("emitBatch");
    writer.begin_struct();
    writer.field(1, Kind::Struct);
    write_batch(writer, resource, spans);
    writer.end_struct();
}

fn write_batch<'a>(
    writer: &mut impl Writer,
    resource: ResourceView<'a>,
    spans: impl ExactSizeIterator<Item = SpanView<'a>>,
) {
    writer.begin_struct();
    writer.field(1, Kind::Struct);
    write_process(writer, resource);
    writer.field(2, Kind::List);
    writer.list(Kind::Struct, spans.len());
    spans.for_each(|span| write_span(writer, span));
    writer.end_struct();
}

fn write_process(writer: &mut impl Writer, resource: ResourceView<'_>) {
    let nobody = resource.row().service.is_none() && resource.attributes().is_empty();
    let service = if nobody { NO_SERVICE_NAME } else { resource.service() };
    writer.begin_struct();
    writer.field(1, Kind::String);
    writer.bytes(service.as_bytes());
    let attributes = resource.attributes().iter().map(|attribute| (attribute.key(), attribute.value()));
    write_tags(writer, 2, attributes.filter(|(key, _)| *key != "service.name").collect());
    writer.end_struct();
}

fn write_span(writer: &mut impl Writer, span: SpanView<'_>) {
    let [low, high] = halves(span.trace_id().0);
    let micros = i64::try_from(span.duration().as_micros()).unwrap_or(i64::MAX);
    writer.begin_struct();
    for (id, value) in
        [(1, low), (2, high), (3, span.span_id().0.cast_signed()), (4, span.parent_span_id().0.cast_signed())]
    {
        writer.field(id, Kind::I64);
        writer.i64(value);
    }
    writer.field(5, Kind::String);
    writer.bytes(span.name().as_bytes());
    // A parent that is a child's is told by its id.
    let is_told = |reference: &Reference| {
        reference.child_of
            && reference.span_id == span.parent_span_id()
            && reference.trace_id == span.trace_id()
    };
    write_references(writer, &references(span).filter(|reference| !is_told(reference)).collect::<Vec<_>>());
    writer.field(7, Kind::I32);
    writer.i32(span.row().jaeger_flags().cast_signed());
    writer.field(8, Kind::I64);
    writer.i64(i64::try_from(span.start().micros()).unwrap_or(i64::MAX));
    writer.field(9, Kind::I64);
    writer.i64(micros);
    let mut tags: Vec<(&str, ValueView<'_>)> = Vec::new();
    tags.extend(leading_tags(span).map(|(key, value)| -> (&str, ValueView<'_>) { (key, value) }));
    let attributes = span.attributes().iter().map(|attribute| (attribute.key(), attribute.value()));
    tags.extend(attributes.filter(|(key, _)| *key != WARNINGS));
    let trailing = trailing_tags(span, ErrorTags::StatusAndError);
    tags.extend(trailing.map(|(key, value)| -> (&str, ValueView<'_>) { (key, value) }));
    write_tags(writer, 10, tags);
    writer.field(11, Kind::List);
    writer.list(Kind::Struct, span.events().len());
    span.events().for_each(|event| write_log(writer, event));
    writer.end_struct();
}

fn write_references(writer: &mut impl Writer, references: &[Reference]) {
    if references.is_empty() {
        return;
    }
    writer.field(6, Kind::List);
    writer.list(Kind::Struct, references.len());
    for reference in references {
        let [low, high] = halves(reference.trace_id.0);
        writer.begin_struct();
        writer.field(1, Kind::I32);
        writer.i32(i32::from(!reference.child_of));
        for (id, value) in [(2, low), (3, high), (4, reference.span_id.0.cast_signed())] {
            writer.field(id, Kind::I64);
            writer.i64(value);
        }
        writer.end_struct();
    }
}

fn write_log(writer: &mut impl Writer, event: EventView<'_>) {
    writer.begin_struct();
    writer.field(1, Kind::I64);
    writer.i64(i64::try_from(event.time().micros()).unwrap_or(i64::MAX));
    let named = !event.name().is_empty() && event.attributes().get(EVENT).is_none();
    let name = named.then(|| (EVENT, ValueView::Str(event.name())));
    let attributes = event.attributes().iter().map(|attribute| (attribute.key(), attribute.value()));
    write_tags(writer, 2, name.into_iter().chain(attributes).collect());
    writer.end_struct();
}

#[expect(clippy::needless_pass_by_value, reason = "made for this")]
fn write_tags(writer: &mut impl Writer, id: i16, tags: Vec<(&str, ValueView<'_>)>) {
    writer.field(id, Kind::List);
    writer.list(Kind::Struct, tags.len());
    for (key, value) in &tags {
        writer.begin_struct();
        writer.field(1, Kind::String);
        writer.bytes(key.as_bytes());
        writer.field(2, Kind::I32);
        write_value(writer, *value);
        writer.end_struct();
    }
}

/// The type's number, then the value in the field of that type.
fn write_value(writer: &mut impl Writer, value: ValueView<'_>) {
    match value {
        ValueView::Double(number) => {
            writer.i32(1);
            writer.field(4, Kind::Double);
            writer.double(number);
        }
        ValueView::Bool(truth) => {
            writer.i32(2);
            writer.bool_field(5, truth);
        }
        ValueView::Int(number) => {
            writer.i32(3);
            writer.field(6, Kind::I64);
            writer.i64(number);
        }
        ValueView::Bytes(bytes) => {
            writer.i32(4);
            writer.field(7, Kind::String);
            writer.bytes(bytes);
        }
        ValueView::Empty | ValueView::Str(_) | ValueView::List(_) | ValueView::Map(_) => {
            writer.i32(0);
            writer.field(3, Kind::String);
            writer.bytes(value.to_text().as_bytes());
        }
    }
}

/// The low half and the high one.
fn halves(id: u128) -> [i64; 2] {
    let bytes = id.to_be_bytes();
    let half = |range: std::ops::Range<usize>| {
        bytes[range].iter().fold(0_u64, |half, byte| half << 8 | u64::from(*byte)).cast_signed()
    };
    [half(8..16), half(0..8)]
}

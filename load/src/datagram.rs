//! Datagrams as Jaeger's clients send them to an agent: `emitBatch` in Thrift's compact or binary protocol.
//! Facts: `jaegertracing/jaeger-idl thrift/{agent,jaeger}.thrift`; `apache/thrift doc/specs/thrift-{binary,compact}-protocol.md`.

mod protocol;

use spoor_model::jaeger::{EVENT, ErrorTags, leading_tags, references, trailing_tags};
use spoor_model::{SpanBatch, SpanView, TraceId, ValueView};

pub use protocol::Thrift;
use protocol::{I32, I64, LIST, STRING, STRUCT, Writer};

/// What a client says of its own losses, and the number of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAccount {
    /// The batch's number.
    pub sequence: i64,
    /// Spans dropped because the queue was full.
    pub full_queue: i64,
}

/// One datagram of all spans of the batch, with the process of its first resource.
#[must_use]
pub fn emit_batch(thrift: Thrift, batch: &SpanBatch, account: Option<ClientAccount>) -> Vec<u8> {
    let mut writer = Writer::message(thrift, "emitBatch");
    writer.begin_struct();
    writer.field(1, STRUCT);
    writer.begin_struct();
    writer.field(1, STRUCT);
    process(&mut writer, batch);
    writer.field(2, LIST);
    writer.list(STRUCT, batch.len());
    for view in batch.spans() {
        span(&mut writer, view);
    }
    if let Some(ClientAccount { sequence, full_queue }) = account {
        writer.i64_field(3, sequence);
        writer.field(4, STRUCT);
        writer.begin_struct();
        writer.i64_field(1, full_queue);
        writer.i64_field(2, 0);
        writer.i64_field(3, 0);
        writer.end_struct();
    }
    writer.end_struct();
    writer.end_struct();
    writer.finish()
}

fn process(writer: &mut Writer, batch: &SpanBatch) {
    let resource = batch.resources().next();
    writer.begin_struct();
    writer.string_field(1, resource.map_or(&b""[..], |resource| resource.service().as_bytes()));
    writer.field(2, LIST);
    let tags = resource.map(|resource| resource.attributes().iter());
    let tags: Vec<_> = tags.into_iter().flatten().map(|tag| (tag.key(), tag.value())).collect();
    write_tags(writer, &tags);
    writer.end_struct();
}

fn span(writer: &mut Writer, span: SpanView<'_>) {
    let micros = |nanos: u64| i64::try_from(nanos / 1_000).unwrap_or(i64::MAX);
    writer.begin_struct();
    writer.i64_field(1, trace_id(span.trace_id()).0);
    writer.i64_field(2, trace_id(span.trace_id()).1);
    writer.i64_field(3, span.span_id().0.cast_signed());
    writer.i64_field(4, span.parent_span_id().0.cast_signed());
    writer.string_field(5, span.name().as_bytes());
    write_references(writer, span);
    writer.field(7, I32);
    writer.i32(span.flags().cast_signed());
    writer.i64_field(8, micros(span.start().0));
    writer.i64_field(9, micros(span.end().0.saturating_sub(span.start().0)));
    writer.field(10, LIST);
    let mut tags: Vec<(&str, ValueView<'_>)> = Vec::new();
    for (key, value) in leading_tags(span) {
        tags.push((key, value));
    }
    for tag in span.attributes().iter() {
        tags.push((tag.key(), tag.value()));
    }
    for (key, value) in trailing_tags(span, ErrorTags::StatusAndError) {
        tags.push((key, value));
    }
    write_tags(writer, &tags);
    writer.field(11, LIST);
    writer.list(STRUCT, span.events().len());
    for event in span.events() {
        writer.begin_struct();
        writer.i64_field(1, micros(event.time().0));
        writer.field(2, LIST);
        let name = (!event.name().is_empty()).then_some((EVENT, ValueView::Str(event.name())));
        let fields = event.attributes().iter().map(|field| (field.key(), field.value()));
        write_tags(writer, &name.into_iter().chain(fields).collect::<Vec<_>>());
        writer.end_struct();
    }
    writer.end_struct();
}

/// But for the parent, which has a field of its own.
fn write_references(writer: &mut Writer, span: SpanView<'_>) {
    let others: Vec<_> = references(span)
        .filter(|other| !(other.child_of && other.span_id == span.parent_span_id()))
        .collect();
    if !others.is_empty() {
        writer.field(6, LIST);
        writer.list(STRUCT, others.len());
        for other in others {
            writer.begin_struct();
            writer.field(1, I32);
            writer.i32(i32::from(!other.child_of));
            writer.i64_field(2, trace_id(other.trace_id).0);
            writer.i64_field(3, trace_id(other.trace_id).1);
            writer.i64_field(4, other.span_id.0.cast_signed());
            writer.end_struct();
        }
    }
}

/// The low and the high half.
fn trace_id(id: TraceId) -> (i64, i64) {
    let bytes = id.0.to_le_bytes();
    let low = bytes.first_chunk().expect("a trace id has 16 bytes");
    (i64::from_le_bytes(*low), id.high().cast_signed())
}

fn write_tags(writer: &mut Writer, tags: &[(&str, ValueView<'_>)]) {
    writer.list(STRUCT, tags.len());
    for (key, value) in tags {
        writer.begin_struct();
        writer.string_field(1, key.as_bytes());
        writer.field(2, I32);
        match value {
            ValueView::Double(double) => {
                writer.i32(1);
                writer.double_field(4, *double);
            }
            ValueView::Bool(truth) => {
                writer.i32(2);
                writer.bool_field(5, *truth);
            }
            ValueView::Int(long) => {
                writer.i32(3);
                writer.i64_field(6, *long);
            }
            ValueView::Bytes(bytes) => {
                writer.i32(4);
                writer.string_field(7, bytes);
            }
            other => {
                writer.i32(0);
                writer.string_field(3, other.to_text().as_bytes());
            }
        }
        writer.end_struct();
    }
}

impl Writer {
    fn i64_field(&mut self, id: i16, value: i64) {
        self.field(id, I64);
        self.i64(value);
    }

    fn string_field(&mut self, id: i16, value: &[u8]) {
        self.field(id, STRING);
        self.bytes(value);
    }
}

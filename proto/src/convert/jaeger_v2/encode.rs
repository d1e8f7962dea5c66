//! Hot path: spans straight from their views to api_v2 messages in one buffer. Budget: no allocation but the buffer.
//! Used by the api_v2 query, Kafka's `protobuf` records and the load generator. What only OTLP has (scope attributes,
//! dropped counts, link attributes and states) has no place in api_v2.

use spoor_model::jaeger::{
    EVENT, ErrorTags, NO_SERVICE_NAME, WARNINGS, leading_tags, references, trailing_tags,
};
use spoor_model::{
    AttributeView, AttributesView, EventView, ResourceView, SpanBatch, SpanView, Value, ValueView,
};

use super::fields::{batch, chunk, key_value, log, process, request, span, span_ref};
use super::time;
use crate::wire::{Tag, Writer};

/// Whether a span carries its process with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// In the span itself: Kafka's records and the query's answers.
    Embedded,
    /// Elsewhere, as in a batch that has one process for all its spans.
    Omitted,
}

/// Appends a `Span` message (its content, without a length before it).
pub fn encode_span(out: &mut Vec<u8>, span: SpanView<'_>, process: Process) {
    write_span(&mut Writer::new(out), span, process);
}

/// Spans with their processes, one after another, as Kafka's records have them: the process of neighbours that share it is encoded
/// once and then copied.
#[derive(Debug, Default)]
pub struct SpanEncoder<'a> {
    resource: Option<ResourceView<'a>>,
    process: Vec<u8>,
}

impl<'a> SpanEncoder<'a> {
    /// Appends what [`encode_span`] with [`Process::Embedded`] does.
    pub fn encode(&mut self, out: &mut Vec<u8>, span: SpanView<'a>) {
        let resource = span.resource();
        if self.resource.is_none_or(|known| !std::ptr::eq(known.row(), resource.row())) {
            self.process.clear();
            write_process(&mut Writer::new(&mut self.process), resource);
            self.resource = Some(resource);
        }
        let process = |writer: &mut Writer<'_>| writer.bytes(span::PROCESS.number(), &self.process);
        write_span_and(&mut Writer::new(out), span, process);
    }
}

/// Appends a `SpansResponseChunk` of consecutive spans with their processes, from the one at `from` on: as many as fit into `limit`
/// bytes, at least one. Answers the position behind the last of them, which is the batch's length when that was all.
pub fn encode_spans_chunk(batch: &SpanBatch, from: usize, limit: usize, out: &mut Vec<u8>) -> usize {
    let (start, mut encoder) = (out.len(), SpanEncoder::default());
    for (index, span) in batch.spans().enumerate().skip(from) {
        let before = out.len();
        Writer::new(out).message(chunk::SPANS.number(), |writer| encoder.encode(writer.buffer(), span));
        if out.len() - start > limit && before > start {
            // It begins the next chunk.
            out.truncate(before);
            return index;
        }
    }
    batch.len()
}

/// Appends a `Batch` message of any spans: the first one's process is the batch's, spans of others carry their own.
pub fn encode_batch<'a>(out: &mut Vec<u8>, spans: impl IntoIterator<Item = SpanView<'a>>) {
    write_batch(&mut Writer::new(out), spans);
}

/// Appends a `PostSpansRequest` message of any spans, as [`encode_batch`] does.
pub fn encode_post_spans<'a>(out: &mut Vec<u8>, spans: impl IntoIterator<Item = SpanView<'a>>) {
    Writer::new(out).message(request::BATCH.number(), |writer| write_batch(writer, spans));
}

fn write_batch<'a>(writer: &mut Writer<'_>, spans: impl IntoIterator<Item = SpanView<'a>>) {
    let mut shared: Option<ResourceView<'a>> = None;
    for span in spans {
        let resource = span.resource();
        let is_shared = std::ptr::eq(shared.get_or_insert(resource).row(), resource.row());
        let process = if is_shared { Process::Omitted } else { Process::Embedded };
        writer.message(batch::SPANS.number(), |writer| write_span(writer, span, process));
    }
    if let Some(resource) = shared {
        writer.message(batch::PROCESS.number(), |writer| write_process(writer, resource));
    }
}

pub(super) fn write_span(writer: &mut Writer<'_>, span: SpanView<'_>, process: Process) {
    write_span_and(writer, span, |writer| {
        if process == Process::Embedded {
            writer.message(span::PROCESS.number(), |writer| write_process(writer, span.resource()));
        }
    });
}

/// Writes the span, and its process by `process` where it belongs.
fn write_span_and(writer: &mut Writer<'_>, span: SpanView<'_>, process: impl FnOnce(&mut Writer<'_>)) {
    // Jaeger writes ids and times even where they are zero.
    writer.bytes(span::TRACE_ID.number(), &span.trace_id().to_bytes());
    writer.bytes(span::SPAN_ID.number(), &span.span_id().to_bytes());
    write_text(writer, span::OPERATION_NAME, span.batch().bytes(span.row().name));
    write_references(writer, span);
    let flags = span.row().jaeger_flags();
    if flags != 0 {
        writer.varint(span::FLAGS.number(), u64::from(flags));
    }
    time::write(writer, span::START_TIME.number(), span.start().0);
    let duration = span.end().0.saturating_sub(span.start().0);
    time::write_duration(writer, span::DURATION.number(), duration);
    let has_warnings = write_tags(writer, span);
    for event in span.events() {
        writer.message(span::LOGS.number(), |writer| write_log(writer, event));
    }
    process(writer);
    if has_warnings {
        write_warnings(writer, span.attributes());
    }
}

fn write_references(writer: &mut Writer<'_>, span: SpanView<'_>) {
    for reference in references(span) {
        writer.message(span::REFERENCES.number(), |writer| {
            writer.bytes(span_ref::TRACE_ID.number(), &reference.trace_id.to_bytes());
            writer.bytes(span_ref::SPAN_ID.number(), &reference.span_id.to_bytes());
            if !reference.child_of {
                writer.varint(span_ref::REF_TYPE.number(), u64::from(span_ref::FOLLOWS_FROM));
            }
        });
    }
}

/// Writes the tags in Jaeger's order; answers whether there are warnings among the attributes, which are no tags.
fn write_tags(writer: &mut Writer<'_>, span: SpanView<'_>) -> bool {
    let mut has_warnings = false;
    for (key, value) in leading_tags(span) {
        write_derived(writer, key, value);
    }
    for attribute in span.attributes().iter() {
        if is_warnings(attribute) {
            has_warnings = true;
        } else {
            write_attribute(writer, span::TAGS, attribute);
        }
    }
    for (key, value) in trailing_tags(span, ErrorTags::StatusAndError) {
        write_derived(writer, key, value);
    }
    has_warnings
}

fn write_derived(writer: &mut Writer<'_>, key: &str, value: ValueView<'_>) {
    writer.message(span::TAGS.number(), |writer| {
        write_text(writer, key_value::KEY, key.as_bytes());
        write_value(writer, value);
    });
}

fn write_log(writer: &mut Writer<'_>, event: EventView<'_>) {
    time::write(writer, log::TIMESTAMP.number(), event.time().0);
    let name = event.batch().bytes(event.row().name);
    if !name.is_empty() && event.attributes().get(EVENT).is_none() {
        writer.message(log::FIELDS.number(), |writer| {
            write_text(writer, key_value::KEY, EVENT.as_bytes());
            write_text(writer, key_value::V_STR, name);
        });
    }
    for attribute in event.attributes().iter() {
        write_attribute(writer, log::FIELDS, attribute);
    }
}

pub(super) fn write_process(writer: &mut Writer<'_>, resource: ResourceView<'_>) {
    let service = match resource.row().service {
        Some(service) => resource.batch().bytes(service),
        None if resource.attributes().is_empty() => NO_SERVICE_NAME.as_bytes(),
        None => b"",
    };
    write_text(writer, process::SERVICE_NAME, service);
    for attribute in resource.attributes().iter() {
        write_attribute(writer, process::TAGS, attribute);
    }
}

/// A warning per item of the lists (or the one text) under the warnings' key.
fn write_warnings(writer: &mut Writer<'_>, attributes: AttributesView<'_>) {
    let number = span::WARNINGS.number();
    for attribute in attributes.iter().filter(|attribute| is_warnings(*attribute)) {
        match attribute.value() {
            ValueView::List(list) => {
                for item in list.iter() {
                    writer.string(number, &item.to_text());
                }
            }
            other => writer.string(number, &other.to_text()),
        }
    }
}

fn is_warnings(attribute: AttributeView<'_>) -> bool {
    attribute.batch().bytes(attribute.row().key) == WARNINGS.as_bytes()
        && matches!(attribute.row().value, Value::List(_) | Value::Str(_))
}

#[inline]
fn write_attribute(writer: &mut Writer<'_>, tag: Tag, attribute: AttributeView<'_>) {
    let (batch, row) = (attribute.batch(), attribute.row());
    writer.message(tag.number(), |writer| {
        write_text(writer, key_value::KEY, batch.bytes(row.key));
        match row.value {
            // Most values are texts, and known to be UTF-8.
            Value::Str(text) => write_text(writer, key_value::V_STR, batch.bytes(text)),
            _ => write_value(writer, attribute.value()),
        }
    });
}

/// The type and the slot of a value; proto3 leaves out what is zero. Lists and maps become their JSON text.
fn write_value(writer: &mut Writer<'_>, value: ValueView<'_>) {
    let write_type =
        |writer: &mut Writer<'_>, v_type: u32| writer.varint(key_value::V_TYPE.number(), u64::from(v_type));
    match value {
        ValueView::Empty => {}
        ValueView::Str(text) => write_text(writer, key_value::V_STR, text.as_bytes()),
        ValueView::Bool(truth) => {
            write_type(writer, key_value::BOOL);
            if truth {
                writer.varint(key_value::V_BOOL.number(), 1);
            }
        }
        ValueView::Int(number) => {
            write_type(writer, key_value::INT64);
            if number != 0 {
                writer.int64(key_value::V_INT64.number(), number);
            }
        }
        ValueView::Double(number) => {
            write_type(writer, key_value::FLOAT64);
            if number.to_bits() != 0 {
                writer.double(key_value::V_FLOAT64.number(), number);
            }
        }
        ValueView::Bytes(bytes) => {
            write_type(writer, key_value::BINARY);
            write_text(writer, key_value::V_BINARY, bytes);
        }
        ValueView::List(_) | ValueView::Map(_) => {
            writer.message(key_value::V_STR.number(), |writer| value.write_json(writer.buffer()));
        }
    }
}

/// A text or bytes field, left out when empty.
#[inline]
fn write_text(writer: &mut Writer<'_>, tag: Tag, text: &[u8]) {
    if !text.is_empty() {
        writer.bytes(tag.number(), text);
    }
}

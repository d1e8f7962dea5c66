//! Hot path: spans as Jaeger's documents with their bulk action lines, straight from the views into one buffer.
//! Budget: no allocation per span; a resource's part is rendered once per batch and copied. Field order is Jaeger's
//! (`jaegertracing/jaeger internal/storage/v2/elasticsearch/tracestore/core/dbmodel/model.go`).

mod compact;
mod fields;
mod tags;
#[cfg(test)]
mod tests;
pub(crate) mod token;

use std::ops::Range;

use spoor_model::json::{write_int, write_string};
use spoor_model::{EventView, ResourceView, SpanBatch, SpanView, jaeger};
use xxhash_rust::xxh3::xxh3_64;

use crate::filing::Filing;
use crate::index::{Family, Period};
use crate::{TagValues, hex, long_values};
pub(crate) use compact::CompactWriter;
pub(crate) use fields::TagFields;
pub use fields::parse_dot_replacement;
use tags::{TagWriter, close};

/// The mapping of `flags` is a signed 32-bit integer: a larger number would make the server refuse the span. The highest
/// bit has no meaning in OTLP or Jaeger, so it is the one that goes.
const FLAGS_MASK: u32 = i32::MAX.cast_unsigned();

const HASH_DIGITS: usize = 16;

/// How documents are written.
#[derive(Debug, Clone)]
pub(crate) struct DocumentStyle {
    pub(crate) fields: TagFields,
    /// In lists; fields are always native.
    pub(crate) values: TagValues,
    /// Whether a child's parent stands in a field, beside the references.
    pub(crate) parent_field: bool,
}

/// Writes the spans of one batch.
pub(crate) struct SpanWriter<'a> {
    batch: &'a SpanBatch,
    indices: &'a Family,
    filing: Filing,
    parent_field: bool,
    tags: TagWriter<'a>,
    /// The rendered `"process":{…}}` of each resource, one after another.
    processes: Vec<u8>,
    /// Their marks, one after another.
    process_marks: Vec<u8>,
    process_of: Vec<Process>,
    /// The period whose index `action` names.
    period: Option<Period>,
    /// `{"index":{"_index":"…","_id":"`
    action: Vec<u8>,
}

/// Where a resource's part of documents lies.
struct Process {
    document: Range<usize>,
    marks: Range<usize>,
}

impl<'a> SpanWriter<'a> {
    pub(crate) fn new(
        batch: &'a SpanBatch,
        indices: &'a Family,
        filing: Filing,
        style: &'a DocumentStyle,
    ) -> Self {
        let mut writer = Self {
            batch,
            indices,
            filing,
            parent_field: style.parent_field,
            tags: TagWriter::new(style),
            processes: Vec::new(),
            process_marks: Vec::new(),
            process_of: Vec::with_capacity(batch.resources().len()),
            period: None,
            action: Vec::new(),
        };
        for resource in batch.resources() {
            let (start, marks_start) = (writer.processes.len(), writer.process_marks.len());
            writer.write_process(resource);
            writer.process_of.push(Process {
                document: start..writer.processes.len(),
                marks: marks_start..writer.process_marks.len(),
            });
        }
        writer
    }

    /// Appends the span's action line and its document.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, span: SpanView<'a>) {
        let (trace_id, span_id) = (span.trace_id().to_hex(), span.span_id().to_hex());
        let hash_at = self.write_action(
            out,
            self.indices.period(self.filing.moment(span.start())),
            &trace_id,
            &span_id,
        );
        let document = out.len();
        self.write_document(out, span, &trace_id, &span_id);
        // The id follows from the content: a span that comes again is the same document, a different one with the same
        // ids is another.
        let hash = xxh3_64(&out[document..]);
        hex::write(&mut out[hash_at..hash_at + HASH_DIGITS], &hash.to_be_bytes());
        out.push(b'\n');
    }

    /// Answers where the hash belongs.
    fn write_action(&mut self, out: &mut Vec<u8>, period: Period, trace_id: &[u8], span_id: &[u8]) -> usize {
        if self.period != Some(period) {
            self.period = Some(period);
            self.action.clear();
            write_action_head(&mut self.action, self.indices, period);
        }
        out.extend_from_slice(&self.action);
        out.extend_from_slice(trace_id);
        out.push(b'_');
        out.extend_from_slice(span_id);
        out.push(b'_');
        let hash_at = out.len();
        out.extend_from_slice(b"0123456789abcdef\"}}\n");
        hash_at
    }

    fn write_document(&mut self, out: &mut Vec<u8>, span: SpanView<'a>, trace_id: &[u8], span_id: &[u8]) {
        let row = span.row();
        out.extend_from_slice(b"{\"traceID\":\"");
        out.extend_from_slice(trace_id);
        out.extend_from_slice(b"\",\"spanID\":\"");
        out.extend_from_slice(span_id);
        out.push(b'"');
        if self.parent_field && !row.parent_span_id.is_none() {
            out.extend_from_slice(b",\"parentSpanID\":\"");
            out.extend_from_slice(&row.parent_span_id.to_hex());
            out.push(b'"');
        }
        let flags = row.stored_flags() & FLAGS_MASK;
        if flags != 0 {
            out.extend_from_slice(b",\"flags\":");
            write_int(out, flags);
        }
        out.extend_from_slice(b",\"operationName\":");
        write_string(out, self.batch.bytes(row.name));
        self.write_references(out, span, trace_id);
        out.extend_from_slice(b",\"startTime\":");
        write_int(out, row.start.micros());
        out.extend_from_slice(b",\"startTimeMillis\":");
        write_int(out, row.start.millis());
        out.extend_from_slice(b",\"duration\":");
        write_int(out, row.end.0.saturating_sub(row.start.0) / 1_000);
        self.write_tags(out, span);
        self.write_logs(out, span);
        let process = &self.process_of[self.batch.resource_index(row)];
        let (process, of_process) =
            (&self.processes[process.document.clone()], &self.process_marks[process.marks.clone()]);
        self.tags.marks.operation(self.batch.bytes(row.name));
        let of_span = self.tags.marks.as_bytes();
        if !of_span.is_empty() || !of_process.is_empty() {
            write_marks(out, of_span, of_process);
        }
        out.extend_from_slice(process);
    }

    fn write_tags(&mut self, out: &mut Vec<u8>, span: SpanView<'a>) {
        self.tags.begin();
        self.tags.marks.clear();
        out.extend_from_slice(b",\"tags\":[");
        for (key, value) in jaeger::leading_tags(span) {
            self.tags.write_derived(out, key, value);
        }
        self.tags.write_attributes(out, self.batch, span.attributes());
        for (key, value) in jaeger::trailing_tags(span, jaeger::ErrorTags::ErrorOnly) {
            self.tags.write_derived(out, key, value);
        }
        close(out, b']');
        self.tags.write_fields(out);
    }

    fn write_references(&mut self, out: &mut Vec<u8>, span: SpanView<'a>, trace_id: &[u8]) {
        out.extend_from_slice(b",\"references\":[");
        let parent = span.row().parent_span_id;
        if span.row().links.is_empty() {
            if !parent.is_none() {
                write_reference(out, "CHILD_OF", trace_id, &parent.to_hex());
            }
        } else {
            for reference in jaeger::references(span) {
                let (trace_id, span_id) = (reference.trace_id.to_hex(), reference.span_id.to_hex());
                write_reference(out, reference.kind_name(), &trace_id, &span_id);
            }
        }
        close(out, b']');
    }

    fn write_logs(&mut self, out: &mut Vec<u8>, span: SpanView<'a>) {
        out.extend_from_slice(b",\"logs\":[");
        for event in span.events() {
            out.extend_from_slice(b"{\"timestamp\":");
            write_int(out, event.time().micros());
            out.extend_from_slice(b",\"fields\":[");
            self.write_log_fields(out, event);
            out.extend_from_slice(b"},");
        }
        close(out, b']');
    }

    /// The event's name is the field `event`, unless an attribute has that key already.
    fn write_log_fields(&mut self, out: &mut Vec<u8>, event: EventView<'a>) {
        let name = self.batch.bytes(event.row().name);
        if !name.is_empty() && event.attributes().get(jaeger::EVENT).is_none() {
            self.tags.write_text(out, jaeger::EVENT.as_bytes(), name);
        }
        self.tags.write_list(out, self.batch, event.attributes());
        close(out, b']');
    }

    /// The rest of a document from `,"process":` to its end.
    fn write_process(&mut self, resource: ResourceView<'a>) {
        let mut out = std::mem::take(&mut self.processes);
        let service = match resource.row().service {
            Some(service) => self.batch.bytes(service),
            None if resource.attributes().is_empty() => jaeger::NO_SERVICE_NAME.as_bytes(),
            None => b"",
        };
        out.extend_from_slice(b",\"process\":{\"serviceName\":");
        write_string(&mut out, service);
        self.tags.begin();
        self.tags.marks.clear();
        self.tags.marks.service(service);
        out.extend_from_slice(b",\"tags\":[");
        self.tags.write_attributes(&mut out, self.batch, resource.attributes());
        close(&mut out, b']');
        self.tags.write_fields(&mut out);
        out.extend_from_slice(b"}}");
        self.processes = out;
        self.process_marks.extend_from_slice(self.tags.marks.as_bytes());
    }
}

/// `{"index":{"_index":"…","_id":"`, to be followed by the id and its end. Where an alias is written to, the store is told
/// not to make an index of its name.
pub(crate) fn write_action_head(out: &mut Vec<u8>, indices: &Family, period: Period) {
    out.extend_from_slice(b"{\"index\":{");
    if indices.writes_to_alias() {
        out.extend_from_slice(b"\"require_alias\":true,");
    }
    out.extend_from_slice(b"\"_index\":");
    write_string(out, indices.write_target(period).as_bytes());
    out.extend_from_slice(b",\"_id\":\"");
}

/// `,"spoorLongValues":[…]`
#[cold]
fn write_marks(out: &mut Vec<u8>, of_span: &[u8], of_process: &[u8]) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(long_values::FIELD.as_bytes());
    out.extend_from_slice(b"\":[");
    out.extend_from_slice(of_span);
    out.extend_from_slice(of_process);
    close(out, b']');
}

fn write_reference(out: &mut Vec<u8>, kind: &str, trace_id: &[u8], span_id: &[u8]) {
    out.extend_from_slice(b"{\"refType\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"traceID\":\"");
    out.extend_from_slice(trace_id);
    out.extend_from_slice(b"\",\"spanID\":\"");
    out.extend_from_slice(span_id);
    out.extend_from_slice(b"\"},");
}

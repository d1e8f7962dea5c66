//! Hot path: tags in both of Jaeger's forms, as nested lists (`tags`) and as fields of their own (`tag`).
//! Budget: no allocation per tag. Facts: `jaegertracing/jaeger internal/storage/v2/elasticsearch/tracestore/to_dbmodel.go`.

use spoor_model::json::{write_finite, write_finite_with_point, write_int, write_string};
use spoor_model::nested::{ListView, MapView};
use spoor_model::{AttributesView, SpanBatch, Value, ValueView};

use super::DocumentStyle;
use super::fields::{Layout, TagFields, is_always_field};
use crate::TagValues;
use crate::long_values::{Marks, may_be_long};

const STRING: &[u8] = b",\"type\":\"string\",\"value\":";
const INT64: &[u8] = b",\"type\":\"int64\",\"value\":";
const BOOL: &[u8] = b",\"type\":\"bool\",\"value\":";
const FLOAT64: &[u8] = b",\"type\":\"float64\",\"value\":";
const BINARY: &[u8] = b",\"type\":\"binary\",\"value\":";

/// The most fields of one owner; what comes after them stays in the list. Mappings are bounded (1,000 fields by default), and
/// each tag that may become a field is compared with those that did.
const MOST_FIELDS: usize = 256;

/// A tag on its way into a document.
#[derive(Clone, Copy)]
struct Tag<'a> {
    key: &'a [u8],
    value: ValueView<'a>,
}

/// Writes one owner's tags: the list at once, the fields behind it. Made once per batch and used for each owner in turn.
pub(super) struct TagWriter<'a> {
    fields: &'a TagFields,
    /// Numbers and truths in lists are strings.
    quotes: bool,
    /// The current owner's tags that become fields. A field has one value: of several tags with a key the last becomes the field and
    /// the others stay in the list, which readers read first, so that none is lost and none changes places with another.
    kept: Vec<Tag<'a>>,
    /// Of the current document.
    pub(super) marks: Marks,
    scratch: Vec<u8>,
}

impl<'a> TagWriter<'a> {
    pub(super) fn new(style: &'a DocumentStyle) -> Self {
        Self {
            fields: &style.fields,
            quotes: style.values == TagValues::String,
            kept: Vec::new(),
            marks: Marks::default(),
            scratch: Vec::new(),
        }
    }

    /// Begins a new owner.
    pub(super) fn begin(&mut self) {
        self.kept.clear();
    }

    /// Appends attributes to the list; those that become fields are kept for [`TagWriter::write_fields`].
    #[inline]
    pub(super) fn write_attributes(
        &mut self,
        out: &mut Vec<u8>,
        batch: &'a SpanBatch,
        attributes: AttributesView<'a>,
    ) {
        // A loop for each layout: what the usual one does for a tag is a few instructions.
        let fields = self.fields;
        match &fields.layout {
            Layout::Least => self.write_where(out, batch, attributes, |_, key| is_always_field(key)),
            Layout::Listed(keys) => self.write_where(out, batch, attributes, |_, key| keys.contains(key)),
            Layout::All => self.write_where(out, batch, attributes, |scratch, key| {
                is_always_field(key) || fields.can_be_field(key, scratch)
            }),
        }
    }

    #[inline]
    fn write_where(
        &mut self,
        out: &mut Vec<u8>,
        batch: &'a SpanBatch,
        attributes: AttributesView<'a>,
        becomes_field: impl Fn(&mut Vec<u8>, &[u8]) -> bool,
    ) {
        for attribute in attributes.iter() {
            let row = attribute.row();
            let key = batch.bytes(row.key);
            if becomes_field(&mut self.scratch, key) && has_native_form(row.value) {
                self.keep(out, Tag { key, value: attribute.value() });
            } else {
                self.write_row(out, batch, key, row.value);
            }
        }
    }

    /// Appends attributes to a list beside which there are no fields: an event's.
    pub(super) fn write_list(
        &mut self,
        out: &mut Vec<u8>,
        batch: &SpanBatch,
        attributes: AttributesView<'_>,
    ) {
        for attribute in attributes.iter() {
            let row = attribute.row();
            self.write_row(out, batch, batch.bytes(row.key), row.value);
        }
    }

    /// Appends a textual tag to a list.
    pub(super) fn write_text(&mut self, out: &mut Vec<u8>, key: &[u8], text: &[u8]) {
        self.marks.tag(key, text);
        open_tag(out, key, STRING);
        write_string(out, text);
        out.extend_from_slice(b"},");
    }

    /// Writes a tag that stands for something of the span or its scope.
    pub(super) fn write_derived(&mut self, out: &mut Vec<u8>, key: &'static str, value: ValueView<'a>) {
        let key = key.as_bytes();
        let is_field = is_always_field(key)
            || match &self.fields.layout {
                Layout::Least => false,
                Layout::Listed(keys) => keys.contains(key),
                Layout::All => self.fields.can_be_field(key, &mut self.scratch),
            };
        if is_field {
            self.keep(out, Tag { key, value });
        } else {
            self.write_text(out, key, value.as_str().unwrap_or_default().as_bytes());
        }
    }

    /// Appends the owner's `,"tag":{…}`, or nothing without fields.
    pub(super) fn write_fields(&mut self, out: &mut Vec<u8>) {
        if self.kept.is_empty() {
            return;
        }
        out.extend_from_slice(b",\"tag\":{");
        for tag in &self.kept {
            self.fields.write_name(out, tag.key);
            out.push(b':');
            match tag.value {
                ValueView::Str(text) => {
                    self.marks.tag(tag.key, text.as_bytes());
                    write_string(out, text.as_bytes());
                }
                ValueView::List(_) | ValueView::Map(_) => {
                    let text = json_text(&mut self.scratch, tag.value);
                    self.marks.tag(tag.key, text);
                    write_string(out, text);
                }
                ValueView::Int(number) => write_int(out, number),
                ValueView::Bool(truth) => write_truth(out, truth),
                // A field has no type beside it.
                ValueView::Double(number) => write_finite_with_point(out, number),
                // Bytes are never kept.
                ValueView::Empty | ValueView::Bytes(_) => write_string(out, b""),
            }
            out.push(b',');
        }
        close(out, b'}');
    }

    /// Keeps a tag as a field. An earlier one with its key goes to the list.
    fn keep(&mut self, out: &mut Vec<u8>, tag: Tag<'a>) {
        match self.kept.iter().position(|kept| kept.key == tag.key) {
            Some(at) => {
                let earlier = self.kept.remove(at);
                self.kept.push(tag);
                self.write_value(out, earlier);
            }
            None if self.kept.len() >= MOST_FIELDS && !is_always_field(tag.key) => self.write_value(out, tag),
            None => self.kept.push(tag),
        }
    }

    #[inline]
    fn write_row(&mut self, out: &mut Vec<u8>, batch: &SpanBatch, key: &[u8], value: Value) {
        match value {
            Value::Str(text) => {
                let text = batch.bytes(text);
                self.marks.tag(key, text);
                open_tag(out, key, STRING);
                write_string(out, text);
                out.extend_from_slice(b"},");
            }
            Value::Int(number) => self.write_simple(out, key, INT64, |out| write_int(out, number)),
            Value::Bool(truth) => self.write_simple(out, key, BOOL, |out| write_truth(out, truth)),
            Value::Double(number) if number.is_finite() => {
                self.write_simple(out, key, FLOAT64, |out| write_finite(out, number));
            }
            Value::Double(number) => self.write_not_finite(out, key, number),
            Value::Bytes(text) => self.write_binary(out, key, batch.bytes(text)),
            Value::Empty => self.write_text(out, key, b""),
            Value::List(text) => {
                self.write_composite(out, key, ValueView::List(ListView::new(batch.bytes(text))));
            }
            Value::Map(text) => {
                self.write_composite(out, key, ValueView::Map(MapView::new(batch.bytes(text))));
            }
        }
    }

    /// Appends a tag to a list that was to become a field.
    #[cold]
    fn write_value(&mut self, out: &mut Vec<u8>, Tag { key, value }: Tag<'_>) {
        match value {
            ValueView::Str(text) => self.write_text(out, key, text.as_bytes()),
            ValueView::Empty => self.write_text(out, key, b""),
            ValueView::Int(number) => self.write_simple(out, key, INT64, |out| write_int(out, number)),
            ValueView::Bool(truth) => self.write_simple(out, key, BOOL, |out| write_truth(out, truth)),
            ValueView::Double(number) if number.is_finite() => {
                self.write_simple(out, key, FLOAT64, |out| write_finite(out, number));
            }
            ValueView::Double(number) => self.write_not_finite(out, key, number),
            ValueView::Bytes(bytes) => self.write_binary(out, key, bytes),
            ValueView::List(_) | ValueView::Map(_) => self.write_composite(out, key, value),
        }
    }

    /// Appends a number or a truth to a list.
    #[inline(always)]
    fn write_simple(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        kind: &'static [u8],
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        open_tag(out, key, kind);
        if self.quotes {
            out.push(b'"');
        }
        let start = out.len();
        write(out);
        if may_be_long(key) {
            self.marks.tag(key, &out[start..]);
        }
        if self.quotes {
            out.push(b'"');
        }
        out.extend_from_slice(b"},");
    }

    fn write_composite(&mut self, out: &mut Vec<u8>, key: &[u8], value: ValueView<'_>) {
        let text = json_text(&mut self.scratch, value);
        self.marks.tag(key, text);
        open_tag(out, key, STRING);
        write_string(out, text);
        out.extend_from_slice(b"},");
    }

    /// What JSON has no number for: `NaN`, `Infinity`, `-Infinity`. Were the type `float64`, a Jaeger would read the number and could
    /// then show nothing of the trace as JSON, so it is text to Jaeger; our reader sees from one more key what it was.
    #[cold]
    fn write_not_finite(&mut self, out: &mut Vec<u8>, key: &[u8], number: f64) {
        let name = spoor_model::json::non_finite_name(number).as_bytes();
        self.marks.tag(key, name);
        open_tag(out, key, STRING);
        write_string(out, name);
        out.extend_from_slice(b",\"spoorType\":\"float64\"},");
    }

    fn write_binary(&mut self, out: &mut Vec<u8>, key: &[u8], bytes: &[u8]) {
        open_tag(out, key, BINARY);
        out.push(b'"');
        let start = out.len();
        out.resize(start + 2 * bytes.len(), 0);
        crate::hex::write(&mut out[start..], bytes);
        self.marks.tag(key, &out[start..]);
        out.extend_from_slice(b"\"},");
    }
}

/// Binary values and numbers that are none have no native form, so they never become fields.
#[inline]
fn has_native_form(value: Value) -> bool {
    match value {
        Value::Bytes(_) => false,
        Value::Double(number) => number.is_finite(),
        _ => true,
    }
}

/// Appends a tag up to its value. Always inline: `kind` is a constant of known length at each caller, so that it is copied
/// by a few instructions instead of a call.
#[inline(always)]
fn open_tag(out: &mut Vec<u8>, key: &[u8], kind: &'static [u8]) {
    out.extend_from_slice(b"{\"key\":");
    write_string(out, key);
    out.extend_from_slice(kind);
}

#[inline]
fn write_truth(out: &mut Vec<u8>, truth: bool) {
    out.extend_from_slice(if truth { b"true" } else { b"false" });
}

/// Lists and maps are their JSON text, as Jaeger has them.
fn json_text<'s>(scratch: &'s mut Vec<u8>, value: ValueView<'_>) -> &'s [u8] {
    scratch.clear();
    value.write_json(scratch);
    scratch
}

/// Ends a list or object whose items were each followed by a comma.
#[inline]
pub(super) fn close(out: &mut Vec<u8>, end: u8) {
    match out.last_mut() {
        Some(last) if *last == b',' => *last = end,
        _ => out.push(end),
    }
}

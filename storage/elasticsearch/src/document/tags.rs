//! Hot path: tags in both of Jaeger's forms, as nested lists (`tags`) and as fields of their own (`tag`).
//! Budget: no allocation per tag. Facts: `jaegertracing/jaeger internal/storage/v2/elasticsearch/tracestore/to_dbmodel.go`.

use spoor_model::json::{write_escaped, write_finite, write_int, write_string};
use spoor_model::nested::{ListView, MapView};
use spoor_model::{AttributesView, SpanBatch, Value, ValueView};

const STRING: &[u8] = b",\"type\":\"string\",\"value\":";
const INT64: &[u8] = b",\"type\":\"int64\",\"value\":";
const BOOL: &[u8] = b",\"type\":\"bool\",\"value\":";
const FLOAT64: &[u8] = b",\"type\":\"float64\",\"value\":";
const BINARY: &[u8] = b",\"type\":\"binary\",\"value\":";

/// Which tags become fields of their own, and how these are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagFields {
    /// Stands for `.` in the key.
    pub(crate) dot_replacement: String,
}

impl TagFields {
    /// Tags that Jaeger since 2.8 always keeps as fields: its metrics are computed from them.
    #[inline]
    fn includes(key: &[u8]) -> bool {
        matches!(key, b"span.kind" | b"error")
    }

    /// Appends the field's name as a JSON string.
    fn write_name(&self, out: &mut Vec<u8>, key: &[u8]) {
        out.push(b'"');
        for (index, part) in key.split(|&byte| byte == b'.').enumerate() {
            if index > 0 {
                write_escaped(out, self.dot_replacement.as_bytes());
            }
            write_escaped(out, part);
        }
        out.push(b'"');
    }
}

/// A tag on its way into a document.
#[derive(Clone, Copy)]
pub(super) struct Tag<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: ValueView<'a>,
}

/// Writes one owner's tags: the list at once, the fields behind it. Made once per batch and used for each owner in turn.
pub(super) struct TagWriter<'a> {
    fields: &'a TagFields,
    /// The current owner's tags that become fields. A field has one value: of several tags with a key the first becomes the
    /// field and the others stay in the list, so that none is lost.
    kept: Vec<Tag<'a>>,
    /// Keys that a derived tag will take as a field, whatever attributes say.
    reserved: [&'static [u8]; 2],
    scratch: Vec<u8>,
}

impl<'a> TagWriter<'a> {
    pub(super) fn new(fields: &'a TagFields) -> Self {
        Self { fields, kept: Vec::new(), reserved: [b""; 2], scratch: Vec::new() }
    }

    /// Begins a new owner, whose fields of these keys come from [`TagWriter::field`]; an empty key reserves nothing.
    pub(super) fn begin(&mut self, reserved: [&'static [u8]; 2]) {
        self.kept.clear();
        self.reserved = reserved;
    }

    /// Appends attributes to the list; those that become fields are kept for [`TagWriter::write_fields`].
    #[inline]
    pub(super) fn write_attributes(
        &mut self,
        out: &mut Vec<u8>,
        batch: &'a SpanBatch,
        attributes: AttributesView<'a>,
    ) {
        for attribute in attributes.iter() {
            let row = attribute.row();
            let key = batch.bytes(row.key);
            if TagFields::includes(key) && self.keeps(key, row.value) {
                self.kept.push(Tag { key, value: attribute.value() });
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

    /// Appends a textual tag to the list.
    pub(super) fn write_text(&mut self, out: &mut Vec<u8>, key: &[u8], text: &[u8]) {
        open_tag(out, key, STRING);
        write_string(out, text);
        out.extend_from_slice(b"},");
    }

    /// Keeps a derived tag as a field.
    pub(super) fn field(&mut self, key: &'static [u8], value: ValueView<'a>) {
        self.kept.push(Tag { key, value });
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
            write_native(out, &mut self.scratch, tag.value);
            out.push(b',');
        }
        close(out, b'}');
    }

    /// Binary values have no native form, so they never become fields.
    fn keeps(&self, key: &[u8], value: Value) -> bool {
        !matches!(value, Value::Bytes(_))
            && !self.reserved.contains(&key)
            && !self.kept.iter().any(|kept| kept.key == key)
    }

    #[inline]
    fn write_row(&mut self, out: &mut Vec<u8>, batch: &SpanBatch, key: &[u8], value: Value) {
        match value {
            Value::Str(text) => {
                open_tag(out, key, STRING);
                write_string(out, batch.bytes(text));
            }
            Value::Int(number) => {
                open_tag(out, key, INT64);
                write_int(out, number);
            }
            Value::Bool(truth) => {
                open_tag(out, key, BOOL);
                out.extend_from_slice(if truth { b"true" } else { b"false" });
            }
            Value::Double(number) => {
                open_tag(out, key, FLOAT64);
                write_number(out, number);
            }
            Value::Bytes(text) => {
                open_tag(out, key, BINARY);
                write_hex_string(out, batch.bytes(text));
            }
            Value::Empty => {
                open_tag(out, key, STRING);
                out.extend_from_slice(b"\"\"");
            }
            Value::List(text) => {
                let list = ValueView::List(ListView::new(batch.bytes(text)));
                open_tag(out, key, STRING);
                write_native(out, &mut self.scratch, list);
            }
            Value::Map(text) => {
                let map = ValueView::Map(MapView::new(batch.bytes(text)));
                open_tag(out, key, STRING);
                write_native(out, &mut self.scratch, map);
            }
        }
        out.extend_from_slice(b"},");
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

/// A value as JSON's own kind; lists and maps as their JSON text within a string, as Jaeger has them.
fn write_native(out: &mut Vec<u8>, scratch: &mut Vec<u8>, value: ValueView<'_>) {
    match value {
        ValueView::Empty => out.extend_from_slice(b"\"\""),
        ValueView::Str(text) => write_string(out, text.as_bytes()),
        ValueView::Bool(truth) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
        ValueView::Int(number) => write_int(out, number),
        ValueView::Double(number) => write_number(out, number),
        ValueView::Bytes(bytes) => write_hex_string(out, bytes),
        ValueView::List(_) | ValueView::Map(_) => {
            scratch.clear();
            value.write_json(scratch);
            write_string(out, scratch);
        }
    }
}

/// What JSON cannot say is a string beside the type `float64`: `NaN`, `Infinity`, `-Infinity`, which Go's parser (so Jaeger)
/// and ours read back as the number. The field is a keyword, so the store takes either.
fn write_number(out: &mut Vec<u8>, number: f64) {
    if number.is_finite() {
        write_finite(out, number);
    } else {
        write_string(out, spoor_model::json::non_finite_name(number).as_bytes());
    }
}

fn write_hex_string(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 * bytes.len() + 2);
    out.push(b'"');
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'"');
}

/// Ends a list or object whose items were each followed by a comma.
#[inline]
pub(super) fn close(out: &mut Vec<u8>, end: u8) {
    match out.last_mut() {
        Some(last) if *last == b',' => *last = end,
        _ => out.push(end),
    }
}

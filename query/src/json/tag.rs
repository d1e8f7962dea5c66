//! Hot path: one tag as `{"key","type","value"}`. Budget: no allocation but the buffer's growth; nested values and bytes, which are
//! rare, go through a scratch buffer.

use spoor_model::{AttributesView, ValueView, json, write_base64};

/// JavaScript's numbers are exact up to here; larger integers travel as strings, their type stays `int64`.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Writes one list of tags, a comma before each but the first.
pub(super) struct TagList<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> TagList<'o> {
    pub(super) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, is_empty: true }
    }

    pub(super) fn add(&mut self, key: &str, value: ValueView<'_>) {
        self.separate();
        write_tag(self.out, key.as_bytes(), value);
    }

    /// Adds all attributes but those under the key that has a place of its own, if there is one.
    pub(super) fn add_all(&mut self, attributes: AttributesView<'_>, elsewhere: Option<&str>) {
        for attribute in attributes.iter() {
            let key = attribute.key_bytes();
            if elsewhere.is_some_and(|elsewhere| key == elsewhere.as_bytes()) {
                continue;
            }
            self.separate();
            match attribute.text_bytes() {
                Some(text) => write_text_tag(self.out, key, text),
                None => write_tag(self.out, key, attribute.value()),
            }
        }
    }

    pub(super) fn end(self) {
        self.out.push(b']');
    }

    fn separate(&mut self) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
    }
}

/// The most frequent tag by far.
fn write_text_tag(out: &mut Vec<u8>, key: &[u8], text: &[u8]) {
    out.extend_from_slice(b"{\"key\":\"");
    json::write_escaped(out, key);
    out.extend_from_slice(b"\",\"type\":\"string\",\"value\":\"");
    json::write_escaped(out, text);
    out.extend_from_slice(b"\"}");
}

fn write_tag(out: &mut Vec<u8>, key: &[u8], value: ValueView<'_>) {
    out.extend_from_slice(b"{\"key\":");
    json::write_string(out, key);
    match value {
        ValueView::Empty => out.extend_from_slice(b",\"type\":\"string\",\"value\":\"\""),
        ValueView::Str(text) => {
            out.extend_from_slice(b",\"type\":\"string\",\"value\":");
            json::write_string(out, text.as_bytes());
        }
        ValueView::Bool(truth) => {
            out.extend_from_slice(b",\"type\":\"bool\",\"value\":");
            out.extend_from_slice(if truth { b"true" } else { b"false" });
        }
        ValueView::Int(number) => {
            out.extend_from_slice(b",\"type\":\"int64\",\"value\":");
            write_int64(out, number);
        }
        ValueView::Double(number) => {
            // A double that JSON cannot say becomes a string: Jaeger fails the whole answer there.
            out.extend_from_slice(b",\"type\":\"float64\",\"value\":");
            json::write_double(out, number);
        }
        ValueView::Bytes(bytes) => {
            out.extend_from_slice(b",\"type\":\"binary\",\"value\":\"");
            write_base64(out, bytes);
            out.push(b'"');
        }
        ValueView::List(_) | ValueView::Map(_) => {
            let mut text = Vec::new();
            value.write_json(&mut text);
            out.extend_from_slice(b",\"type\":\"string\",\"value\":");
            json::write_string(out, &text);
        }
    }
    out.push(b'}');
}

fn write_int64(out: &mut Vec<u8>, number: i64) {
    let exact = number.unsigned_abs() <= MAX_SAFE_INTEGER;
    if !exact {
        out.push(b'"');
    }
    json::write_int(out, number);
    if !exact {
        out.push(b'"');
    }
}

//! Hot path: one tag as `{"key","type","value"}`. Budget: no allocation but the buffer's growth; nested values and bytes, which are
//! rare, go through a scratch buffer.

use spoor_model::{ValueView, json, write_base64};

/// JavaScript's numbers are exact up to here; larger integers travel as strings, their type stays `int64`.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Appends a list of tags.
pub(super) fn write_tags<'a>(out: &mut Vec<u8>, tags: impl IntoIterator<Item = (&'a str, ValueView<'a>)>) {
    out.push(b'[');
    for (index, (key, value)) in tags.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_tag(out, key, value);
    }
    out.push(b']');
}

fn write_tag(out: &mut Vec<u8>, key: &str, value: ValueView<'_>) {
    out.extend_from_slice(b"{\"key\":");
    json::write_string(out, key.as_bytes());
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

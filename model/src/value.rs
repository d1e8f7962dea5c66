//! A value as readers see it, and its text forms.

use crate::json;
use crate::nested::{ListView, MapView};

/// An attribute's value, borrowed from its batch.
#[derive(Clone, Copy, Default)]
pub enum ValueView<'a> {
    /// A key with nothing behind it.
    #[default]
    Empty,
    /// Text.
    Str(&'a str),
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A double, NaN and infinities included.
    Double(f64),
    /// Arbitrary bytes.
    Bytes(&'a [u8]),
    /// A list.
    List(ListView<'a>),
    /// A map.
    Map(MapView<'a>),
}

impl<'a> ValueView<'a> {
    /// The text of a textual value.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The truth of a boolean value.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// The number of an integer value.
    #[must_use]
    pub fn as_int(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            _ => None,
        }
    }

    /// Appends the value as JSON: bytes as standard base64 text, non-finite doubles as strings, empty as `null`.
    pub fn write_json(self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => out.extend_from_slice(b"null"),
            Self::Str(text) => json::write_string(out, text.as_bytes()),
            Self::Bool(truth) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
            Self::Int(number) => json::write_int(out, number),
            Self::Double(number) => json::write_double(out, number),
            Self::Bytes(bytes) => {
                out.push(b'"');
                write_base64(out, bytes);
                out.push(b'"');
            }
            Self::List(list) => {
                out.push(b'[');
                for (index, item) in list.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write_json(out);
                }
                out.push(b']');
            }
            Self::Map(map) => {
                out.push(b'{');
                for (index, (key, value)) in map.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    json::write_string(out, key.as_bytes());
                    out.push(b':');
                    value.write_json(out);
                }
                out.push(b'}');
            }
        }
    }

    /// The value as plain text, the form that tag searches compare: text as it is, numbers and truths as JSON writes them,
    /// lists and maps as JSON, bytes as base64, empty as nothing.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut out = Vec::new();
        match self {
            Self::Empty => {}
            Self::Str(text) => return text.to_owned(),
            Self::Bytes(bytes) => write_base64(&mut out, bytes),
            Self::Double(number) if !number.is_finite() => return json::non_finite_name(number).to_owned(),
            Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::List(_) | Self::Map(_) => {
                self.write_json(&mut out)
            }
        }
        String::from_utf8(out).expect("JSON and base64 are UTF-8")
    }
}

/// Same kind of value and same content; doubles by their bits, so that NaN equals itself; lists and maps item by item.
impl PartialEq for ValueView<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, Self::Empty) => true,
            (Self::Str(left), Self::Str(right)) => left == right,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::Double(left), Self::Double(right)) => left.to_bits() == right.to_bits(),
            (Self::Bytes(left), Self::Bytes(right)) => left == right,
            (Self::List(left), Self::List(right)) => left.iter().eq(right.iter()),
            (Self::Map(left), Self::Map(right)) => left.iter().eq(right.iter()),
            _ => false,
        }
    }
}

impl std::fmt::Debug for ValueView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Str(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "{bytes:02x?}"),
            other => f.write_str(&other.to_text()),
        }
    }
}

/// Appends standard base64 with padding.
pub fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, &byte| (word << 8) | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let sextet = (word >> (18 - 6 * digit)) & 63;
            out.push(if digit <= chunk.len() { DIGITS[sextet as usize] } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nested::{encode_list, encode_map};

    #[test]
    fn nested_values_read_back_and_print_as_json() {
        let mut list = Vec::new();
        encode_list(
            &mut list,
            [ValueView::Int(-1), ValueView::Str("a\"b"), ValueView::Empty, ValueView::Double(f64::NAN)],
        );
        let mut map = Vec::new();
        let list_view = ValueView::List(ListView::new(&list));
        encode_map(
            &mut map,
            [("k", list_view), ("b", ValueView::Bytes(b"\xff\x00")), ("t", ValueView::Bool(true))],
        );
        let map_view = ValueView::Map(MapView::new(&map));
        assert_eq!(map_view.to_text(), r#"{"k":[-1,"a\"b",null,"NaN"],"b":"/wA=","t":true}"#);
        assert_eq!(map_view, map_view);
        assert_ne!(map_view, list_view);
    }

    #[test]
    fn a_broken_encoding_ends_the_list_without_harm() {
        let mut list = Vec::new();
        encode_list(&mut list, [ValueView::Int(1), ValueView::Int(2)]);
        for cut in 0..list.len() {
            assert!(ListView::new(&list[..cut]).iter().count() <= 2);
        }
        assert_eq!(ListView::new(&[0xff; 32]).iter().count(), 0);
    }

    #[test]
    fn base64_pads_as_the_standard_says() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            let mut out = Vec::new();
            write_base64(&mut out, bytes.as_bytes());
            assert_eq!(out, text.as_bytes());
        }
    }
}

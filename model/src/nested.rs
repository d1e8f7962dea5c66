//! Lists and maps as attribute values: kept encoded, read lazily.
//! The encoding is that of OTLP's `ArrayValue` and `KeyValueList` (`opentelemetry-proto common/v1/common.proto`), so that a
//! decoder of OTLP keeps the received bytes as they are. Whoever puts encoded bytes into a batch has checked them first
//! (lengths, depth, UTF-8); a reader of bytes that break the promise sees the values before the break and nothing after.

use crate::ValueView;

/// How deep lists and maps may lie in one another; decoders refuse more.
pub const MAX_DEPTH: usize = 32;

/// A list value.
#[derive(Clone, Copy, Default)]
pub struct ListView<'a>(&'a [u8]);

/// A map value; keys may repeat, order is kept.
#[derive(Clone, Copy, Default)]
pub struct MapView<'a>(&'a [u8]);

impl<'a> ListView<'a> {
    /// Reads an encoded `ArrayValue`.
    #[must_use]
    pub fn new(encoded: &'a [u8]) -> Self {
        Self(encoded)
    }

    /// The encoded form.
    #[must_use]
    pub fn encoded(self) -> &'a [u8] {
        self.0
    }

    /// The items in order.
    pub fn iter(self) -> impl Iterator<Item = ValueView<'a>> {
        Fields(self.0).filter_map(|field| match field {
            Field::Bytes(1, item) => Some(decode_value(item)),
            _ => None,
        })
    }
}

impl<'a> MapView<'a> {
    /// Reads an encoded `KeyValueList`.
    #[must_use]
    pub fn new(encoded: &'a [u8]) -> Self {
        Self(encoded)
    }

    /// The encoded form.
    #[must_use]
    pub fn encoded(self) -> &'a [u8] {
        self.0
    }

    /// The entries in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, ValueView<'a>)> {
        Fields(self.0).filter_map(|field| match field {
            Field::Bytes(1, entry) => Some(decode_entry(entry)),
            _ => None,
        })
    }
}

fn decode_entry(entry: &[u8]) -> (&str, ValueView<'_>) {
    let mut key = "";
    let mut value = ValueView::Empty;
    for field in Fields(entry) {
        match field {
            Field::Bytes(1, text) => key = utf8(text),
            Field::Bytes(2, encoded) => value = decode_value(encoded),
            _ => {}
        }
    }
    (key, value)
}

/// Reads an encoded `AnyValue`; the last field set wins, as protobuf wants for a `oneof`.
fn decode_value(encoded: &[u8]) -> ValueView<'_> {
    let mut value = ValueView::Empty;
    for field in Fields(encoded) {
        value = match field {
            Field::Bytes(1, text) => ValueView::Str(utf8(text)),
            Field::Varint(2, number) => ValueView::Bool(number != 0),
            Field::Varint(3, number) => ValueView::Int(number.cast_signed()),
            Field::Fixed64(4, bits) => ValueView::Double(f64::from_bits(bits)),
            Field::Bytes(5, list) => ValueView::List(ListView(list)),
            Field::Bytes(6, map) => ValueView::Map(MapView(map)),
            Field::Bytes(7, bytes) => ValueView::Bytes(bytes),
            _ => value,
        };
    }
    value
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// One protobuf field: number and content. 32-bit fields do not occur in the encoding and are passed over.
enum Field<'a> {
    Varint(u64, u64),
    Fixed64(u64, u64),
    Bytes(u64, &'a [u8]),
    Other,
}

/// Walks the fields of one message; ends at the first thing that is not protobuf.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for (index, &byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.0 = &self.0[index + 1..];
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let tag = self.varint()?;
        let number = tag >> 3;
        match tag & 7 {
            0 => Some(Field::Varint(number, self.varint()?)),
            1 => {
                let bytes = <[u8; 8]>::try_from(self.take(8)?).ok()?;
                Some(Field::Fixed64(number, u64::from_le_bytes(bytes)))
            }
            2 => {
                let len = usize::try_from(self.varint()?).ok()?;
                Some(Field::Bytes(number, self.take(len)?))
            }
            5 => self.take(4).map(|_| Field::Other),
            _ => None,
        }
    }
}

/// Appends the encoded form of a list.
pub fn encode_list<'a>(out: &mut Vec<u8>, items: impl IntoIterator<Item = ValueView<'a>>) {
    for item in items {
        let mut body = Vec::new();
        encode_value(&mut body, item);
        write_bytes(out, 1, &body);
    }
}

/// Appends the encoded form of a map.
pub fn encode_map<'a>(out: &mut Vec<u8>, entries: impl IntoIterator<Item = (&'a str, ValueView<'a>)>) {
    for (key, value) in entries {
        let mut entry = Vec::new();
        write_bytes(&mut entry, 1, key.as_bytes());
        let mut body = Vec::new();
        encode_value(&mut body, value);
        write_bytes(&mut entry, 2, &body);
        write_bytes(out, 1, &entry);
    }
}

/// Appends one value as an OTLP `AnyValue` message (its content, without a length before it).
pub fn encode_value(out: &mut Vec<u8>, value: ValueView<'_>) {
    match value {
        ValueView::Empty => {}
        ValueView::Str(text) => write_bytes(out, 1, text.as_bytes()),
        ValueView::Bool(truth) => {
            out.push(2 << 3);
            out.push(u8::from(truth));
        }
        ValueView::Int(number) => {
            out.push(3 << 3);
            write_varint(out, number.cast_unsigned());
        }
        ValueView::Double(number) => {
            out.push((4 << 3) | 1);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueView::List(list) => write_bytes(out, 5, list.0),
        ValueView::Map(map) => write_bytes(out, 6, map.0),
        ValueView::Bytes(bytes) => write_bytes(out, 7, bytes),
    }
}

fn write_bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push((field << 3) | 2);
    write_varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

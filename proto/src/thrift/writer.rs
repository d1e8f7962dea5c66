//! Writing Thrift, for who plays a client: the generator of load, and tests.

use super::Kind;

/// Writes values of one protocol to the end of a buffer.
pub trait Writer {
    /// Begins a oneway call of a method; its arguments' struct follows.
    fn begin_message(&mut self, method: &str);
    /// Begins a struct; fields follow in ascending order, then [`Writer::end_struct`].
    fn begin_struct(&mut self);
    /// The head of a field whose value, of this type and not a truth, is written next.
    fn field(&mut self, id: i16, kind: Kind);
    /// A field with a truth.
    fn bool_field(&mut self, id: i16, truth: bool);
    /// Ends the innermost struct.
    fn end_struct(&mut self);
    /// The head of a list of so many items of this type.
    fn list(&mut self, kind: Kind, count: usize);
    /// 32 bits.
    fn i32(&mut self, value: i32);
    /// 64 bits.
    fn i64(&mut self, value: i64);
    /// A double.
    fn double(&mut self, value: f64);
    /// Text or bytes.
    fn bytes(&mut self, value: &[u8]);
}

/// The binary protocol.
#[derive(Debug)]
pub struct BinaryWriter<'o>(pub &'o mut Vec<u8>);

/// The compact protocol.
#[derive(Debug)]
pub struct CompactWriter<'o> {
    out: &'o mut Vec<u8>,
    /// The number of the newest field of each open struct.
    newest: Vec<i16>,
}

/// A length or count on the wire: what is longer than Thrift can say does not fit a message anyway.
fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

impl BinaryWriter<'_> {
    fn kind(&mut self, kind: Kind) {
        self.0.push(match kind {
            Kind::Bool => 2,
            Kind::Byte => 3,
            Kind::Double => 4,
            Kind::I16 => 6,
            Kind::I32 => 8,
            Kind::I64 => 10,
            Kind::String => 11,
            Kind::Struct => 12,
            Kind::Map => 13,
            Kind::Set => 14,
            Kind::List => 15,
        });
    }
}

impl Writer for BinaryWriter<'_> {
    fn begin_message(&mut self, method: &str) {
        // Strict form, version 1, oneway.
        self.0.extend_from_slice(&[0x80, 1, 0, 4]);
        self.bytes(method.as_bytes());
        self.i32(0);
    }

    fn begin_struct(&mut self) {}

    fn field(&mut self, id: i16, kind: Kind) {
        self.kind(kind);
        self.0.extend_from_slice(&id.to_be_bytes());
    }

    fn bool_field(&mut self, id: i16, truth: bool) {
        self.field(id, Kind::Bool);
        self.0.push(u8::from(truth));
    }

    fn end_struct(&mut self) {
        self.0.push(0);
    }

    fn list(&mut self, kind: Kind, count: usize) {
        self.kind(kind);
        self.i32(length(count));
    }

    fn i32(&mut self, value: i32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn double(&mut self, value: f64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.i32(length(value.len()));
        self.0.extend_from_slice(value);
    }
}

impl<'o> CompactWriter<'o> {
    /// At the end of `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, newest: Vec::new() }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(0x80 | value.to_le_bytes()[0]);
            value >>= 7;
        }
        self.out.push(value.to_le_bytes()[0]);
    }

    fn head(&mut self, id: i16, code: u8) {
        let newest = self.newest.last_mut().expect("a field is written within a struct");
        let step = id.wrapping_sub(*newest);
        *newest = id;
        match u8::try_from(step) {
            Ok(step @ 1..=15) => self.out.push(step << 4 | code),
            _ => {
                self.out.push(code);
                self.i64(id.into());
            }
        }
    }
}

fn compact_code(kind: Kind) -> u8 {
    match kind {
        Kind::Bool => 1,
        Kind::Byte => 3,
        Kind::I16 => 4,
        Kind::I32 => 5,
        Kind::I64 => 6,
        Kind::Double => 7,
        Kind::String => 8,
        Kind::List => 9,
        Kind::Set => 10,
        Kind::Map => 11,
        Kind::Struct => 12,
    }
}

impl Writer for CompactWriter<'_> {
    fn begin_message(&mut self, method: &str) {
        // Version 1, oneway, number 0.
        self.out.extend_from_slice(&[0x82, 0x81, 0]);
        self.bytes(method.as_bytes());
    }

    fn begin_struct(&mut self) {
        self.newest.push(0);
    }

    fn field(&mut self, id: i16, kind: Kind) {
        self.head(id, compact_code(kind));
    }

    fn bool_field(&mut self, id: i16, truth: bool) {
        self.head(id, if truth { 1 } else { 2 });
    }

    fn end_struct(&mut self) {
        self.newest.pop();
        self.out.push(0);
    }

    fn list(&mut self, kind: Kind, count: usize) {
        match u8::try_from(count) {
            Ok(few @ 0..=14) => self.out.push(few << 4 | compact_code(kind)),
            _ => {
                self.out.push(0xf0 | compact_code(kind));
                self.varint(count as u64);
            }
        }
    }

    fn i32(&mut self, value: i32) {
        self.i64(value.into());
    }

    fn i64(&mut self, value: i64) {
        self.varint((value << 1 ^ value >> 63).cast_unsigned());
    }

    fn double(&mut self, value: f64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.varint(value.len() as u64);
        self.out.extend_from_slice(value);
    }
}

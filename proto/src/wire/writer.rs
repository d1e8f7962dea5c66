//! Writes a protobuf message straight into one buffer: canonical lengths, nothing allocated but the buffer itself.
//! Used by the Jaeger and OTLP encoders; proto3's rule that defaults are omitted is the caller's to apply.
//! Hot path: a nested message is written in place and its length put in front afterwards.

use super::Tag;

/// Appends fields to a buffer that the caller owns.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends behind what `out` already holds.
    #[must_use]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// A bare varint.
    #[inline]
    pub fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(low_bits(value) | 0x80);
            value >>= 7;
        }
        self.out.push(low_bits(value));
    }

    /// Bytes as they are, for instance fields that were encoded before.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn tag(&mut self, tag: Tag) {
        self.raw_varint(u64::from(tag.0));
    }

    /// An integer, bool or enum field (a negative `int32` is to be widened to 64 bits first).
    #[inline]
    pub fn varint(&mut self, number: u32, value: u64) {
        self.tag(Tag::varint(number));
        self.raw_varint(value);
    }

    /// An `int64` field.
    #[inline]
    pub fn int64(&mut self, number: u32, value: i64) {
        self.varint(number, value.cast_unsigned());
    }

    /// A `fixed64` field.
    #[inline]
    pub fn fixed64(&mut self, number: u32, value: u64) {
        self.tag(Tag::fixed64(number));
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// A `double` field.
    #[inline]
    pub fn double(&mut self, number: u32, value: f64) {
        self.fixed64(number, value.to_bits());
    }

    /// A `fixed32` field.
    #[inline]
    pub fn fixed32(&mut self, number: u32, value: u32) {
        self.tag(Tag::fixed32(number));
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// A `bytes` field, or a nested message that is encoded already.
    #[inline]
    pub fn bytes(&mut self, number: u32, value: &[u8]) {
        self.tag(Tag::length(number));
        self.raw_varint(value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// The beginning of a nested message whose length is known: its tag and length; the caller writes exactly so many bytes.
    #[inline]
    pub fn length(&mut self, number: u32, length: usize) {
        self.tag(Tag::length(number));
        self.raw_varint(length as u64);
    }

    /// A `string` field.
    #[inline]
    pub fn string(&mut self, number: u32, value: &str) {
        self.bytes(number, value.as_bytes());
    }

    /// A nested message (or a text whose length is not known before) written by `body`.
    #[inline]
    pub fn message<R>(&mut self, number: u32, body: impl FnOnce(&mut Writer<'_>) -> R) -> R {
        self.tag(Tag::length(number));
        let start = self.out.len();
        // One byte is enough for the many small messages; the body of a longer one is moved up once.
        self.out.push(0);
        let result = body(&mut Writer { out: self.out });
        let length = self.out.len() - start - 1;
        match u8::try_from(length) {
            Ok(short @ 0..0x80) => self.out[start] = short,
            _ => self.insert_length(start, length),
        }
        result
    }

    /// The buffer, for a body that is text made by another writer (JSON within a string field).
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    fn insert_length(&mut self, start: usize, length: usize) {
        let width = varint_width(length as u64);
        let body = start + 1..self.out.len();
        self.out.resize(self.out.len() + width - 1, 0);
        self.out.copy_within(body, start + width);
        let mut value = length as u64;
        for place in &mut self.out[start..start + width - 1] {
            *place = low_bits(value) | 0x80;
            value >>= 7;
        }
        self.out[start + width - 1] = low_bits(value);
    }
}

#[inline]
fn low_bits(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}

/// Bytes of a varint.
pub(crate) fn varint_width(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

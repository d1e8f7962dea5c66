//! Reads fields off a protobuf message: tags, varints, fixed-width numbers, length-delimited slices, skipping.
//! Used by the OTLP and Jaeger walks over a received body; knows nothing of any message.
//! Hot path: no allocation; single-byte varints and tags inline.

use std::ops::Range;

use super::{MAX_GROUP_DEPTH, MAX_MESSAGE_BYTES, Tag};
use crate::error::{DecodeError, Problem};

/// A cursor over one message; a copy is an independent cursor at the same place.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Absolute offset of the message's end in the received body.
    end: usize,
}

/// Bytes lent from the received body, with their place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Absolute offset of the first byte in the received body.
    pub start: usize,
}

impl<'a> Slice<'a> {
    /// The place of the bytes in the received body.
    #[inline]
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.bytes.len()
    }

    /// A cursor over the slice as a message of its own.
    #[inline]
    #[must_use]
    pub fn reader(&self) -> Reader<'a> {
        Reader { rest: self.bytes, end: self.start + self.bytes.len() }
    }
}

impl<'a> Reader<'a> {
    /// A cursor at the start of a whole received body.
    ///
    /// # Errors
    /// When the body is longer than [`MAX_MESSAGE_BYTES`].
    pub fn new(body: &'a [u8]) -> Result<Self, DecodeError> {
        if body.len() > MAX_MESSAGE_BYTES {
            let problem = Problem::TooMany { what: "bytes in one message", limit: MAX_MESSAGE_BYTES };
            return Err(DecodeError::new(problem, 0));
        }
        Ok(Self { rest: body, end: body.len() })
    }

    /// Absolute offset of the next byte in the received body.
    #[inline]
    #[must_use]
    pub fn position(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The next field's tag, or `None` at the end of the message.
    ///
    /// # Errors
    /// A truncated or invalid tag.
    #[inline]
    pub fn tag(&mut self) -> Result<Option<Tag>, DecodeError> {
        match *self.rest {
            [] => Ok(None),
            // One byte holds the field numbers 1 to 15; the wire types 3, 4, 6 and 7 take the long way.
            [byte @ 8..0x80, ref rest @ ..] if matches!(byte & 7, 0..=2 | 5) => {
                self.rest = rest;
                Ok(Some(Tag(u32::from(byte))))
            }
            _ => self.long_tag().map(Some),
        }
    }

    #[cold]
    fn long_tag(&mut self) -> Result<Tag, DecodeError> {
        let start = self.position();
        let invalid = || DecodeError::new(Problem::Tag, start);
        let tag = Tag(u32::try_from(self.varint()?).map_err(|_| invalid())?);
        if tag.number() == 0 || tag.wire_type() > Tag::FIXED32 {
            return Err(invalid());
        }
        Ok(tag)
    }

    /// A 64-bit varint.
    ///
    /// # Errors
    /// When the message ends inside it, or it has more than 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        match *self.rest {
            [byte @ 0..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            [low, high @ 0..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                if index == 9 && byte > 1 {
                    break;
                }
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        let problem = if self.rest.len() < 10 { Problem::Truncated } else { Problem::Varint };
        Err(self.error(problem))
    }

    /// A varint of which the lowest 32 bits count, as protobuf reads `uint32`, `int32` and enums.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    #[inline]
    pub fn varint32(&mut self) -> Result<u32, DecodeError> {
        let [a, b, c, d, ..] = self.varint()?.to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    /// An `int64` varint.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    #[inline]
    pub fn int64(&mut self) -> Result<i64, DecodeError> {
        Ok(self.varint()?.cast_signed())
    }

    /// An `int32` or enum varint.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    #[inline]
    pub fn int32(&mut self) -> Result<i32, DecodeError> {
        Ok(self.varint32()?.cast_signed())
    }

    /// A `bool` varint.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    #[inline]
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.varint()? != 0)
    }

    /// Eight little-endian bytes.
    ///
    /// # Errors
    /// When the message ends inside them.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, DecodeError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(self.error(Problem::Truncated));
        };
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// A `double`.
    ///
    /// # Errors
    /// As [`Reader::fixed64`].
    #[inline]
    pub fn double(&mut self) -> Result<f64, DecodeError> {
        self.fixed64().map(f64::from_bits)
    }

    /// Four little-endian bytes.
    ///
    /// # Errors
    /// When the message ends inside them.
    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, DecodeError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(self.error(Problem::Truncated));
        };
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// The bytes of a length-delimited value: a string (not yet checked as UTF-8), bytes or a message.
    ///
    /// # Errors
    /// When the length points behind the end of this message.
    #[inline]
    pub fn slice(&mut self) -> Result<Slice<'a>, DecodeError> {
        let length = self.varint()?;
        let start = self.position();
        let split = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let Some((bytes, rest)) = split else {
            return Err(self.error(Problem::Truncated));
        };
        self.rest = rest;
        Ok(Slice { bytes, start })
    }

    /// A cursor over a nested message.
    ///
    /// # Errors
    /// As [`Reader::slice`].
    #[inline]
    pub fn message(&mut self) -> Result<Reader<'a>, DecodeError> {
        Ok(self.slice()?.reader())
    }

    /// Skips the value of a field that the caller does not know.
    /// `last_known`: the highest field number of the message; a lower one here has the wrong wire type.
    ///
    /// # Errors
    /// [`Problem::WireType`] for a number up to `last_known`, or a value that cannot be skipped.
    #[cold]
    pub fn skip_unknown(&mut self, tag: Tag, last_known: u32) -> Result<(), DecodeError> {
        if tag.number() <= last_known {
            return Err(self.error(Problem::WireType { number: tag.number(), found: tag.wire_type() }));
        }
        self.skip(tag)
    }

    /// Skips the value behind `tag`, whatever it is.
    ///
    /// # Errors
    /// A truncated value, or groups that do not match or nest deeper than [`MAX_GROUP_DEPTH`].
    pub fn skip(&mut self, tag: Tag) -> Result<(), DecodeError> {
        self.skip_nested(tag, 0)
    }

    fn skip_nested(&mut self, tag: Tag, depth: usize) -> Result<(), DecodeError> {
        match tag.wire_type() {
            Tag::VARINT => self.varint().map(drop),
            Tag::FIXED64 => self.fixed64().map(drop),
            Tag::LENGTH => self.slice().map(drop),
            Tag::FIXED32 => self.fixed32().map(drop),
            Tag::GROUP_START => self.skip_group(tag.number(), depth),
            _ => Err(self.error(Problem::Group)),
        }
    }

    fn skip_group(&mut self, number: u32, depth: usize) -> Result<(), DecodeError> {
        if depth >= MAX_GROUP_DEPTH {
            return Err(self.error(Problem::Depth { limit: MAX_GROUP_DEPTH }));
        }
        while let Some(tag) = self.tag()? {
            if tag.wire_type() == Tag::GROUP_END && tag.number() == number {
                return Ok(());
            }
            self.skip_nested(tag, depth + 1)?;
        }
        Err(self.error(Problem::Truncated))
    }

    /// An error at the cursor's place.
    #[cold]
    #[must_use]
    pub fn error(&self, problem: Problem) -> DecodeError {
        DecodeError::new(problem, self.position())
    }
}

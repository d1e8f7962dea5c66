//! Thrift's compact protocol: zigzag varints, field numbers as steps, a truth within its field's header, doubles little-endian
//! (Apache Thrift `doc/specs/thrift-compact-protocol.md`).

use super::{Field, Kind, MAX_DEPTH, Reader};
use crate::error::{DecodeError, Problem};
use crate::wire::Slice;

/// Structs that can be open at a time: what a converter opens, and what is skipped within.
const MAX_OPEN: usize = MAX_DEPTH + 16;

/// The first byte of a message.
const PROTOCOL: u8 = 0x82;
/// In the low bits of the second one.
const VERSION: u8 = 1;

/// A cursor over a message in the compact protocol.
#[derive(Debug, Clone)]
pub struct CompactReader<'a> {
    rest: &'a [u8],
    end: usize,
    /// The number of the newest field of each open struct.
    newest: [i16; MAX_OPEN],
    open: usize,
    /// The truth that a field's header told.
    told: Option<bool>,
}

impl<'a> CompactReader<'a> {
    /// At the start of `message`.
    #[must_use]
    pub fn new(message: Slice<'a>) -> Self {
        let end = message.start + message.bytes.len();
        Self { rest: message.bytes, end, newest: [0; MAX_OPEN], open: 0, told: None }
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error(Problem::Varint))
    }

    fn zigzag(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn kind_of(&self, code: u8) -> Result<Kind, DecodeError> {
        Ok(match code {
            1 | 2 => Kind::Bool,
            3 => Kind::Byte,
            4 => Kind::I16,
            5 => Kind::I32,
            6 => Kind::I64,
            7 => Kind::Double,
            8 => Kind::String,
            9 => Kind::List,
            10 => Kind::Set,
            11 => Kind::Map,
            12 => Kind::Struct,
            _ => return Err(self.error(Problem::Malformed("there is no such Thrift type"))),
        })
    }

    /// A number of items, each of which takes a byte at least, or of bytes.
    fn count(&mut self, count: u64) -> Result<usize, DecodeError> {
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() => Ok(count),
            _ => Err(self.error(Problem::Truncated)),
        }
    }

    #[cold]
    fn error(&self, problem: Problem) -> DecodeError {
        DecodeError::new(problem, self.position())
    }
}

impl<'a> Reader<'a> for CompactReader<'a> {
    fn position(&self) -> usize {
        self.end - self.rest.len()
    }

    fn begin_message(&mut self) -> Result<Slice<'a>, DecodeError> {
        if self.byte()? != PROTOCOL || self.byte()? & 0x1f != VERSION {
            return Err(self.error(Problem::Malformed("this is no message in Thrift's compact protocol")));
        }
        self.varint()?;
        self.bytes()
    }

    fn begin_struct(&mut self) -> Result<(), DecodeError> {
        let Some(newest) = self.newest.get_mut(self.open) else {
            return Err(self.error(Problem::Depth { limit: MAX_OPEN }));
        };
        *newest = 0;
        self.open += 1;
        Ok(())
    }

    fn field(&mut self) -> Result<Option<Field>, DecodeError> {
        let header = self.byte()?;
        let Some(innermost) = self.open.checked_sub(1) else {
            return Err(self.error(Problem::Malformed("a field outside of any struct")));
        };
        if header == 0 {
            self.open = innermost;
            return Ok(None);
        }
        let kind = self.kind_of(header & 0x0f)?;
        let id = match i16::from(header >> 4) {
            0 => self.i16()?,
            step => self.newest[innermost].wrapping_add(step),
        };
        self.newest[innermost] = id;
        self.told = (kind == Kind::Bool).then_some(header & 0x0f == 1);
        Ok(Some(Field { id, kind }))
    }

    fn list(&mut self) -> Result<(Kind, usize), DecodeError> {
        let header = self.byte()?;
        let kind = self.kind_of(header & 0x0f)?;
        let count = match header >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        Ok((kind, self.count(count)?))
    }

    fn map(&mut self) -> Result<(Kind, Kind, usize), DecodeError> {
        let count = self.varint()?;
        if count == 0 {
            // An empty map has no types.
            return Ok((Kind::Byte, Kind::Byte, 0));
        }
        let kinds = self.byte()?;
        let (key, value) = (self.kind_of(kinds >> 4)?, self.kind_of(kinds & 0x0f)?);
        Ok((key, value, self.count(count)?))
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.told.take() {
            Some(told) => Ok(told),
            None => Ok(self.byte()? == 1),
        }
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let Some((byte, rest)) = self.rest.split_first() else {
            return Err(self.error(Problem::Truncated));
        };
        self.rest = rest;
        Ok(*byte)
    }

    fn i16(&mut self) -> Result<i16, DecodeError> {
        let value = self.zigzag()?;
        i16::try_from(value).map_err(|_| self.error(Problem::Malformed("the integer has more than 16 bits")))
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        let value = self.zigzag()?;
        i32::try_from(value).map_err(|_| self.error(Problem::Malformed("the integer has more than 32 bits")))
    }

    fn i64(&mut self) -> Result<i64, DecodeError> {
        self.zigzag()
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(self.error(Problem::Truncated));
        };
        self.rest = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    fn bytes(&mut self) -> Result<Slice<'a>, DecodeError> {
        let length = self.varint()?;
        let length = self.count(length)?;
        let start = self.position();
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(Slice { bytes, start })
    }
}

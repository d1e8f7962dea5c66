//! Thrift's binary protocol: everything big-endian and of fixed width.

use super::{Field, Kind, Reader};
use crate::error::{DecodeError, Problem};
use crate::wire::Slice;

/// A cursor over a message in the binary protocol.
#[derive(Debug, Clone)]
pub struct BinaryReader<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> BinaryReader<'a> {
    /// At the start of `message`.
    #[must_use]
    pub fn new(message: Slice<'a>) -> Self {
        Self { rest: message.bytes, end: message.start + message.bytes.len() }
    }

    /// True when everything was read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(self.error(Problem::Truncated));
        };
        self.rest = rest;
        Ok(*bytes)
    }

    fn kind(&mut self) -> Result<Kind, DecodeError> {
        let code = self.byte()?;
        self.kind_of(code)
    }

    fn kind_of(&self, code: u8) -> Result<Kind, DecodeError> {
        Ok(match code {
            2 => Kind::Bool,
            3 => Kind::Byte,
            4 => Kind::Double,
            6 => Kind::I16,
            8 => Kind::I32,
            10 => Kind::I64,
            11 => Kind::String,
            12 => Kind::Struct,
            13 => Kind::Map,
            14 => Kind::Set,
            15 => Kind::List,
            _ => return Err(self.error(Problem::Malformed("there is no such Thrift type"))),
        })
    }

    /// A number of items, each of which takes a byte at least.
    fn count(&mut self) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.i32()?);
        match count {
            Ok(count) if count <= self.rest.len() => Ok(count),
            _ => Err(self.error(Problem::Truncated)),
        }
    }

    #[cold]
    fn error(&self, problem: Problem) -> DecodeError {
        DecodeError::new(problem, self.position())
    }
}

impl<'a> Reader<'a> for BinaryReader<'a> {
    fn position(&self) -> usize {
        self.end - self.rest.len()
    }

    fn begin_message(&mut self) -> Result<Slice<'a>, DecodeError> {
        let begin = self.clone();
        let first = self.i32()?.cast_unsigned();
        if first & 0x8000_0000 == 0 {
            // The older form: the name's length comes first, the type of the message behind the name.
            *self = begin;
            let name = self.bytes()?;
            self.byte()?;
            self.i32()?;
            return Ok(name);
        }
        if first & 0xffff_0000 != 0x8001_0000 {
            return Err(self.error(Problem::Malformed("this is no message in Thrift's binary protocol")));
        }
        let name = self.bytes()?;
        self.i32()?;
        Ok(name)
    }

    fn begin_struct(&mut self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn field(&mut self) -> Result<Option<Field>, DecodeError> {
        match self.byte()? {
            0 => Ok(None),
            code => Ok(Some(Field { kind: self.kind_of(code)?, id: self.i16()? })),
        }
    }

    fn list(&mut self) -> Result<(Kind, usize), DecodeError> {
        Ok((self.kind()?, self.count()?))
    }

    fn map(&mut self) -> Result<(Kind, Kind, usize), DecodeError> {
        let (key, value) = (self.byte()?, self.byte()?);
        let count = self.count()?;
        if count == 0 {
            // The types of an empty map mean nothing and may be zero.
            return Ok((Kind::Byte, Kind::Byte, 0));
        }
        Ok((self.kind_of(key)?, self.kind_of(value)?, count))
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.byte()? != 0)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn i16(&mut self) -> Result<i16, DecodeError> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        self.take().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, DecodeError> {
        self.take().map(i64::from_be_bytes)
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.take().map(f64::from_be_bytes)
    }

    fn bytes(&mut self) -> Result<Slice<'a>, DecodeError> {
        let length = self.count()?;
        let start = self.position();
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(Slice { bytes, start })
    }
}

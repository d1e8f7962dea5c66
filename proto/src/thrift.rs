//! Apache Thrift's wire forms, read by hand: what a converter needs of any protocol, the binary one and the compact one.
//! Lengths and counts are checked against the bytes there are, depths against a limit; nothing is allocated.

mod binary;
mod compact;
mod writer;

pub use binary::BinaryReader;
pub use compact::CompactReader;
pub use writer::{BinaryWriter, CompactWriter, Writer};

use crate::error::{DecodeError, Problem};
use crate::wire::Slice;

/// How deep structs and collections may lie in one another.
pub const MAX_DEPTH: usize = 32;

/// The types of values (Apache Thrift's protocol specification).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Kind {
    Bool,
    Byte,
    Double,
    I16,
    I32,
    I64,
    /// Text or bytes.
    String,
    Struct,
    Map,
    Set,
    List,
}

/// A field's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its number in the struct.
    pub id: i16,
    /// The type of its value, which follows.
    pub kind: Kind,
}

/// Reads values of one protocol. All errors name the place and what is wrong there; after one the reader is of no use.
#[expect(clippy::missing_errors_doc, reason = "said above, once")]
pub trait Reader<'a> {
    /// Offset of the next byte in the whole message.
    fn position(&self) -> usize;
    /// Begins a message: the name of the method that is called. The struct of its arguments follows. Whether an answer is expected, and the
    /// number it would bear, are passed over.
    fn begin_message(&mut self) -> Result<Slice<'a>, DecodeError>;
    /// Begins a struct. Its fields follow until [`Reader::field`] answers `None`.
    fn begin_struct(&mut self) -> Result<(), DecodeError>;
    /// The next field of the innermost struct.
    fn field(&mut self) -> Result<Option<Field>, DecodeError>;
    /// Begins a list or set: the type and number of the items that follow. Never more items than bytes.
    fn list(&mut self) -> Result<(Kind, usize), DecodeError>;
    /// Begins a map: the types of keys and values and the number of pairs that follow.
    fn map(&mut self) -> Result<(Kind, Kind, usize), DecodeError>;
    /// A truth.
    fn bool(&mut self) -> Result<bool, DecodeError>;
    /// One byte.
    fn byte(&mut self) -> Result<u8, DecodeError>;
    /// 16 bits.
    fn i16(&mut self) -> Result<i16, DecodeError>;
    /// 32 bits.
    fn i32(&mut self) -> Result<i32, DecodeError>;
    /// 64 bits.
    fn i64(&mut self) -> Result<i64, DecodeError>;
    /// A double.
    fn double(&mut self) -> Result<f64, DecodeError>;
    /// Text (not yet checked as UTF-8) or bytes.
    fn bytes(&mut self) -> Result<Slice<'a>, DecodeError>;

    /// Skips a value of this type.
    fn skip(&mut self, kind: Kind) -> Result<(), DecodeError> {
        skip(self, kind, 0)
    }
}

fn skip<'a, R: Reader<'a> + ?Sized>(reader: &mut R, kind: Kind, depth: usize) -> Result<(), DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::new(Problem::Depth { limit: MAX_DEPTH }, reader.position()));
    }
    match kind {
        Kind::Bool => reader.bool().map(drop),
        Kind::Byte => reader.byte().map(drop),
        Kind::Double => reader.double().map(drop),
        Kind::I16 => reader.i16().map(drop),
        Kind::I32 => reader.i32().map(drop),
        Kind::I64 => reader.i64().map(drop),
        Kind::String => reader.bytes().map(drop),
        Kind::Struct => {
            reader.begin_struct()?;
            while let Some(field) = reader.field()? {
                skip(reader, field.kind, depth + 1)?;
            }
            Ok(())
        }
        Kind::List | Kind::Set => {
            let (kind, count) = reader.list()?;
            (0..count).try_for_each(|_| skip(reader, kind, depth + 1))
        }
        Kind::Map => {
            let (key, value, count) = reader.map()?;
            (0..count).try_for_each(|_| {
                skip(reader, key, depth + 1)?;
                skip(reader, value, depth + 1)
            })
        }
    }
}

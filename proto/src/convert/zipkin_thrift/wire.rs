//! Zipkin's structs as they stand on the wire (`zipkincore.thrift`); texts are lent.

use crate::error::DecodeError;
use crate::thrift::{Field, Kind, Reader};
use crate::wire::Slice;

/// `Span`, but for its lists.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::convert) struct Head<'a> {
    pub(in crate::convert) trace_id: i64,
    pub(in crate::convert) trace_id_high: i64,
    pub(in crate::convert) name: Option<Slice<'a>>,
    pub(in crate::convert) id: i64,
    pub(in crate::convert) parent_id: Option<i64>,
    pub(in crate::convert) debug: bool,
    pub(in crate::convert) timestamp: Option<i64>,
    pub(in crate::convert) duration: Option<i64>,
}

/// `Endpoint`
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::convert) struct Endpoint<'a> {
    pub(in crate::convert) ipv4: i32,
    pub(in crate::convert) port: i16,
    pub(in crate::convert) service: Option<Slice<'a>>,
    pub(in crate::convert) ipv6: Option<Slice<'a>>,
}

/// `Annotation`
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::convert) struct Annotation<'a> {
    pub(in crate::convert) timestamp: i64,
    pub(in crate::convert) value: Option<Slice<'a>>,
    pub(in crate::convert) host: Option<Endpoint<'a>>,
}

/// `BinaryAnnotation`
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::convert) struct BinaryAnnotation<'a> {
    pub(in crate::convert) key: Option<Slice<'a>>,
    pub(in crate::convert) value: Option<Slice<'a>>,
    pub(in crate::convert) kind: i32,
    pub(in crate::convert) host: Option<Endpoint<'a>>,
}

/// The bytes of a text that may be missing.
pub(in crate::convert) fn bytes<'a>(slice: Option<Slice<'a>>) -> &'a [u8] {
    slice.map_or(&[], |slice| slice.bytes)
}

impl<'a> Endpoint<'a> {
    pub(in crate::convert) fn read<R: Reader<'a>>(reader: &mut R) -> Result<Self, DecodeError> {
        let mut endpoint = Self::default();
        reader.begin_struct()?;
        while let Some(Field { id, kind }) = reader.field()? {
            match (id, kind) {
                (1, Kind::I32) => endpoint.ipv4 = reader.i32()?,
                (2, Kind::I16) => endpoint.port = reader.i16()?,
                (3, Kind::String) => endpoint.service = Some(reader.bytes()?),
                (4, Kind::String) => endpoint.ipv6 = Some(reader.bytes()?),
                _ => reader.skip(kind)?,
            }
        }
        Ok(endpoint)
    }
}

impl<'a> Annotation<'a> {
    pub(in crate::convert) fn read<R: Reader<'a>>(reader: &mut R) -> Result<Self, DecodeError> {
        let mut annotation = Self::default();
        reader.begin_struct()?;
        while let Some(Field { id, kind }) = reader.field()? {
            match (id, kind) {
                (1, Kind::I64) => annotation.timestamp = reader.i64()?,
                (2, Kind::String) => annotation.value = Some(reader.bytes()?),
                (3, Kind::Struct) => annotation.host = Some(Endpoint::read(reader)?),
                _ => reader.skip(kind)?,
            }
        }
        Ok(annotation)
    }
}

impl<'a> BinaryAnnotation<'a> {
    pub(in crate::convert) fn read<R: Reader<'a>>(reader: &mut R) -> Result<Self, DecodeError> {
        let mut annotation = Self::default();
        reader.begin_struct()?;
        while let Some(Field { id, kind }) = reader.field()? {
            match (id, kind) {
                (1, Kind::String) => annotation.key = Some(reader.bytes()?),
                (2, Kind::String) => annotation.value = Some(reader.bytes()?),
                (3, Kind::I32) => annotation.kind = reader.i32()?,
                (4, Kind::Struct) => annotation.host = Some(Endpoint::read(reader)?),
                _ => reader.skip(kind)?,
            }
        }
        Ok(annotation)
    }
}

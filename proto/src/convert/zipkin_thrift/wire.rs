//! Zipkin's structs as they stand on the wire (`zipkincore.thrift`); texts are lent.

use crate::error::DecodeError;
use crate::thrift::{Field, Kind, Reader};
use crate::wire::Slice;

/// `Span`, but for its lists.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) trace_id: i64,
    pub(super) trace_id_high: i64,
    pub(super) name: Option<Slice<'a>>,
    pub(super) id: i64,
    pub(super) parent_id: Option<i64>,
    pub(super) debug: bool,
    pub(super) timestamp: Option<i64>,
    pub(super) duration: Option<i64>,
}

/// `Endpoint`
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Endpoint<'a> {
    pub(super) ipv4: i32,
    pub(super) port: i16,
    pub(super) service: Option<Slice<'a>>,
    pub(super) ipv6: Option<Slice<'a>>,
}

/// `Annotation`
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Annotation<'a> {
    pub(super) timestamp: i64,
    pub(super) value: Option<Slice<'a>>,
    pub(super) host: Option<Endpoint<'a>>,
}

/// `BinaryAnnotation`
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct BinaryAnnotation<'a> {
    pub(super) key: Option<Slice<'a>>,
    pub(super) value: Option<Slice<'a>>,
    pub(super) kind: i32,
    pub(super) host: Option<Endpoint<'a>>,
}

/// The bytes of a text that may be missing.
pub(super) fn bytes<'a>(slice: Option<Slice<'a>>) -> &'a [u8] {
    slice.map_or(&[], |slice| slice.bytes)
}

impl<'a> Endpoint<'a> {
    pub(super) fn read<R: Reader<'a>>(reader: &mut R) -> Result<Self, DecodeError> {
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
    pub(super) fn read<R: Reader<'a>>(reader: &mut R) -> Result<Self, DecodeError> {
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
    pub(super) fn read<R: Reader<'a>>(reader: &mut R) -> Result<Self, DecodeError> {
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

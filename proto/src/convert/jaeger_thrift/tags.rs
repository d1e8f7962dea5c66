//! Hot path: a list of `Tag` structs to keys and values, for spans, processes and logs. Texts stay ranges of the received bytes.

use spoor_model::{AttributeRow, SpanBatchBuilder, Text, Value};

use crate::convert::jaeger_v2::{text, unknown_type};
use crate::convert::limits::Budget;
use crate::error::{DecodeError, Problem};
use crate::thrift::{Field, Kind, Reader};
use crate::wire::Slice;

/// `TagType`; its numbers are other ones than those of Jaeger's protobuf model.
mod tag_type {
    pub(super) const STRING: i32 = 0;
    pub(super) const DOUBLE: i32 = 1;
    pub(super) const BOOL: i32 = 2;
    pub(super) const LONG: i32 = 3;
    pub(super) const BINARY: i32 = 4;
}

/// The fields of a tag that are there; only the one that the type names becomes the value.
#[derive(Default)]
struct Slots<'a> {
    key: Option<Slice<'a>>,
    v_type: Option<i32>,
    string: Option<Slice<'a>>,
    double: f64,
    truth: bool,
    long: i64,
    binary: Option<Slice<'a>>,
}

/// Reads a list of tags and hands each one over, charged.
pub(super) fn read_all<'a, R: Reader<'a>>(
    builder: &mut SpanBatchBuilder,
    budget: &mut Budget,
    reader: &mut R,
    push: &mut impl FnMut(&mut SpanBatchBuilder, Text, Value),
) -> Result<(), DecodeError> {
    let (kind, count) = reader.list()?;
    for _ in 0..count {
        if kind != Kind::Struct {
            reader.skip(kind)?;
            continue;
        }
        budget.take::<AttributeRow>(1, reader.position())?;
        let (key, value) = read(builder, reader)?;
        push(builder, key, value);
    }
    Ok(())
}

fn read<'a, R: Reader<'a>>(
    builder: &mut SpanBatchBuilder,
    reader: &mut R,
) -> Result<(Text, Value), DecodeError> {
    let mut slots = Slots::default();
    reader.begin_struct()?;
    while let Some(Field { id, kind }) = reader.field()? {
        match (id, kind) {
            (1, Kind::String) => slots.key = Some(reader.bytes()?),
            (2, Kind::I32) => slots.v_type = Some(reader.i32()?),
            (3, Kind::String) => slots.string = Some(reader.bytes()?),
            (4, Kind::Double) => slots.double = reader.double()?,
            (5, Kind::Bool) => slots.truth = reader.bool()?,
            (6, Kind::I64) => slots.long = reader.i64()?,
            (7, Kind::String) => slots.binary = Some(reader.bytes()?),
            _ => reader.skip(kind)?,
        }
    }
    let (Some(key), Some(v_type)) = (slots.key, slots.v_type) else {
        let problem = Problem::Malformed("a tag has a key and a type, and one of them is missing");
        return Err(DecodeError::new(problem, reader.position()));
    };
    let key = text(builder, Some(key));
    let value = match v_type {
        tag_type::STRING => Value::Str(text(builder, slots.string)),
        tag_type::DOUBLE => Value::Double(slots.double),
        tag_type::BOOL => Value::Bool(slots.truth),
        tag_type::LONG => Value::Int(slots.long),
        tag_type::BINARY => {
            Value::Bytes(slots.binary.map_or(Text::EMPTY, |slice| builder.source_bytes(slice.range())))
        }
        unknown => unknown_type(builder, unknown.cast_unsigned()),
    };
    Ok((key, value))
}

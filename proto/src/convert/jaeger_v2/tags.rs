//! Hot path: one `KeyValue` message to a key and a value. Texts stay ranges of the received bytes.
//! Used for tags of spans and processes and for the fields of logs.

use spoor_model::{SpanBatchBuilder, Text, Value};

use super::fields::key_value;
use crate::error::DecodeError;
use crate::wire::{Reader, Slice};

/// The slots of a message that can be written several times; the last of each counts.
#[derive(Default)]
struct Slots<'a> {
    key: Option<Slice<'a>>,
    v_type: u32,
    string: Option<Slice<'a>>,
    truth: bool,
    integer: i64,
    double: f64,
    binary: Option<Slice<'a>>,
}

/// Reads one tag. Only the slot that `v_type` names becomes the value.
#[inline]
pub(super) fn read(
    builder: &mut SpanBatchBuilder,
    mut reader: Reader<'_>,
) -> Result<(Text, Value), DecodeError> {
    let mut slots = Slots::default();
    while let Some(tag) = reader.tag()? {
        match tag {
            key_value::KEY => slots.key = Some(reader.slice()?),
            key_value::V_TYPE => slots.v_type = reader.varint32()?,
            key_value::V_STR => slots.string = Some(reader.slice()?),
            key_value::V_BOOL => slots.truth = reader.bool()?,
            key_value::V_INT64 => slots.integer = reader.int64()?,
            key_value::V_FLOAT64 => slots.double = reader.double()?,
            key_value::V_BINARY => slots.binary = Some(reader.slice()?),
            _ => reader.skip_unknown(tag, key_value::LAST)?,
        }
    }
    let key = text(builder, slots.key);
    let value = match slots.v_type {
        key_value::STRING => Value::Str(text(builder, slots.string)),
        key_value::BOOL => Value::Bool(slots.truth),
        key_value::INT64 => Value::Int(slots.integer),
        key_value::FLOAT64 => Value::Double(slots.double),
        key_value::BINARY => {
            Value::Bytes(slots.binary.map_or(Text::EMPTY, |slice| builder.source_bytes(slice.range())))
        }
        unknown => unknown_type(builder, unknown),
    };
    Ok((key, value))
}

/// The text of a slice; none and empty are the same.
#[inline]
pub(crate) fn text(builder: &mut SpanBatchBuilder, slice: Option<Slice<'_>>) -> Text {
    slice.map_or(Text::EMPTY, |slice| builder.source_text(slice.range()))
}

/// A type that this protocol does not have yet: the value is out of reach, which the tag then says.
#[cold]
pub(crate) fn unknown_type(builder: &mut SpanBatchBuilder, v_type: u32) -> Value {
    Value::Str(builder.text(&format!("<unknown Jaeger value type {v_type}>")))
}

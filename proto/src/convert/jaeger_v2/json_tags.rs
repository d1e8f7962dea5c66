//! Tags and log fields in api_v2's JSON.

use serde::de::{DeserializeSeed, Deserializer, MapAccess};
use spoor_model::{AttributeRow, SpanBatchBuilder, Text, Value};

use super::fields::key_value;
use super::tags;
use crate::convert::otlp::{Items, JsonWalk as Walk, Message, Object, Scalar, skip};

/// Tags in a row, each handed to what takes them.
pub(super) struct Tags<F>(pub(super) F);

impl<F: FnMut(&mut SpanBatchBuilder, Text, Value)> Items for Tags<F> {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<AttributeRow, _>()?;
        let mut tag = Tag::default();
        Object(walk, &mut tag).deserialize(item)?;
        let value = match tag.v_type {
            key_value::STRING => Value::Str(tag.string),
            key_value::BOOL => Value::Bool(tag.truth),
            key_value::INT64 => Value::Int(tag.integer),
            key_value::FLOAT64 => Value::Double(tag.double),
            key_value::BINARY => Value::Bytes(tag.binary),
            unknown => tags::unknown_type(&mut walk.builder, unknown),
        };
        self.0(&mut walk.builder, tag.key, value);
        Ok(())
    }
}

/// The slots of a tag, of which the one that `v_type` names is its value.
#[derive(Default)]
struct Tag {
    key: Text,
    v_type: u32,
    string: Text,
    truth: bool,
    integer: i64,
    double: f64,
    binary: Text,
}

impl Message for Tag {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "key" => self.key = walk.text(map)?,
            "vType" | "v_type" => {
                let names = ["STRING", "BOOL", "INT64", "FLOAT64", "BINARY"];
                self.v_type = walk.scalar(map, |v_type| number_of(v_type, &names))?;
            }
            "vStr" | "v_str" => self.string = walk.text(map)?,
            "vBool" | "v_bool" => self.truth = walk.scalar(map, |truth| truth.truth())?,
            "vInt64" | "v_int64" => self.integer = walk.scalar(map, |number| number.i64())?,
            "vFloat64" | "v_float64" => self.double = walk.scalar(map, |number| number.f64())?,
            "vBinary" | "v_binary" => {
                let bytes = walk.scalar(map, |bytes| bytes.bytes())?;
                self.binary = walk.builder.bytes(&bytes);
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// An enum's number, given as such or by name.
pub(super) fn number_of(scalar: &Scalar<'_>, names: &[&str]) -> Result<u32, &'static str> {
    match scalar {
        Scalar::Text(text) => {
            let position = names.iter().position(|name| name == text);
            position.and_then(|index| u32::try_from(index).ok()).ok_or("the enum has no such name")
        }
        _ => scalar.u32(),
    }
}

//! Attributes and their values. A value is first written in its encoded form, which lists and maps keep, then taken over
//! into the batch; the number of lists and maps in one another is bounded here.

use serde::de::{DeserializeSeed, Deserializer, MapAccess};
use spoor_model::nested::{MAX_DEPTH, encode_value};
use spoor_model::{AttributeRow, Rows, Text, Value, ValueView};

use super::super::fields::{any_value, collection, key_value};
use super::super::{SERVICE_NAME, nested};
use super::visit::{Items, Message, Object};
use super::{Scalar, Walk, skip};
use crate::error::Problem;
use crate::wire::{Tag, Writer};

impl Walk {
    /// Reads the value of the current key as one run of attributes.
    pub(super) fn attributes<'de, A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
        attributes: &mut Attributes<'_>,
    ) -> Result<Rows, A::Error> {
        let mark = self.builder.attributes_mark();
        self.list(map, attributes)?;
        Ok(self.builder.attributes_since(mark))
    }
}

/// A list of attributes; a resource's has its service name taken out.
#[derive(Default)]
pub(super) struct Attributes<'s> {
    service: Option<&'s mut Option<Text>>,
}

impl<'s> Attributes<'s> {
    pub(super) fn of_resource(service: &'s mut Option<Text>) -> Self {
        Self { service: Some(service) }
    }
}

impl Items for Attributes<'_> {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<AttributeRow, _>()?;
        let mut attribute = Attribute::default();
        Object(walk, &mut attribute).deserialize(item)?;
        let Attribute { key, value } = attribute;
        match (&mut self.service, value) {
            (Some(service), Value::Str(name))
                if service.is_none() && walk.builder.batch().str(key) == SERVICE_NAME =>
            {
                **service = Some(name);
            }
            _ => walk.builder.push_attribute(key, value),
        }
        Ok(())
    }
}

#[derive(Default)]
struct Attribute {
    key: Text,
    value: Value,
}

impl Message for Attribute {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "key" => self.key = walk.text(map)?,
            "value" => {
                let mut item = std::mem::take(&mut walk.scratch);
                item.clear();
                Writer::new(&mut item).message(collection::VALUES.number(), |writer| {
                    walk.object(map, &mut AnyValue::new(writer.buffer(), 0))
                })?;
                self.value = nested::add_item(&mut walk.builder, &item);
                walk.scratch = item;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// An `AnyValue` that is written behind what `out` holds already.
struct AnyValue<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    depth: usize,
}

impl<'o> AnyValue<'o> {
    fn new(out: &'o mut Vec<u8>, depth: usize) -> Self {
        Self { start: out.len(), out, depth }
    }

    /// Takes a value in place of an earlier one.
    fn set(&mut self, value: ValueView<'_>) {
        self.out.truncate(self.start);
        encode_value(self.out, value);
    }

    fn set_scalar<'de, A: MapAccess<'de>, T>(
        &mut self,
        walk: &mut Walk,
        map: &mut A,
        convert: impl FnOnce(&Scalar<'de>) -> Result<T, &'static str>,
        view: impl FnOnce(&T) -> ValueView<'_>,
    ) -> Result<(), A::Error> {
        let present = |scalar: &Scalar<'de>| {
            if scalar.is_null() { Ok(None) } else { convert(scalar).map(Some) }
        };
        if let Some(value) = walk.scalar(map, present)? {
            self.set(view(&value));
        }
        Ok(())
    }

    fn set_collection<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        map: &mut A,
        variant: Tag,
    ) -> Result<(), A::Error> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            return Err(walk.refuse_as(Problem::Depth { limit: MAX_DEPTH }));
        }
        self.out.truncate(self.start);
        let present = Writer::new(self.out).message(variant.number(), |writer| {
            let out = writer.buffer();
            let start = out.len();
            walk.object(map, &mut Collection { out, start, depth, of_entries: variant == any_value::MAP })
        })?;
        if !present {
            self.out.truncate(self.start);
        }
        Ok(())
    }
}

impl Message for AnyValue<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "stringValue" | "string_value" => {
                let scalar = map.next_value::<Scalar<'de>>()?;
                if !scalar.is_null() {
                    let text = scalar.text().map_err(|what| walk.refuse(what))?;
                    self.set(ValueView::Str(text));
                }
                Ok(())
            }
            "boolValue" | "bool_value" => {
                self.set_scalar(walk, map, Scalar::truth, |truth| ValueView::Bool(*truth))
            }
            "intValue" | "int_value" => {
                self.set_scalar(walk, map, Scalar::i64, |number| ValueView::Int(*number))
            }
            "doubleValue" | "double_value" => {
                self.set_scalar(walk, map, Scalar::f64, |number| ValueView::Double(*number))
            }
            "bytesValue" | "bytes_value" => {
                self.set_scalar(walk, map, Scalar::bytes, |bytes| ValueView::Bytes(bytes))
            }
            "arrayValue" | "array_value" => self.set_collection(walk, map, any_value::LIST),
            "kvlistValue" | "kvlist_value" => self.set_collection(walk, map, any_value::MAP),
            _ => skip(map),
        }
    }
}

/// An `ArrayValue` or a `KeyValueList`.
struct Collection<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    depth: usize,
    of_entries: bool,
}

impl Message for Collection<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "values" => {
                self.out.truncate(self.start);
                walk.list(map, self)
            }
            _ => skip(map),
        }
    }
}

impl Items for Collection<'_> {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        let (depth, of_entries) = (self.depth, self.of_entries);
        Writer::new(self.out).message(collection::VALUES.number(), |writer| {
            if !of_entries {
                return Object(walk, &mut AnyValue::new(writer.buffer(), depth)).deserialize(item).map(drop);
            }
            let mut entry = Entry { key: String::new(), value: Vec::new(), depth };
            Object(walk, &mut entry).deserialize(item)?;
            writer.string(key_value::KEY.number(), &entry.key);
            writer.bytes(key_value::VALUE.number(), &entry.value);
            Ok(())
        })
    }
}

/// An entry of a map within a value.
struct Entry {
    key: String,
    value: Vec<u8>,
    depth: usize,
}

impl Message for Entry {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "key" => self.key = walk.scalar(map, |key| key.text().map(str::to_owned))?,
            "value" => {
                self.value.clear();
                walk.object(map, &mut AnyValue::new(&mut self.value, self.depth))?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

//! Hot path: `KeyValue` and `AnyValue`. Budget: no allocation for a value that is neither broken nor oddly encoded.
//! Lists and maps stay encoded after a check; what the lazy reader would read differently is written anew (`nested.rs`).

use spoor_model::{AttributeRow, Text, Value};

use super::decode::Decoder;
use super::fields::{any_value, key_value};
use super::nested;
use crate::error::DecodeError;
use crate::wire::{Reader, Slice};

const KEY: u8 = key_value::KEY.byte();
const VALUE: u8 = key_value::VALUE.byte();
const STRING: u8 = any_value::STRING.byte();
const BOOL: u8 = any_value::BOOL.byte();
const INT: u8 = any_value::INT.byte();
const DOUBLE: u8 = any_value::DOUBLE.byte();

impl<'a> Decoder<'a> {
    /// Reads one `KeyValue` and adds it to the run being written.
    #[inline]
    pub(super) fn push_attribute(&mut self, encoded: Slice<'a>) -> Result<(), DecodeError> {
        self.budget.take::<AttributeRow>(1, encoded.start)?;
        if !self.push_plain(encoded) {
            let (key, value) = self.key_value(encoded).map_err(|error| error.within("attributes"))?;
            self.builder.push_attribute(key, value);
        }
        Ok(())
    }

    /// The short way for nearly all attributes: a key and one plain value, in this order, ASCII, each shorter than 128 bytes.
    /// False, and nothing is done, when the bytes look otherwise in any way. Each kind of value pushes its own row: a row
    /// put together in one place would first go through memory, piece by piece.
    #[inline]
    pub(super) fn push_plain(&mut self, encoded: Slice<'a>) -> bool {
        let [KEY, key_length, rest @ ..] = encoded.bytes else { return false };
        let Some((key, [VALUE, value_length, kind, value @ ..])) =
            rest.split_at_checked(usize::from(*key_length))
        else {
            return false;
        };
        if usize::from(*value_length) != value.len() + 1 {
            return false;
        }
        let key_range = encoded.start + 2..encoded.start + 2 + key.len();
        match (*kind, value) {
            (STRING, [length, text @ ..]) => {
                // A length of two bytes is not ASCII, so one test is enough for all five parts.
                if usize::from(*length) != text.len() || !encoded.bytes.is_ascii() {
                    return false;
                }
                let end = encoded.start + encoded.bytes.len();
                let key = self.builder.source_bytes(key_range);
                let text = self.builder.source_bytes(end - text.len()..end);
                self.builder.push_attribute(key, Value::Str(text));
            }
            (BOOL, [truth @ (0 | 1)]) if key.is_ascii() => {
                let key = self.builder.source_bytes(key_range);
                self.builder.push_attribute(key, Value::Bool(*truth == 1));
            }
            (INT, _) if key.is_ascii() => {
                let mut reader = Slice { bytes: value, start: encoded.start }.reader();
                let Ok(number) = reader.int64() else { return false };
                if reader.position() != encoded.start + value.len() {
                    return false;
                }
                let key = self.builder.source_bytes(key_range);
                self.builder.push_attribute(key, Value::Int(number));
            }
            (DOUBLE, _) if key.is_ascii() => {
                let Ok(bits) = <[u8; 8]>::try_from(value) else { return false };
                let key = self.builder.source_bytes(key_range);
                self.builder.push_attribute(key, Value::Double(f64::from_le_bytes(bits)));
            }
            _ => return false,
        }
        true
    }

    #[inline]
    pub(super) fn key_value(&mut self, encoded: Slice<'a>) -> Result<(Text, Value), DecodeError> {
        let mut reader = encoded.reader();
        let mut key = Text::EMPTY;
        let mut value = Value::Empty;
        let mut values = 0;
        while let Some(tag) = reader.tag()? {
            match tag {
                key_value::KEY => key = self.text(&mut reader)?,
                key_value::VALUE => {
                    value = self.value(reader.slice()?)?;
                    values += 1;
                }
                _ => reader.skip_unknown(tag, key_value::LAST)?,
            }
        }
        if values > 1 {
            value = self.merged_value(encoded)?;
        }
        Ok((key, value))
    }

    /// The value of an attribute that has several, which protobuf merges.
    #[cold]
    fn merged_value(&mut self, encoded: Slice<'a>) -> Result<Value, DecodeError> {
        self.rewritten(&nested::concatenated_values(encoded.reader())?)
    }

    #[inline]
    fn value(&mut self, encoded: Slice<'a>) -> Result<Value, DecodeError> {
        let mut reader = encoded.reader();
        let mut value = Value::Empty;
        while let Some(tag) = reader.tag()? {
            value = match tag {
                any_value::STRING => Value::Str(self.text(&mut reader)?),
                any_value::BOOL => Value::Bool(reader.bool()?),
                any_value::INT => Value::Int(reader.int64()?),
                any_value::DOUBLE => Value::Double(reader.double()?),
                any_value::BYTES => Value::Bytes(self.builder.source_bytes(reader.slice()?.range())),
                any_value::LIST | any_value::MAP => return self.nested_value(encoded),
                _ => {
                    reader.skip_unknown(tag, any_value::LAST)?;
                    value
                }
            };
        }
        Ok(value)
    }

    /// A value with a list or a map among its fields.
    #[inline(never)]
    fn nested_value(&mut self, encoded: Slice<'a>) -> Result<Value, DecodeError> {
        let checked = nested::check(encoded.reader())?;
        self.builder.count_repaired(checked.broken_texts);
        let mut reader = encoded.reader();
        match reader.tag()? {
            Some(any_value::LIST) if checked.is_plain() => {
                Ok(Value::List(self.builder.source_bytes(reader.slice()?.range())))
            }
            Some(any_value::MAP) if checked.is_plain() => {
                Ok(Value::Map(self.builder.source_bytes(reader.slice()?.range())))
            }
            _ => self.rewritten(encoded.bytes),
        }
    }

    /// The value in plain form, from bytes that were checked before.
    #[cold]
    fn rewritten(&mut self, encoded: &[u8]) -> Result<Value, DecodeError> {
        let mut item = Vec::new();
        nested::rewrite_as_item(Reader::new(encoded)?, &mut item)?;
        Ok(nested::add_item(&mut self.builder, &item))
    }
}

//! Hot path: `KeyValue` and `AnyValue`. Budget: no allocation for a value that is neither broken nor oddly encoded.
//! Lists and maps stay encoded after a check; what the lazy reader would read differently is written anew (`nested.rs`).

use spoor_model::{Text, Value};

use super::decode::Decoder;
use super::fields::{any_value, key_value};
use super::nested;
use crate::error::DecodeError;
use crate::wire::{Reader, Slice};

impl<'a> Decoder<'a> {
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
        let plain = nested::is_plain_value(encoded.reader(), 0)?;
        let mut reader = encoded.reader();
        match reader.tag()? {
            Some(any_value::LIST) if plain => {
                Ok(Value::List(self.builder.source_bytes(reader.slice()?.range())))
            }
            Some(any_value::MAP) if plain => {
                Ok(Value::Map(self.builder.source_bytes(reader.slice()?.range())))
            }
            _ => self.rewritten(encoded.bytes),
        }
    }

    #[cold]
    fn rewritten(&mut self, encoded: &[u8]) -> Result<Value, DecodeError> {
        let mut item = Vec::new();
        let repaired = nested::rewrite_as_item(Reader::new(encoded)?, &mut item)?;
        self.builder.count_repaired(repaired);
        Ok(nested::add_item(&mut self.builder, &item))
    }
}

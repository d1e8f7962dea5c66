//! Lists and maps within attribute values: checked as received, and written anew when [`spoor_model::nested`] would not read
//! them as protobuf means them (invalid UTF-8, unknown fields, a `oneof` set twice, a message that is to be merged).

use std::borrow::Cow;

use spoor_model::nested::{ListView, MAX_DEPTH, encode_value};
use spoor_model::{SpanBatchBuilder, Value, ValueView};

use super::fields::{any_value, collection, key_value};
use crate::error::{DecodeError, Problem};
use crate::wire::{Reader, Slice, Writer};

/// Checks an `AnyValue` that lies within `depth` lists and maps. True when it may stay as it is.
pub(super) fn is_plain_value(mut reader: Reader<'_>, depth: usize) -> Result<bool, DecodeError> {
    let mut plain = true;
    let mut variants = 0;
    while let Some(tag) = reader.tag()? {
        variants += 1;
        match tag {
            any_value::STRING => plain &= is_utf8(reader.slice()?),
            any_value::BOOL | any_value::INT => drop(reader.varint()?),
            any_value::DOUBLE => drop(reader.fixed64()?),
            any_value::BYTES => drop(reader.slice()?),
            any_value::LIST => plain &= is_plain_collection(reader.message()?, depth + 1, is_plain_value)?,
            any_value::MAP => plain &= is_plain_collection(reader.message()?, depth + 1, is_plain_entry)?,
            _ => {
                reader.skip_unknown(tag, any_value::LAST)?;
                plain = false;
            }
        }
    }
    Ok(plain && variants <= 1)
}

type Check = fn(Reader<'_>, usize) -> Result<bool, DecodeError>;

fn is_plain_collection(mut reader: Reader<'_>, depth: usize, check: Check) -> Result<bool, DecodeError> {
    if depth > MAX_DEPTH {
        return Err(reader.error(Problem::Depth { limit: MAX_DEPTH }));
    }
    let mut plain = true;
    while let Some(tag) = reader.tag()? {
        match tag {
            collection::VALUES => plain &= check(reader.message()?, depth)?,
            _ => {
                reader.skip_unknown(tag, collection::LAST)?;
                plain = false;
            }
        }
    }
    Ok(plain)
}

fn is_plain_entry(mut reader: Reader<'_>, depth: usize) -> Result<bool, DecodeError> {
    let mut plain = true;
    let mut values = 0;
    while let Some(tag) = reader.tag()? {
        match tag {
            key_value::KEY => plain &= is_utf8(reader.slice()?),
            key_value::VALUE => {
                values += 1;
                plain &= is_plain_value(reader.message()?, depth)?;
            }
            _ => {
                reader.skip_unknown(tag, key_value::LAST)?;
                plain = false;
            }
        }
    }
    Ok(plain && values <= 1)
}

fn is_utf8(text: Slice<'_>) -> bool {
    std::str::from_utf8(text.bytes).is_ok()
}

/// The values of a `KeyValue` behind one another: protobuf's merge of a message with itself.
pub(super) fn concatenated_values(mut entry: Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let mut values = Vec::new();
    while let Some(tag) = entry.tag()? {
        match tag {
            key_value::VALUE => values.extend_from_slice(entry.slice()?.bytes),
            _ => entry.skip(tag)?,
        }
    }
    Ok(values)
}

/// Writes an `AnyValue` that was checked before as the one item of a list, in plain form. Answers how many texts were repaired.
pub(super) fn rewrite_as_item(value: Reader<'_>, out: &mut Vec<u8>) -> Result<u32, DecodeError> {
    let mut rewriting = Rewriting { repaired: 0 };
    Writer::new(out).message(collection::VALUES.number(), |writer| rewriting.value(value, writer))?;
    Ok(rewriting.repaired)
}

/// Copies a value that was encoded as the one item of a list into the batch.
pub(super) fn add_item(builder: &mut SpanBatchBuilder, item: &[u8]) -> Value {
    builder.value(ListView::new(item).iter().next().unwrap_or_default())
}

/// The variant of an `AnyValue` that has won so far.
enum Winner<'b> {
    Text(&'b [u8]),
    Other(ValueView<'b>),
    List(Vec<u8>),
    Map(Vec<u8>),
}

struct Rewriting {
    repaired: u32,
}

impl Rewriting {
    fn value(&mut self, mut reader: Reader<'_>, writer: &mut Writer<'_>) -> Result<(), DecodeError> {
        let mut winner = Winner::Other(ValueView::Empty);
        while let Some(tag) = reader.tag()? {
            winner = match (tag, winner) {
                (any_value::STRING, _) => Winner::Text(reader.slice()?.bytes),
                (any_value::BOOL, _) => Winner::Other(ValueView::Bool(reader.bool()?)),
                (any_value::INT, _) => Winner::Other(ValueView::Int(reader.int64()?)),
                (any_value::DOUBLE, _) => Winner::Other(ValueView::Double(reader.double()?)),
                (any_value::BYTES, _) => Winner::Other(ValueView::Bytes(reader.slice()?.bytes)),
                (any_value::LIST, Winner::List(first)) => Winner::List(merged(first, reader.slice()?)),
                (any_value::LIST, _) => Winner::List(reader.slice()?.bytes.to_vec()),
                (any_value::MAP, Winner::Map(first)) => Winner::Map(merged(first, reader.slice()?)),
                (any_value::MAP, _) => Winner::Map(reader.slice()?.bytes.to_vec()),
                (_, winner) => {
                    reader.skip_unknown(tag, any_value::LAST)?;
                    winner
                }
            };
        }
        match winner {
            Winner::Text(text) => writer.string(any_value::STRING.number(), &self.repair(text)),
            Winner::Other(value) => encode_value(writer.buffer(), value),
            Winner::List(items) => {
                writer.message(any_value::LIST.number(), |writer| self.list(&items, writer))?
            }
            Winner::Map(entries) => {
                writer.message(any_value::MAP.number(), |writer| self.map(&entries, writer))?
            }
        }
        Ok(())
    }

    fn list(&mut self, items: &[u8], writer: &mut Writer<'_>) -> Result<(), DecodeError> {
        let mut reader = Reader::new(items)?;
        while let Some(tag) = reader.tag()? {
            match tag {
                collection::VALUES => {
                    let item = reader.message()?;
                    writer.message(tag.number(), |writer| self.value(item, writer))?;
                }
                _ => reader.skip(tag)?,
            }
        }
        Ok(())
    }

    fn map(&mut self, entries: &[u8], writer: &mut Writer<'_>) -> Result<(), DecodeError> {
        let mut reader = Reader::new(entries)?;
        while let Some(tag) = reader.tag()? {
            match tag {
                collection::VALUES => {
                    let entry = reader.message()?;
                    writer.message(tag.number(), |writer| self.entry(entry, writer))?;
                }
                _ => reader.skip(tag)?,
            }
        }
        Ok(())
    }

    fn entry(&mut self, mut reader: Reader<'_>, writer: &mut Writer<'_>) -> Result<(), DecodeError> {
        let values = concatenated_values(reader)?;
        let mut key: &[u8] = b"";
        while let Some(tag) = reader.tag()? {
            match tag {
                key_value::KEY => key = reader.slice()?.bytes,
                _ => reader.skip(tag)?,
            }
        }
        writer.string(key_value::KEY.number(), &self.repair(key));
        let value = Reader::new(&values)?;
        writer.message(key_value::VALUE.number(), |writer| self.value(value, writer))
    }

    fn repair<'b>(&mut self, text: &'b [u8]) -> Cow<'b, str> {
        let sound = String::from_utf8_lossy(text);
        self.repaired += u32::from(matches!(sound, Cow::Owned(_)));
        sound
    }
}

fn merged(mut first: Vec<u8>, second: Slice<'_>) -> Vec<u8> {
    first.extend_from_slice(second.bytes);
    first
}

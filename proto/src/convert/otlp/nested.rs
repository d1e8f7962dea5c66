//! Lists and maps within attribute values: checked as received, and written anew when [`spoor_model::nested`] would not read
//! them as protobuf means them (invalid UTF-8, unknown fields, a `oneof` set twice, a message that is to be merged).

use spoor_model::nested::{ListView, MAX_DEPTH, encode_value};
use spoor_model::{SpanBatchBuilder, Value, ValueView};

use super::fields::{any_value, collection, key_value};
use crate::error::{DecodeError, Problem};
use crate::wire::{Reader, Slice, Tag, Writer};

/// What a look at a value, with everything in it, has found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Something that the lazy reader would read differently, or not at all.
    odd: bool,
    /// Texts of invalid UTF-8, those that do not count in the end included.
    pub(super) broken_texts: u32,
}

/// Checks an `AnyValue`: lengths, depth, wire types, texts.
pub(super) fn check(value: Reader<'_>) -> Result<Checked, DecodeError> {
    let mut checked = Checked::default();
    checked.value(value, 0)?;
    Ok(checked)
}

impl Checked {
    /// True when the value may stay as it is.
    pub(super) fn is_plain(&self) -> bool {
        !self.odd && self.broken_texts == 0
    }

    /// `depth`: how many lists and maps the value lies in.
    fn value(&mut self, mut reader: Reader<'_>, depth: usize) -> Result<(), DecodeError> {
        let mut variants = 0;
        while let Some(tag) = reader.tag()? {
            variants += 1;
            match tag {
                any_value::STRING => self.text(reader.slice()?),
                any_value::BOOL | any_value::INT => drop(reader.varint()?),
                any_value::DOUBLE => drop(reader.fixed64()?),
                any_value::BYTES => drop(reader.slice()?),
                any_value::LIST => self.collection(reader.message()?, depth + 1, Self::value)?,
                any_value::MAP => self.collection(reader.message()?, depth + 1, Self::entry)?,
                _ => self.unknown(&mut reader, tag, any_value::LAST)?,
            }
        }
        self.odd |= variants > 1;
        Ok(())
    }

    fn collection(
        &mut self,
        mut reader: Reader<'_>,
        depth: usize,
        check: fn(&mut Self, Reader<'_>, usize) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if depth > MAX_DEPTH {
            return Err(reader.error(Problem::Depth { limit: MAX_DEPTH }));
        }
        while let Some(tag) = reader.tag()? {
            match tag {
                collection::VALUES => check(self, reader.message()?, depth)?,
                _ => self.unknown(&mut reader, tag, collection::LAST)?,
            }
        }
        Ok(())
    }

    fn entry(&mut self, mut reader: Reader<'_>, depth: usize) -> Result<(), DecodeError> {
        let mut values = 0;
        while let Some(tag) = reader.tag()? {
            match tag {
                key_value::KEY => self.text(reader.slice()?),
                key_value::VALUE => {
                    values += 1;
                    self.value(reader.message()?, depth)?;
                }
                _ => self.unknown(&mut reader, tag, key_value::LAST)?,
            }
        }
        self.odd |= values > 1;
        Ok(())
    }

    fn text(&mut self, text: Slice<'_>) {
        self.broken_texts += u32::from(std::str::from_utf8(text.bytes).is_err());
    }

    fn unknown(&mut self, reader: &mut Reader<'_>, tag: Tag, last_known: u32) -> Result<(), DecodeError> {
        self.odd = true;
        reader.skip_unknown(tag, last_known)
    }
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

/// Writes an `AnyValue` that was checked before as the one item of a list, in plain form.
pub(super) fn rewrite_as_item(value: Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    Writer::new(out).message(collection::VALUES.number(), |writer| rewrite_value(value, writer))
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

fn rewrite_value(mut reader: Reader<'_>, writer: &mut Writer<'_>) -> Result<(), DecodeError> {
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
        Winner::Text(text) => writer.string(any_value::STRING.number(), &String::from_utf8_lossy(text)),
        Winner::Other(value) => encode_value(writer.buffer(), value),
        Winner::List(items) => {
            writer.message(any_value::LIST.number(), |writer| rewrite_list(&items, writer))?
        }
        Winner::Map(entries) => {
            writer.message(any_value::MAP.number(), |writer| rewrite_map(&entries, writer))?
        }
    }
    Ok(())
}

fn rewrite_list(items: &[u8], writer: &mut Writer<'_>) -> Result<(), DecodeError> {
    let mut reader = Reader::new(items)?;
    while let Some(tag) = reader.tag()? {
        match tag {
            collection::VALUES => {
                let item = reader.message()?;
                writer.message(tag.number(), |writer| rewrite_value(item, writer))?;
            }
            _ => reader.skip(tag)?,
        }
    }
    Ok(())
}

fn rewrite_map(entries: &[u8], writer: &mut Writer<'_>) -> Result<(), DecodeError> {
    let mut reader = Reader::new(entries)?;
    while let Some(tag) = reader.tag()? {
        match tag {
            collection::VALUES => {
                let entry = reader.message()?;
                writer.message(tag.number(), |writer| rewrite_entry(entry, writer))?;
            }
            _ => reader.skip(tag)?,
        }
    }
    Ok(())
}

fn rewrite_entry(mut reader: Reader<'_>, writer: &mut Writer<'_>) -> Result<(), DecodeError> {
    let values = concatenated_values(reader)?;
    let mut key: &[u8] = b"";
    while let Some(tag) = reader.tag()? {
        match tag {
            key_value::KEY => key = reader.slice()?.bytes,
            _ => reader.skip(tag)?,
        }
    }
    writer.string(key_value::KEY.number(), &String::from_utf8_lossy(key));
    let value = Reader::new(&values)?;
    writer.message(key_value::VALUE.number(), |writer| rewrite_value(value, writer))
}

fn merged(mut first: Vec<u8>, second: Slice<'_>) -> Vec<u8> {
    first.extend_from_slice(second.bytes);
    first
}

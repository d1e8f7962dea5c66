//! Hot path: a `Span` with its events and links. Budget: no allocation but the growth of tables and of the two scratch lists.
//! The span's own fields come first, its events and links after them, so that the attributes of each owner are one run
//! however the fields are mixed on the wire.

use spoor_model::{EventRow, LinkRow, Rows, SpanId, SpanKind, SpanRow, StatusCode, TraceId, UnixNanos};

use super::decode::Decoder;
use super::fields::{event, link, span, status};
use super::reference_kind;
use crate::error::{DecodeError, Problem};
use crate::wire::{Reader, Slice};

impl<'a> Decoder<'a> {
    /// Adds a span; its row is already charged.
    pub(super) fn span(&mut self, encoded: Slice<'a>, scope: u32) -> Result<(), DecodeError> {
        let repaired_before = self.builder.batch().repaired_texts();
        let mut row = SpanRow { scope, ..SpanRow::default() };
        self.events.clear();
        self.links.clear();
        self.span_fields(encoded.reader(), &mut row)?;
        if !self.events.is_empty() {
            row.events = self.span_events().map_err(|error| error.within("events"))?;
        }
        if !self.links.is_empty() {
            row.links = self.span_links().map_err(|error| error.within("links"))?;
        }
        // What had to be repaired must not be forwarded as it came.
        if self.builder.batch().repaired_texts() == repaired_before {
            row.encoded = self.builder.source_bytes(encoded.range());
        }
        self.builder.push_span(row);
        Ok(())
    }

    fn span_fields(&mut self, mut reader: Reader<'a>, row: &mut SpanRow) -> Result<(), DecodeError> {
        let mark = self.builder.attributes_mark();
        while let Some(tag) = reader.tag()? {
            match tag {
                span::ATTRIBUTES => self.push_attribute(reader.slice()?)?,
                span::TRACE_ID => row.trace_id = trace_id(&mut reader)?,
                span::SPAN_ID => row.span_id = span_id(&mut reader, "span_id")?,
                span::TRACE_STATE => row.trace_state = self.text(&mut reader)?,
                span::PARENT_SPAN_ID => row.parent_span_id = span_id(&mut reader, "parent_span_id")?,
                span::NAME => row.name = self.text(&mut reader)?,
                span::KIND => row.kind = SpanKind::from_number(i64::from(reader.int32()?)),
                span::START => row.start = UnixNanos(reader.fixed64()?),
                span::END => row.end = UnixNanos(reader.fixed64()?),
                span::DROPPED_ATTRIBUTES => row.dropped_attributes = reader.varint32()?,
                span::EVENTS => self.defer_event(reader.slice()?)?,
                span::DROPPED_EVENTS => row.dropped_events = reader.varint32()?,
                span::LINKS => self.defer_link(reader.slice()?)?,
                span::DROPPED_LINKS => row.dropped_links = reader.varint32()?,
                span::STATUS => {
                    self.status(reader.message()?, row).map_err(|error| error.within("status"))?;
                }
                span::FLAGS => row.flags = reader.fixed32()?,
                _ => reader.skip_unknown(tag, span::LAST)?,
            }
        }
        row.attributes = self.builder.attributes_since(mark);
        Ok(())
    }

    fn defer_event(&mut self, encoded: Slice<'a>) -> Result<(), DecodeError> {
        self.budget.take::<EventRow>(1, encoded.start)?;
        self.events.push(encoded);
        Ok(())
    }

    fn defer_link(&mut self, encoded: Slice<'a>) -> Result<(), DecodeError> {
        self.budget.take::<LinkRow>(1, encoded.start)?;
        self.links.push(encoded);
        Ok(())
    }

    fn status(&mut self, mut reader: Reader<'a>, row: &mut SpanRow) -> Result<(), DecodeError> {
        while let Some(tag) = reader.tag()? {
            match tag {
                status::MESSAGE => row.status_message = self.text(&mut reader)?,
                status::CODE => row.status = StatusCode::from_number(i64::from(reader.int32()?)),
                _ if tag.number() == status::RESERVED => reader.skip(tag)?,
                _ => reader.skip_unknown(tag, status::LAST)?,
            }
        }
        Ok(())
    }

    fn span_events(&mut self) -> Result<Rows, DecodeError> {
        let mark = self.builder.events_mark();
        for index in 0..self.events.len() {
            let row = self.event(self.events[index].reader())?;
            self.builder.push_event(row);
        }
        Ok(self.builder.events_since(mark))
    }

    fn event(&mut self, mut reader: Reader<'a>) -> Result<EventRow, DecodeError> {
        let mut row = EventRow::default();
        let mark = self.builder.attributes_mark();
        while let Some(tag) = reader.tag()? {
            match tag {
                event::TIME => row.time = UnixNanos(reader.fixed64()?),
                event::NAME => row.name = self.text(&mut reader)?,
                event::ATTRIBUTES => self.push_attribute(reader.slice()?)?,
                event::DROPPED_ATTRIBUTES => row.dropped_attributes = reader.varint32()?,
                _ => reader.skip_unknown(tag, event::LAST)?,
            }
        }
        row.attributes = self.builder.attributes_since(mark);
        Ok(row)
    }

    fn span_links(&mut self) -> Result<Rows, DecodeError> {
        let mark = self.builder.links_mark();
        for index in 0..self.links.len() {
            let row = self.link(self.links[index].reader())?;
            self.builder.push_link(row);
        }
        Ok(self.builder.links_since(mark))
    }

    fn link(&mut self, mut reader: Reader<'a>) -> Result<LinkRow, DecodeError> {
        let mut row = LinkRow::default();
        let mark = self.builder.attributes_mark();
        while let Some(tag) = reader.tag()? {
            match tag {
                link::TRACE_ID => row.trace_id = trace_id(&mut reader)?,
                link::SPAN_ID => row.span_id = span_id(&mut reader, "span_id")?,
                link::TRACE_STATE => row.trace_state = self.text(&mut reader)?,
                link::ATTRIBUTES => self.push_attribute(reader.slice()?)?,
                link::DROPPED_ATTRIBUTES => row.dropped_attributes = reader.varint32()?,
                link::FLAGS => row.flags = reader.fixed32()?,
                _ => reader.skip_unknown(tag, link::LAST)?,
            }
        }
        row.attributes = self.builder.attributes_since(mark);
        row.kind = reference_kind(self.builder.batch(), row.attributes);
        Ok(row)
    }
}

#[inline]
fn trace_id(reader: &mut Reader<'_>) -> Result<TraceId, DecodeError> {
    let slice = reader.slice()?;
    match <[u8; 16]>::try_from(slice.bytes) {
        Ok(id) => Ok(TraceId(u128::from_be_bytes(id))),
        Err(_) if slice.bytes.is_empty() => Ok(TraceId::NONE),
        Err(_) => Err(wrong_length(slice, "0 or 16 bytes", "trace_id")),
    }
}

#[inline]
fn span_id(reader: &mut Reader<'_>, field: &'static str) -> Result<SpanId, DecodeError> {
    let slice = reader.slice()?;
    match <[u8; 8]>::try_from(slice.bytes) {
        Ok(id) => Ok(SpanId(u64::from_be_bytes(id))),
        Err(_) if slice.bytes.is_empty() => Ok(SpanId::NONE),
        Err(_) => Err(wrong_length(slice, "0 or 8 bytes", field)),
    }
}

#[cold]
fn wrong_length(slice: Slice<'_>, allowed: &'static str, field: &'static str) -> DecodeError {
    DecodeError::new(Problem::Length { found: slice.bytes.len(), allowed }, slice.start).within(field)
}

//! Hot path: one api_v2 `Span` message to a row. Budget: no allocation (warnings apart), texts are ranges.
//! Rows of one kind must lie together, so logs are written during the walk and tags in a second walk over their stretch.

use spoor_model::jaeger::{Interpreted, TagInterpreter};
use spoor_model::{AttributeRow, EventRow, FlagsAre, SpanId, SpanRow, TraceId};

use super::decode::Decoder;
use super::event_name::EventName;
use super::fields::{log, span};
use super::time::{LOG_MOVED, Moment, point, span_times};
use super::{references, tags, warnings};
use crate::error::{DecodeError, Problem};
use crate::wire::{Reader, Slice};

/// What a first walk over a span finds besides its row.
#[derive(Default)]
struct Found<'a> {
    start: Moment,
    duration: Moment,
    process: Option<Slice<'a>>,
    /// At the first tag's value, and the offset behind the last one's.
    tags: Option<(Reader<'a>, usize)>,
    has_moved_log: bool,
}

impl<'a> Decoder<'a> {
    /// Reads a span; `process` is the batch's, for a span that has none. The caller has charged the span's row.
    pub(super) fn span(&mut self, reader: Reader<'a>, process: Option<Slice<'a>>) -> Result<(), DecodeError> {
        self.references.clear();
        self.warnings.clear();
        let at = reader.position();
        let mut row = SpanRow { flags_are: FlagsAre::Jaeger, ..SpanRow::default() };
        let events = self.builder.events_mark();
        let found = self.span_fields(reader, &mut row)?;
        row.events = self.builder.events_since(events);
        let links = self.builder.links_mark();
        row.parent_span_id = references::push(&mut self.builder, row.trace_id, &self.references);
        row.links = self.builder.links_since(links);
        self.times(&mut row, &found);
        let fields = self.tags(&mut row, found.tags)?;
        row.kind = fields.kind;
        row.status = fields.status;
        row.status_message = fields.status_message;
        row.trace_state = fields.trace_state;
        let resource = self.resource(found.process.or(process))?;
        row.scope = self.scope(resource, fields.scope_name, fields.scope_version, at)?;
        self.builder.push_span(row);
        Ok(())
    }

    fn span_fields(&mut self, mut reader: Reader<'a>, row: &mut SpanRow) -> Result<Found<'a>, DecodeError> {
        let mut found = Found::default();
        while let Some(tag) = reader.tag()? {
            match tag {
                span::TRACE_ID => row.trace_id = trace_id(&mut reader)?,
                span::SPAN_ID => row.span_id = span_id(&mut reader)?,
                span::OPERATION_NAME => row.name = tags::text(&mut self.builder, Some(reader.slice()?)),
                span::REFERENCES => {
                    let reference = references::read(&mut self.budget, reader.message()?);
                    self.references.push(reference.map_err(|error| error.within("references"))?);
                }
                span::FLAGS => row.flags = reader.varint32()?,
                span::START_TIME => found.start.merge(reader.message()?)?,
                span::DURATION => found.duration.merge(reader.message()?)?,
                span::TAGS => {
                    let first = reader;
                    self.budget.take::<AttributeRow>(1, reader.position())?;
                    reader.slice()?;
                    found.tags = Some((found.tags.map_or(first, |(first, _)| first), reader.position()));
                }
                span::LOGS => {
                    let is_moved = self.log(reader.message()?).map_err(|error| error.within("logs"))?;
                    found.has_moved_log |= is_moved;
                }
                span::PROCESS => found.process = Some(reader.slice()?),
                span::PROCESS_ID => drop(reader.slice()?),
                span::WARNINGS => self.warning(reader.slice()?)?,
                _ => reader.skip_unknown(tag, span::LAST)?,
            }
        }
        Ok(found)
    }

    fn warning(&mut self, slice: Slice<'a>) -> Result<(), DecodeError> {
        // A warning takes no row of its own, but a handle here and a place in the list.
        self.budget.take::<AttributeRow>(1, slice.start)?;
        let text = self.builder.source_text(slice.range());
        self.warnings.push(text);
        Ok(())
    }

    fn times(&mut self, row: &mut SpanRow, found: &Found<'_>) {
        let (builder, warnings) = (&mut self.builder, &mut self.warnings);
        let mut warn = |warning: &str| warnings.push(builder.text(warning));
        (row.start, row.end) = span_times(found.start, found.duration, &mut warn);
        if found.has_moved_log {
            warn(LOG_MOVED);
        }
    }

    /// Reads one log as an event; answers whether its time had to be moved.
    fn log(&mut self, mut reader: Reader<'a>) -> Result<bool, DecodeError> {
        self.budget.take::<EventRow>(1, reader.position())?;
        let mut timestamp = Moment::default();
        let mut name = EventName::default();
        let mark = self.builder.attributes_mark();
        while let Some(tag) = reader.tag()? {
            match tag {
                log::TIMESTAMP => timestamp.merge(reader.message()?)?,
                log::FIELDS => {
                    self.budget.take::<AttributeRow>(1, reader.position())?;
                    let field = tags::read(&mut self.builder, reader.message()?);
                    let (key, value) = field.map_err(|error| error.within("fields"))?;
                    name.push(&mut self.builder, key, value);
                }
                _ => reader.skip_unknown(tag, log::LAST)?,
            }
        }
        let (time, is_moved) = point(timestamp);
        let attributes = self.builder.attributes_since(mark);
        let row = EventRow { time, name: name.text(), attributes, ..EventRow::default() };
        self.builder.push_event(row);
        Ok(is_moved)
    }

    /// Walks over the stretch of the span's tags (they are charged already) and says what stood for fields.
    fn tags(
        &mut self,
        row: &mut SpanRow,
        stretch: Option<(Reader<'a>, usize)>,
    ) -> Result<Interpreted, DecodeError> {
        let mark = self.builder.attributes_mark();
        let mut interpreter = TagInterpreter::default();
        if let Some((mut reader, end)) = stretch {
            loop {
                let tag = tags::read(&mut self.builder, reader.message()?);
                let (key, value) = tag.map_err(|error| error.within("tags"))?;
                interpreter.push(&mut self.builder, key, value);
                if !skip_to_tag(&mut reader, end)? {
                    break;
                }
            }
        }
        let fields = interpreter.finish(&mut self.builder);
        if !self.warnings.is_empty() {
            warnings::push(&mut self.builder, &self.warnings);
        }
        row.attributes = self.builder.attributes_since(mark);
        Ok(fields)
    }
}

/// Goes to the value of the next tag before `end`; false when there is none.
#[inline]
fn skip_to_tag(reader: &mut Reader<'_>, end: usize) -> Result<bool, DecodeError> {
    while reader.position() < end {
        match reader.tag()? {
            Some(span::TAGS) => return Ok(true),
            Some(other) => reader.skip(other)?,
            None => break,
        }
    }
    Ok(false)
}

/// Reads a trace id of 16 bytes, or of 8 that are its low half.
#[inline]
pub(super) fn trace_id(reader: &mut Reader<'_>) -> Result<TraceId, DecodeError> {
    let slice = reader.slice()?;
    TraceId::from_bytes(slice.bytes).ok_or_else(|| wrong_length(slice, "16 or 8").within("trace_id"))
}

/// Reads a span id of 8 bytes.
#[inline]
pub(super) fn span_id(reader: &mut Reader<'_>) -> Result<SpanId, DecodeError> {
    let slice = reader.slice()?;
    SpanId::from_bytes(slice.bytes).ok_or_else(|| wrong_length(slice, "8").within("span_id"))
}

#[cold]
fn wrong_length(slice: Slice<'_>, allowed: &'static str) -> DecodeError {
    DecodeError::new(Problem::Length { found: slice.bytes.len(), allowed }, slice.start)
}

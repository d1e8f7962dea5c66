//! Hot path: one api_v2 `Span` message to a row. Budget: no allocation (warnings apart), texts are ranges.
//! Rows of one kind must lie together, so logs are written during the walk and tags in a second walk over their stretch.

use spoor_model::jaeger::{EVENT, Interpreted, TagInterpreter, WARNINGS};
use spoor_model::nested::encode_list;
use spoor_model::{
    AttributeRow, EventRow, SpanBatchBuilder, SpanId, SpanRow, Text, TraceId, UnixNanos, Value, ValueView,
};

use super::decode::Decoder;
use super::fields::{log, span};
use super::time::{Moment, point};
use super::{references, tags};
use crate::error::{DecodeError, Problem};
use crate::wire::{Reader, Slice};

const START_MOVED: &str =
    "the start time lies outside of what can be stored (1970 to 2554) and was moved to its edge";
const DURATION_NEGATIVE: &str = "the duration was negative and is taken as zero";
const DURATION_TOO_LONG: &str = "the span ends beyond what can be stored (2554) and was cut there";
const LOG_MOVED: &str =
    "the time of a log lies outside of what can be stored (1970 to 2554) and was moved to its edge";

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
        let mut row = SpanRow::default();
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
        let (start, is_moved) = point(found.start);
        row.start = start;
        if is_moved {
            self.warn(START_MOVED);
        }
        row.end = match found.duration.nanos() {
            Ok(nanos) => start.0.checked_add(nanos).map_or_else(|| self.cut_end(), UnixNanos),
            Err(0) => {
                self.warn(DURATION_NEGATIVE);
                start
            }
            Err(_) => self.cut_end(),
        };
        if found.has_moved_log {
            self.warn(LOG_MOVED);
        }
    }

    fn cut_end(&mut self) -> UnixNanos {
        self.warn(DURATION_TOO_LONG);
        UnixNanos::MAX
    }

    #[cold]
    fn warn(&mut self, warning: &str) {
        let text = self.builder.text(warning);
        self.warnings.push(text);
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
            self.push_warnings();
        }
        row.attributes = self.builder.attributes_since(mark);
        Ok(fields)
    }

    #[cold]
    fn push_warnings(&mut self) {
        let mut encoded = Vec::new();
        let batch = self.builder.batch();
        encode_list(&mut encoded, self.warnings.iter().map(|warning| ValueView::Str(batch.str(*warning))));
        let list = self.builder.bytes(&encoded);
        let key = self.builder.text(WARNINGS);
        self.builder.push_attribute(key, Value::List(list));
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

/// Where a log's `event` fields went.
#[derive(Clone, Copy, Default)]
enum EventName {
    /// There was none yet.
    #[default]
    Unknown,
    /// The one so far is the event's name (key and text).
    Taken(Text, Text),
    /// They are all among the fields, which tells writers not to add the name (the first one, if textual) again.
    Field(Text),
}

impl EventName {
    /// Takes one field of a log: as the event's name, or into the run of attributes being written.
    fn push(&mut self, builder: &mut SpanBatchBuilder, key: Text, value: Value) {
        if builder.batch().bytes(key) == EVENT.as_bytes() {
            *self = match (*self, value) {
                (Self::Unknown, Value::Str(text)) if !text.is_empty() => {
                    *self = Self::Taken(key, text);
                    return;
                }
                (Self::Unknown, _) => Self::Field(Text::EMPTY),
                (Self::Taken(first, text), _) => {
                    builder.push_attribute(first, Value::Str(text));
                    Self::Field(text)
                }
                (Self::Field(name), _) => Self::Field(name),
            };
        }
        builder.push_attribute(key, value);
    }

    fn text(self) -> Text {
        match self {
            Self::Unknown => Text::EMPTY,
            Self::Taken(_, text) | Self::Field(text) => text,
        }
    }
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

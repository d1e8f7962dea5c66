//! A list of Zipkin spans to rows. A span that tells both a client's and a server's side becomes two of the same id.

use spoor_model::jaeger::TagInterpreter;
use spoor_model::{
    AttributeRow, EventRow, FlagsAre, ResourceRow, Rows, ScopeRow, SpanBatchBuilder, SpanId, SpanKind,
    SpanRow, TraceId, UnixNanos, Value,
};

use super::fields::fields;
use super::tags::{self, process_key, text};
use super::wire::{Annotation, BinaryAnnotation, Head, bytes};
use crate::convert::limits::{Budget, Limits};
use crate::convert::walk::RecordWalk;
use crate::error::{DecodeError, Problem};
use crate::thrift::{BinaryReader, Field, Kind, Reader};
use crate::wire::Slice;

/// Jaeger's flag of a span that is debugged.
const DEBUG: u32 = 2;

/// Reads lists of spans one after another.
pub(crate) struct Decoder<'a> {
    builder: SpanBatchBuilder,
    budget: Budget,
    /// Of the span being read.
    annotations: Vec<Annotation<'a>>,
    binary: Vec<BinaryAnnotation<'a>>,
}

impl<'a> RecordWalk<'a> for Decoder<'a> {
    fn builder(&mut self) -> &mut SpanBatchBuilder {
        &mut self.builder
    }

    fn walk(&mut self, record: Slice<'a>, limits: Limits) -> Result<(), DecodeError> {
        self.budget = Budget::new(limits);
        let mut reader = BinaryReader::new(record);
        self.spans(&mut reader).map_err(|error| error.within("list<Span>"))?;
        if reader.is_at_end() {
            return Ok(());
        }
        Err(DecodeError::new(
            Problem::Malformed("something follows behind the list of spans"),
            reader.position(),
        ))
    }
}

impl<'a> Decoder<'a> {
    /// For messages that lie in the source of `builder`.
    pub(crate) fn new(builder: SpanBatchBuilder) -> Self {
        let budget = Budget::new(Limits { max_row_bytes: 0 });
        Self { builder, budget, annotations: Vec::new(), binary: Vec::new() }
    }

    /// The builder with the rows of everything that was read.
    pub(crate) fn into_builder(self) -> SpanBatchBuilder {
        self.builder
    }

    /// Reads a `list<Span>` in any of Thrift's protocols, within these limits.
    pub(crate) fn list<R: Reader<'a>>(&mut self, reader: &mut R, limits: Limits) -> Result<(), DecodeError> {
        self.budget = Budget::new(limits);
        self.spans(reader)
    }

    fn spans<R: Reader<'a>>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let start = reader.position();
        let (kind, count) = reader.list()?;
        if kind != Kind::Struct {
            return Err(DecodeError::new(Problem::Malformed("the list's items are no structs"), start));
        }
        for _ in 0..count {
            // Two, should it have to be divided.
            self.budget.take::<SpanRow>(2, reader.position())?;
            self.budget.take::<ResourceRow>(1, reader.position())?;
            self.budget.take::<ScopeRow>(1, reader.position())?;
            let head = self.head(reader)?;
            self.span(&head, reader.position())?;
        }
        Ok(())
    }

    fn head<R: Reader<'a>>(&mut self, reader: &mut R) -> Result<Head<'a>, DecodeError> {
        self.annotations.clear();
        self.binary.clear();
        let mut head = Head::default();
        reader.begin_struct()?;
        while let Some(Field { id, kind }) = reader.field()? {
            match (id, kind) {
                (1, Kind::I64) => head.trace_id = reader.i64()?,
                (3, Kind::String) => head.name = Some(reader.bytes()?),
                (4, Kind::I64) => head.id = reader.i64()?,
                (5, Kind::I64) => head.parent_id = Some(reader.i64()?),
                (6, Kind::List) => self.read_annotations(reader)?,
                (8, Kind::List) => self.read_binary(reader)?,
                (9, Kind::Bool) => head.debug = reader.bool()?,
                (10, Kind::I64) => head.timestamp = Some(reader.i64()?),
                (11, Kind::I64) => head.duration = Some(reader.i64()?),
                (12, Kind::I64) => head.trace_id_high = reader.i64()?,
                _ => reader.skip(kind)?,
            }
        }
        Ok(head)
    }

    fn read_annotations<R: Reader<'a>>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let (kind, count) = reader.list()?;
        for _ in 0..count {
            if kind != Kind::Struct {
                reader.skip(kind)?;
                continue;
            }
            // As much as a row of each kind that it may become, and its place in the list.
            self.budget.take::<EventRow>(2, reader.position())?;
            self.annotations.push(Annotation::read(reader)?);
        }
        Ok(())
    }

    fn read_binary<R: Reader<'a>>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let (kind, count) = reader.list()?;
        for _ in 0..count {
            if kind != Kind::Struct {
                reader.skip(kind)?;
                continue;
            }
            self.budget.take::<AttributeRow>(5, reader.position())?;
            self.binary.push(BinaryAnnotation::read(reader)?);
        }
        Ok(())
    }

    fn time_of(&self, value: &[u8]) -> Option<i64> {
        self.annotations
            .iter()
            .find(|annotation| bytes(annotation.value) == value)
            .map(|found| found.timestamp)
    }

    /// `at` is where in the request it ends.
    fn span(&mut self, head: &Head<'a>, at: usize) -> Result<(), DecodeError> {
        let resource = self.process();
        let scope = self.builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        let (start, duration) = self.times(head);
        let parent = head.parent_id.unwrap_or_default();
        let common = SpanRow {
            trace_id: TraceId(
                u128::from(head.trace_id_high.cast_unsigned()) << 64
                    | u128::from(head.trace_id.cast_unsigned()),
            ),
            span_id: SpanId(head.id.cast_unsigned()),
            parent_span_id: SpanId(parent.cast_unsigned()),
            scope,
            name: text(&mut self.builder, head.name),
            flags: if head.debug { DEBUG } else { 0 },
            flags_are: FlagsAre::Jaeger,
            ..SpanRow::default()
        };
        let mut row = SpanRow { start: micros(start), end: micros(start.saturating_add(duration)), ..common };
        self.tags(head, &mut row);
        row.events = self.events(at)?;
        self.builder.push_span(row);
        if let (Some(sent), Some(received)) = (self.time_of(b"cs"), self.time_of(b"sr")) {
            let (kind, begin, end) = match row.kind {
                SpanKind::Client => (SpanKind::Server, received, self.time_of(b"ss")),
                _ => (SpanKind::Client, sent, self.time_of(b"cr")),
            };
            let end = end.unwrap_or(begin).max(begin);
            self.builder.push_span(SpanRow { kind, start: micros(begin), end: micros(end), ..common });
        }
        Ok(())
    }

    /// Start and duration in microseconds (µs).
    fn times(&self, head: &Head<'_>) -> (i64, i64) {
        let start = head.timestamp.filter(|start| *start != 0);
        let start = start.or_else(|| self.time_of(b"cs")).or_else(|| self.time_of(b"sr")).unwrap_or_default();
        let duration = head.duration.unwrap_or_else(|| match self.annotations[..] {
            [first, .., last] => {
                let first = self.time_of(b"cs").unwrap_or(first.timestamp);
                self.time_of(b"cr").unwrap_or(last.timestamp).saturating_sub(first)
            }
            _ => 1,
        });
        (start, duration.max(if head.duration.is_some_and(|duration| duration >= 0) { 0 } else { 1 }))
    }

    fn tags(&mut self, head: &Head<'_>, row: &mut SpanRow) {
        let mark = self.builder.attributes_mark();
        let mut interpreter = TagInterpreter::default();
        let mut sink = |builder: &mut SpanBatchBuilder, key, value| interpreter.push(builder, key, value);
        for annotation in self.binary.iter().filter(|annotation| process_key(annotation).is_none()) {
            tags::push(&mut self.builder, annotation, &mut sink);
        }
        let kinds = self.annotations.iter().find_map(|annotation| kind_of(bytes(annotation.value)));
        if let Some(kind) = kinds {
            let (key, value) = (self.builder.text("span.kind"), self.builder.text(kind));
            sink(&mut self.builder, key, Value::Str(value));
        }
        if let Some(duration) = head.duration.filter(|duration| *duration < 0) {
            let (key, value) =
                (self.builder.text("errNegativeDuration"), self.builder.text(&duration.to_string()));
            sink(&mut self.builder, key, Value::Str(value));
        }
        if head.parent_id == Some(0) {
            let (key, value) = (self.builder.text("errZeroParentID"), self.builder.text("0"));
            sink(&mut self.builder, key, Value::Str(value));
        }
        let fields = interpreter.finish(&mut self.builder);
        row.attributes = self.builder.attributes_since(mark);
        (row.kind, row.status) = (fields.kind, fields.status);
        (row.status_message, row.trace_state) = (fields.status_message, fields.trace_state);
    }

    /// Annotations but the core ones, which are times, and empty ones.
    fn events(&mut self, at: usize) -> Result<Rows, DecodeError> {
        let mark = self.builder.events_mark();
        for annotation in &self.annotations {
            let value = bytes(annotation.value);
            if value.is_empty() || kind_of(value).is_some() {
                continue;
            }
            let mut row = EventRow { time: micros(annotation.timestamp), ..EventRow::default() };
            match fields(value, &mut self.budget, at)? {
                Some(mut fields) => {
                    row.name = fields.remove("event").map_or(row.name, |name| self.builder.text(&name));
                    let views =
                        fields.iter().map(|(key, value)| (key.as_str(), spoor_model::ValueView::Str(value)));
                    row.attributes = self.builder.attributes(views);
                }
                None => row.name = text(&mut self.builder, annotation.value),
            }
            self.builder.push_event(row);
        }
        Ok(self.builder.events_since(mark))
    }

    fn process(&mut self) -> u32 {
        let named =
            |host: &Option<super::wire::Endpoint<'a>>| host.filter(|host| !bytes(host.service).is_empty());
        let core = self.annotations.iter().filter(|annotation| kind_of(bytes(annotation.value)).is_some());
        let host = core
            .map(|annotation| annotation.host)
            .chain(self.binary.iter().filter(|tag| bytes(tag.key) == b"lc").map(|tag| tag.host))
            .chain(self.annotations.iter().map(|annotation| annotation.host))
            .find_map(|host| named(&host));
        let service = match host {
            Some(host) => text(&mut self.builder, host.service),
            None => self.builder.text("unknown-service-name"),
        };
        let mark = self.builder.attributes_mark();
        for annotation in &self.binary {
            if let Some(key) = process_key(annotation) {
                let (key, value) = (self.builder.text(key), tags::value(&mut self.builder, annotation));
                self.builder.push_attribute(key, value);
            }
        }
        if let Some(ipv4) = host.map(|host| host.ipv4).filter(|ipv4| *ipv4 != 0) {
            let key = self.builder.text("ip");
            self.builder.push_attribute(key, Value::Int(i64::from(ipv4.cast_unsigned())));
        }
        let attributes = self.builder.attributes_since(mark);
        self.builder.push_resource(ResourceRow {
            service: Some(service),
            attributes,
            ..ResourceRow::default()
        })
    }
}

/// The side that a core annotation tells of.
fn kind_of(value: &[u8]) -> Option<&'static str> {
    match value {
        b"cs" | b"cr" => Some("client"),
        b"sr" | b"ss" => Some("server"),
        _ => None,
    }
}

/// A point in time from microseconds; what lies before 1970 is moved there.
fn micros(micros: i64) -> UnixNanos {
    UnixNanos(u64::try_from(micros).unwrap_or_default().saturating_mul(1_000))
}

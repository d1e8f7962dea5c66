//! The JSON of api_v2's `Span` to a row, as Kafka's `json` records hold it (`gogo/protobuf jsonpb`): names in camelCase or as
//! in the .proto file, ids in base64, enums by name or number, 64-bit integers as text or number, times in RFC 3339, durations
//! in any spelling of Go's, unknown names ignored. Texts are copied.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess};
use spoor_model::jaeger::{Interpreted, TagInterpreter};
use spoor_model::{
    AttributeRow, Checkpoint, EventRow, FlagsAre, LinkRow, ResourceRow, Rows, ScopeRow, SpanBatchBuilder,
    SpanRow, Text,
};

use super::decode::resource_row;
use super::event_name::EventName;
use super::json_references::{References, span_id, trace_id};
use super::json_tags::Tags;
use super::time::{LOG_MOVED, Moment, parse_json_duration, parse_json_time, point, span_times};
use super::{references, warnings};
use crate::convert::limits::Limits;
use crate::convert::otlp::{Items, JsonWalk as Walk, Message, Object, Scalar, skip};
use crate::convert::walk::RecordWalk;
use crate::error::DecodeError;
use crate::wire::Slice;

/// Reads records one after another.
pub(crate) struct JsonDecoder {
    walk: Walk,
    /// The span being read; its lists are used again and again.
    span: Span,
}

impl JsonDecoder {
    /// For texts that are copied into `builder`.
    pub(crate) fn new(builder: SpanBatchBuilder) -> Self {
        Self { walk: Walk::new(builder), span: Span::default() }
    }

    /// The builder with the rows of everything that was read.
    pub(crate) fn into_builder(self) -> SpanBatchBuilder {
        self.walk.into_builder()
    }
}

impl RecordWalk<'_> for JsonDecoder {
    fn builder(&mut self) -> &mut SpanBatchBuilder {
        &mut self.walk.builder
    }

    fn walk(&mut self, record: Slice<'_>, limits: Limits) -> Result<(), DecodeError> {
        self.span.clear();
        self.walk.read(record.bytes, limits, &mut self.span).map_err(|error| error.within("Span"))?;
        self.span.push(&mut self.walk.builder);
        Ok(())
    }

    fn forget(&mut self, _checkpoint: Checkpoint) {
        self.span.clear();
    }
}

/// What is known of a span so far.
#[derive(Default)]
struct Span {
    row: SpanRow,
    start: Moment,
    duration: Moment,
    fields: Interpreted,
    references: Vec<LinkRow>,
    warnings: Vec<Text>,
    process: ResourceRow,
    has_moved_log: bool,
}

impl Span {
    fn clear(&mut self) {
        let (mut references, mut warnings) =
            (std::mem::take(&mut self.references), std::mem::take(&mut self.warnings));
        references.clear();
        warnings.clear();
        *self = Self { references, warnings, ..Self::default() };
    }

    /// Pushes the rows that could wait for the end.
    fn push(&mut self, builder: &mut SpanBatchBuilder) {
        let mark = builder.links_mark();
        self.row.parent_span_id = references::push(builder, self.row.trace_id, &self.references);
        self.row.links = builder.links_since(mark);
        let mut warn = |warning: &str| self.warnings.push(builder.text(warning));
        (self.row.start, self.row.end) = span_times(self.start, self.duration, &mut warn);
        if self.has_moved_log {
            warn(LOG_MOVED);
        }
        if !self.warnings.is_empty() {
            self.row.attributes = with_warnings(builder, self.row.attributes, &self.warnings);
        }
        let Interpreted { kind, status, status_message, trace_state, scope_name, scope_version } =
            self.fields;
        let resource = builder.push_resource(self.process);
        let scope = ScopeRow { resource, name: scope_name, version: scope_version, ..ScopeRow::default() };
        let scope = builder.push_scope(scope);
        let flags_are = FlagsAre::Jaeger;
        builder.push_span(SpanRow {
            scope,
            kind,
            status,
            status_message,
            trace_state,
            flags_are,
            ..self.row
        });
    }

    fn logs<'de, A: MapAccess<'de>>(&mut self, walk: &mut Walk, map: &mut A) -> Result<(), A::Error> {
        let mark = walk.builder.events_mark();
        let mut logs = Logs { has_moved: false };
        walk.list(map, &mut logs)?;
        self.has_moved_log = logs.has_moved;
        self.row.events = walk.builder.events_since(mark);
        Ok(())
    }

    fn tags<'de, A: MapAccess<'de>>(&mut self, walk: &mut Walk, map: &mut A) -> Result<(), A::Error> {
        let mark = walk.builder.attributes_mark();
        let mut interpreter = TagInterpreter::default();
        walk.list(map, &mut Tags(|builder: &mut _, key, value| interpreter.push(builder, key, value)))?;
        self.fields = interpreter.finish(&mut walk.builder);
        self.row.attributes = walk.builder.attributes_since(mark);
        Ok(())
    }
}

/// The attributes once more, with their warnings behind them: those stand behind the tags in the text, too late for the run.
#[cold]
fn with_warnings(builder: &mut SpanBatchBuilder, attributes: Rows, texts: &[Text]) -> Rows {
    let rows: Vec<AttributeRow> =
        builder.batch().attributes(attributes).iter().map(|view| *view.row()).collect();
    let mark = builder.attributes_mark();
    for AttributeRow { key, value } in rows {
        builder.push_attribute(key, value);
    }
    warnings::push(builder, texts);
    builder.attributes_since(mark)
}

impl Message for Span {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "traceId" | "trace_id" => self.row.trace_id = walk.scalar(map, trace_id)?,
            "spanId" | "span_id" => self.row.span_id = walk.scalar(map, span_id)?,
            "operationName" | "operation_name" => self.row.name = walk.text(map)?,
            "references" => {
                self.references.clear();
                walk.list(map, &mut References(&mut self.references))?;
            }
            "flags" => self.row.flags = walk.scalar(map, |flags| flags.u32())?,
            "startTime" | "start_time" => self.start = walk.scalar(map, time)?,
            "duration" => self.duration = walk.scalar(map, duration)?,
            "tags" => self.tags(walk, map)?,
            "logs" => self.logs(walk, map)?,
            "process" => {
                let mut process = Process::default();
                walk.object(map, &mut process)?;
                self.process = resource_row(&walk.builder, process.service, process.tags);
            }
            "warnings" => {
                self.warnings.clear();
                walk.list(map, &mut Warnings(&mut self.warnings))?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Process {
    service: Text,
    tags: Rows,
}

impl Message for Process {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "serviceName" | "service_name" => self.service = walk.text(map)?,
            "tags" => {
                let mark = walk.builder.attributes_mark();
                walk.list(map, &mut Tags(SpanBatchBuilder::push_attribute))?;
                self.tags = walk.builder.attributes_since(mark);
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Logs {
    has_moved: bool,
}

impl Items for Logs {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<EventRow, _>()?;
        let mut log = Log::default();
        Object(walk, &mut log).deserialize(item)?;
        let (time, is_moved) = point(log.timestamp);
        self.has_moved |= is_moved;
        let (name, attributes) = (log.name.text(), log.fields);
        walk.builder.push_event(EventRow { time, name, attributes, ..EventRow::default() });
        Ok(())
    }
}

#[derive(Default)]
struct Log {
    timestamp: Moment,
    name: EventName,
    fields: Rows,
}

impl Message for Log {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "timestamp" => self.timestamp = walk.scalar(map, time)?,
            "fields" => {
                let mark = walk.builder.attributes_mark();
                self.name = EventName::default();
                walk.list(map, &mut Tags(|builder: &mut _, key, value| self.name.push(builder, key, value)))?;
                self.fields = walk.builder.attributes_since(mark);
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Warnings<'s>(&'s mut Vec<Text>);

impl Items for Warnings<'_> {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<AttributeRow, _>()?;
        let scalar = Scalar::deserialize(item)?;
        let text = scalar.text().map_err(D::Error::custom)?;
        self.0.push(walk.builder.text(text));
        Ok(())
    }
}

fn time(scalar: &Scalar<'_>) -> Result<Moment, &'static str> {
    if scalar.is_null() {
        return Ok(Moment::default());
    }
    parse_json_time(scalar.text()?).ok_or("expected a time in RFC 3339")
}

fn duration(scalar: &Scalar<'_>) -> Result<Moment, &'static str> {
    if scalar.is_null() {
        return Ok(Moment::default());
    }
    parse_json_duration(scalar.text()?).ok_or("expected a duration like 0.000005s")
}

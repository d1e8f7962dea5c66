//! Hot path: one `Span` struct to a row. Budget: no allocation (warnings apart), texts are ranges.

use spoor_model::jaeger::{Interpreted, TagInterpreter};
use spoor_model::{
    EventRow, FlagsAre, LinkRow, ReferenceKind, Rows, SpanBatchBuilder, SpanId, SpanRow, Text, TraceId,
    UnixNanos,
};

use super::decode::Decoder;
use super::tags;
use crate::convert::jaeger_v2::{
    DURATION_NEGATIVE, DURATION_TOO_LONG, EventName, LOG_MOVED, START_MOVED, push_references, push_warnings,
    text,
};
use crate::error::{DecodeError, Problem};
use crate::thrift::{Field, Kind, Reader};

/// The fields that Jaeger requires of a span: ids, name, flags, start and duration.
const REQUIRED: u16 = 0b11_1011_1110;
/// The same of a reference.
const REQUIRED_OF_REFERENCE: u16 = 0b1_1110;

/// What is read of a span besides its row.
struct Found<R> {
    /// Numbers of the fields that were there.
    seen: u16,
    trace_id: [i64; 2],
    start: i64,
    duration: i64,
    /// At the list of tags.
    tags: Option<R>,
    attributes: Rows,
    fields: Interpreted,
    has_moved_log: bool,
}

impl Decoder {
    /// Reads a span of a process's; the caller has charged its row.
    pub(super) fn span<'a, R: Reader<'a> + Clone>(
        &mut self,
        reader: &mut R,
        resource: u32,
    ) -> Result<(), DecodeError> {
        self.references.clear();
        let mut row = SpanRow { flags_are: FlagsAre::Jaeger, ..SpanRow::default() };
        let mut found = self.fields(reader, &mut row)?;
        if found.seen & REQUIRED != REQUIRED {
            let problem = Problem::Malformed(
                "a span has ids, a name, flags, a start and a duration, and some are missing",
            );
            return Err(DecodeError::new(problem, reader.position()));
        }
        row.trace_id = trace_id(found.trace_id);
        self.parent(&mut row, reader.position())?;
        self.times(&mut row, &mut found)?;
        (row.kind, row.status) = (found.fields.kind, found.fields.status);
        (row.status_message, row.trace_state) = (found.fields.status_message, found.fields.trace_state);
        row.attributes = found.attributes;
        let (name, version) = (found.fields.scope_name, found.fields.scope_version);
        row.scope = self.scope(resource, name, version, reader.position())?;
        self.builder.push_span(row);
        Ok(())
    }

    fn fields<'a, R: Reader<'a> + Clone>(
        &mut self,
        reader: &mut R,
        row: &mut SpanRow,
    ) -> Result<Found<R>, DecodeError> {
        let mut found = Found {
            seen: 0,
            trace_id: [0; 2],
            start: 0,
            duration: 0,
            tags: None,
            attributes: Rows::default(),
            fields: Interpreted::default(),
            has_moved_log: false,
        };
        reader.begin_struct()?;
        while let Some(Field { id, kind }) = reader.field()? {
            match (id, kind) {
                (1, Kind::I64) => found.trace_id[1] = reader.i64()?,
                (2, Kind::I64) => found.trace_id[0] = reader.i64()?,
                (3, Kind::I64) => row.span_id = SpanId(reader.i64()?.cast_unsigned()),
                (4, Kind::I64) => row.parent_span_id = SpanId(reader.i64()?.cast_unsigned()),
                (5, Kind::String) => row.name = text(&mut self.builder, Some(reader.bytes()?)),
                (6, Kind::List) => {
                    self.read_references(reader).map_err(|error| error.within("references"))?
                }
                (7, Kind::I32) => row.flags = reader.i32()?.cast_unsigned(),
                (8, Kind::I64) => found.start = reader.i64()?,
                (9, Kind::I64) => found.duration = reader.i64()?,
                (10, Kind::List) if found.tags.is_none() => {
                    found.tags = Some(reader.clone());
                    (found.attributes, found.fields) =
                        self.tags(reader, &[]).map_err(|error| error.within("tags"))?;
                }
                (11, Kind::List) if row.events.is_empty() => {
                    found.has_moved_log = self.logs(reader, row).map_err(|error| error.within("logs"))?;
                }
                _ => {
                    reader.skip(kind)?;
                    continue;
                }
            }
            found.seen |= 1 << id;
        }
        Ok(found)
    }

    /// The tags in a run of their own, with these warnings behind them, and what stood for fields.
    fn tags<'a, R: Reader<'a>>(
        &mut self,
        reader: &mut R,
        warnings: &[Text],
    ) -> Result<(Rows, Interpreted), DecodeError> {
        let mark = self.builder.attributes_mark();
        let mut interpreter = TagInterpreter::default();
        let mut push = |builder: &mut SpanBatchBuilder, key, value| interpreter.push(builder, key, value);
        tags::read_all(&mut self.builder, &mut self.budget, reader, &mut push)?;
        let fields = interpreter.finish(&mut self.builder);
        if !warnings.is_empty() {
            push_warnings(&mut self.builder, warnings);
        }
        Ok((self.builder.attributes_since(mark), fields))
    }

    /// The parent is a reference like the others, and the first of them unless it is among them.
    fn parent(&mut self, row: &mut SpanRow, at: usize) -> Result<(), DecodeError> {
        let (trace_id, span_id) = (row.trace_id, row.parent_span_id);
        let is_known = |link: &LinkRow| link.trace_id == trace_id && link.span_id == span_id;
        if !span_id.is_none() && !self.references.iter().any(is_known) {
            self.budget.take::<LinkRow>(1, at)?;
            let kind = ReferenceKind::ChildOf;
            self.references.insert(0, LinkRow { trace_id, span_id, kind, ..LinkRow::default() });
        }
        let links = self.builder.links_mark();
        row.parent_span_id = push_references(&mut self.builder, trace_id, &self.references);
        row.links = self.builder.links_since(links);
        Ok(())
    }

    /// Start and end; what had to be changed becomes a warning, for which the tags are written once more.
    fn times<'a, R: Reader<'a>>(
        &mut self,
        row: &mut SpanRow,
        found: &mut Found<R>,
    ) -> Result<(), DecodeError> {
        let mut warnings: [Option<&str>; 3] = [None; 3];
        row.start = nanos(found.start).unwrap_or_else(|nearest| {
            warnings[0] = Some(START_MOVED);
            nearest
        });
        let duration = nanos(found.duration).unwrap_or_else(|nearest| {
            warnings[1] = Some(if found.duration < 0 { DURATION_NEGATIVE } else { DURATION_TOO_LONG });
            nearest
        });
        row.end = UnixNanos(row.start.0.checked_add(duration.0).unwrap_or_else(|| {
            warnings[1] = Some(DURATION_TOO_LONG);
            u64::MAX
        }));
        warnings[2] = found.has_moved_log.then_some(LOG_MOVED);
        if warnings.iter().all(Option::is_none) {
            return Ok(());
        }
        let texts: Vec<Text> =
            warnings.into_iter().flatten().map(|warning| self.builder.text(warning)).collect();
        match found.tags.take() {
            Some(mut reader) => (found.attributes, found.fields) = self.tags(&mut reader, &texts)?,
            None => {
                let mark = self.builder.attributes_mark();
                push_warnings(&mut self.builder, &texts);
                found.attributes = self.builder.attributes_since(mark);
            }
        }
        Ok(())
    }

    fn read_references<'a, R: Reader<'a>>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let (kind, count) = reader.list()?;
        for _ in 0..count {
            if kind != Kind::Struct {
                reader.skip(kind)?;
                continue;
            }
            self.budget.take::<LinkRow>(1, reader.position())?;
            let reference = reference(reader)?;
            self.references.push(reference);
        }
        Ok(())
    }

    /// Reads all logs; answers whether one's time had to be moved.
    fn logs<'a, R: Reader<'a>>(&mut self, reader: &mut R, row: &mut SpanRow) -> Result<bool, DecodeError> {
        let mark = self.builder.events_mark();
        let mut has_moved = false;
        let (kind, count) = reader.list()?;
        for _ in 0..count {
            if kind != Kind::Struct {
                reader.skip(kind)?;
                continue;
            }
            self.budget.take::<EventRow>(1, reader.position())?;
            has_moved |= self.log(reader)?;
        }
        row.events = self.builder.events_since(mark);
        Ok(has_moved)
    }

    fn log<'a, R: Reader<'a>>(&mut self, reader: &mut R) -> Result<bool, DecodeError> {
        let mark = self.builder.attributes_mark();
        let (mut time, mut fields) = (None, None);
        let mut name = EventName::default();
        reader.begin_struct()?;
        while let Some(Field { id, kind }) = reader.field()? {
            match (id, kind) {
                (1, Kind::I64) => time = Some(reader.i64()?),
                (2, Kind::List) if fields.is_none() => {
                    let mut push =
                        |builder: &mut SpanBatchBuilder, key, value| name.push(builder, key, value);
                    tags::read_all(&mut self.builder, &mut self.budget, reader, &mut push)?;
                    fields = Some(self.builder.attributes_since(mark));
                }
                _ => reader.skip(kind)?,
            }
        }
        let (Some(time), Some(attributes)) = (time, fields) else {
            let problem = Problem::Malformed("a log has a timestamp and fields, and one of them is missing");
            return Err(DecodeError::new(problem, reader.position()));
        };
        let (time, has_moved) = nanos(time).map_or_else(|nearest| (nearest, true), |time| (time, false));
        self.builder.push_event(EventRow { time, name: name.text(), attributes, ..EventRow::default() });
        Ok(has_moved)
    }
}

/// Reads a `SpanRef`; kinds beyond the known ones are a plain link.
fn reference<'a, R: Reader<'a>>(reader: &mut R) -> Result<LinkRow, DecodeError> {
    let mut row = LinkRow::default();
    let (mut ids, mut seen) = ([0; 2], 0_u16);
    reader.begin_struct()?;
    while let Some(Field { id, kind }) = reader.field()? {
        match (id, kind) {
            (1, Kind::I32) => {
                row.kind = match reader.i32()? {
                    0 => ReferenceKind::ChildOf,
                    1 => ReferenceKind::FollowsFrom,
                    _ => ReferenceKind::Link,
                };
            }
            (2, Kind::I64) => ids[1] = reader.i64()?,
            (3, Kind::I64) => ids[0] = reader.i64()?,
            (4, Kind::I64) => row.span_id = SpanId(reader.i64()?.cast_unsigned()),
            _ => {
                reader.skip(kind)?;
                continue;
            }
        }
        seen |= 1 << id;
    }
    if seen & REQUIRED_OF_REFERENCE != REQUIRED_OF_REFERENCE {
        let problem = Problem::Malformed("a reference has a type and ids, and some are missing");
        return Err(DecodeError::new(problem, reader.position()));
    }
    row.trace_id = trace_id(ids);
    Ok(row)
}

/// The id of these halves, the high one first.
fn trace_id([high, low]: [i64; 2]) -> TraceId {
    TraceId(u128::from(high.cast_unsigned()) << 64 | u128::from(low.cast_unsigned()))
}

/// Microseconds (µs) as nanoseconds, or the nearest that the model can say.
fn nanos(micros: i64) -> Result<UnixNanos, UnixNanos> {
    let Ok(micros) = u64::try_from(micros) else { return Err(UnixNanos(0)) };
    micros.checked_mul(1_000).map(UnixNanos).ok_or(UnixNanos(u64::MAX))
}

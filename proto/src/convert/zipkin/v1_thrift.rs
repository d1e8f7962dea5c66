//! v1 in Thrift's binary protocol, a bare `list<Span>`. Texts are ranges.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use spoor_model::{
    AttributeRow, EventRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, Text, TraceId, UnixNanos, Value,
};

use super::address;
use super::v1::{Annotation, Assembly, BinaryAnnotation, Host};
use crate::convert::limits::{Budget, Limits};
use crate::convert::zipkin_thrift::wire;
use crate::error::{DecodeError, Problem};
use crate::thrift::{BinaryReader, Field, Kind, Reader};
use crate::wire::Slice;

/// Reads a `list<Span>` of Zipkin's v1 spans. A span that does not say when it began did `now`, and says so.
///
/// Texts stay ranges of `body`; invalid UTF-8 is repaired and counted. Unknown fields are skipped. Ids of zero pass: refusing
/// them is a normalizing step.
///
/// # Errors
/// For bytes that are no such list, or more rows than fit a request of this length. Nothing of the request is usable then.
pub fn decode_v1_thrift(body: Bytes, now: UnixNanos) -> Result<SpanBatch, DecodeError> {
    let source = body.clone();
    let budget = Budget::new(Limits::for_body(source.len()));
    let builder = SpanBatchBuilder::with_source(body)?;
    let mut decoder = Decoder { builder, budget, assembly: Assembly::new(now) };
    let mut reader = BinaryReader::new(Slice { bytes: &source, start: 0 });
    decoder.list(&mut reader).map_err(|error| error.within("list<Span>"))?;
    if !reader.is_at_end() {
        let problem = Problem::Malformed("something follows behind the list of spans");
        return Err(DecodeError::new(problem, reader.position()));
    }
    Ok(decoder.builder.finish()?)
}

struct Decoder {
    builder: SpanBatchBuilder,
    budget: Budget,
    assembly: Assembly,
}

impl Decoder {
    fn list<'a, R: Reader<'a>>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let start = reader.position();
        let (kind, count) = reader.list()?;
        if kind != Kind::Struct {
            return Err(DecodeError::new(Problem::Malformed("the list's items are no structs"), start));
        }
        for _ in 0..count {
            self.budget.take::<SpanRow>(1, reader.position())?;
            let at = reader.position();
            self.span(reader)?;
            self.assembly.push(&mut self.builder, &mut self.budget, at)?;
        }
        Ok(())
    }

    fn span<'a, R: Reader<'a>>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        self.assembly.begin();
        let (mut low, mut high) = (0, 0);
        reader.begin_struct()?;
        while let Some(Field { id, kind }) = reader.field()? {
            let head = &mut self.assembly.span.head;
            match (id, kind) {
                (1, Kind::I64) => low = reader.i64()?,
                (3, Kind::String) => head.name = self.builder.source_text(reader.bytes()?.range()),
                (4, Kind::I64) => head.span_id = SpanId(reader.i64()?.cast_unsigned()),
                (5, Kind::I64) => head.parent_span_id = SpanId(reader.i64()?.cast_unsigned()),
                (6, Kind::List) => self.annotations(reader)?,
                (8, Kind::List) => self.binary_annotations(reader)?,
                (9, Kind::Bool) => head.debug = reader.bool()?,
                (10, Kind::I64) => head.timestamp = reader.i64()?,
                (11, Kind::I64) => head.duration = reader.i64()?,
                (12, Kind::I64) => high = reader.i64()?,
                _ => reader.skip(kind)?,
            }
        }
        let wide = |half: i64| u128::from(half.cast_unsigned());
        self.assembly.span.head.trace_id = TraceId(wide(high) << 64 | wide(low));
        Ok(())
    }

    fn annotations<'a, R: Reader<'a>>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let (kind, count) = reader.list()?;
        for _ in 0..count {
            if kind != Kind::Struct {
                reader.skip(kind)?;
                continue;
            }
            self.budget.take::<EventRow>(2, reader.position())?;
            let wire::Annotation { timestamp, value, host } = wire::Annotation::read(reader)?;
            let (value, host) = (text(&mut self.builder, value), self.host(host));
            self.assembly.span.annotations.push(Annotation { timestamp, value, host });
        }
        Ok(())
    }

    fn binary_annotations<'a, R: Reader<'a>>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let (kind, count) = reader.list()?;
        for _ in 0..count {
            if kind != Kind::Struct {
                reader.skip(kind)?;
                continue;
            }
            self.budget.take::<AttributeRow>(5, reader.position())?;
            let read = wire::BinaryAnnotation::read(reader)?;
            let (key, value) = (text(&mut self.builder, read.key), value(&mut self.builder, &read));
            let host = self.host(read.host);
            self.assembly.span.binary.push(BinaryAnnotation { key, value, host });
        }
        Ok(())
    }

    fn host(&mut self, host: Option<wire::Endpoint<'_>>) -> Host {
        let Some(host) = host else { return Host::default() };
        let ipv4 = match host.ipv4 {
            0 => Text::EMPTY,
            ipv4 => address::from_bytes(&mut self.builder, &ipv4.to_be_bytes()),
        };
        let ipv6 = address::from_bytes(&mut self.builder, wire::bytes(host.ipv6));
        let service = text(&mut self.builder, host.service);
        Host { service, ipv4, ipv6, port: host.port.cast_unsigned() }
    }
}

/// The value by its type: BOOL 0, BYTES 1, I16 2, I32 3, I64 4, DOUBLE 5, STRING 6. Of numbers the first bytes count; short ones are
/// widened without a sign, as OpenTelemetry's collector widens them.
fn value(builder: &mut SpanBatchBuilder, annotation: &wire::BinaryAnnotation<'_>) -> Value {
    let raw = wire::bytes(annotation.value);
    let number = match annotation.kind {
        0 => return Value::Bool(raw == [1]),
        1 => return Value::Str(builder.text(&STANDARD.encode(raw))),
        2 => raw.first_chunk().map(|raw| Value::Int(i64::from(u16::from_be_bytes(*raw)))),
        3 => raw.first_chunk().map(|raw| Value::Int(i64::from(u32::from_be_bytes(*raw)))),
        4 => raw.first_chunk().map(|raw| Value::Int(i64::from_be_bytes(*raw))),
        5 => raw.first_chunk().map(|raw| Value::Double(f64::from_be_bytes(*raw))),
        6 => return Value::Str(text(builder, annotation.value)),
        unknown => {
            let told = format!("<unknown zipkin v1 binary annotation type ({unknown})>");
            return Value::Str(builder.text(&told));
        }
    };
    number.unwrap_or_else(|| Value::Str(builder.text("<not enough bytes representing the number>")))
}

/// The text of a slice; none is empty.
fn text(builder: &mut SpanBatchBuilder, slice: Option<Slice<'_>>) -> Text {
    slice.map_or(Text::EMPTY, |slice| builder.source_text(slice.range()))
}

//! v1 in JSON, an array of spans. Unknown names are ignored, a `null` counts as absent. Texts are copied.

use serde::de::{DeserializeSeed, Deserializer, MapAccess};
use spoor_model::{
    AttributeRow, EventRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId, UnixNanos, Value,
};

use super::v1::{Annotation, Assembly, BinaryAnnotation, Host};
use crate::convert::limits::Limits;
use crate::convert::otlp::{Items, JsonWalk as Walk, Message, Object, Scalar, skip};
use crate::error::DecodeError;

/// Reads an array of Zipkin's v1 spans. A span that does not say when it began did `now`, and says so.
///
/// # Errors
/// For text that is not JSON (invalid UTF-8 included) or no such array, ids that are zero or have not 16 hex digits (trace: or 32),
/// or more rows than fit a request of this length. Nothing of the request is usable then.
pub fn decode_v1_json(body: &[u8], now: UnixNanos) -> Result<SpanBatch, DecodeError> {
    let mut walk = Walk::new(SpanBatchBuilder::new());
    walk.read_list(body, Limits::for_body(body.len()), &mut Spans(Assembly::new(now)))
        .map_err(|error| error.within("spans"))?;
    Ok(walk.into_builder().finish()?)
}

struct Spans(Assembly);

impl Items for Spans {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<SpanRow, _>()?;
        self.0.begin();
        if !Object(walk, self).deserialize(item)? {
            return Ok(());
        }
        let head = &self.0.span.head;
        if head.trace_id.is_none() || head.span_id.is_none() {
            return Err(walk.refuse("a span needs a traceId and an id"));
        }
        let pushed = self.0.push(&mut walk.builder, &mut walk.budget, 0);
        pushed.map_err(|error| walk.refuse_as(error.problem()))
    }
}

impl Message for Spans {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let span = &mut self.0.span;
        let head = &mut span.head;
        match key {
            "traceId" => head.trace_id = walk.scalar(map, trace_id)?,
            "id" => head.span_id = walk.scalar(map, span_id)?,
            "parentId" => {
                let or_none =
                    |id: &Scalar<'_>| if id.text()?.is_empty() { Ok(SpanId::NONE) } else { span_id(id) };
                head.parent_span_id = walk.scalar(map, or_none)?;
            }
            "name" => head.name = walk.text(map)?,
            "timestamp" => head.timestamp = walk.scalar(map, |time| time.i64())?,
            "duration" => head.duration = walk.scalar(map, |duration| duration.i64())?,
            "debug" => head.debug = walk.scalar(map, |debug| debug.truth())?,
            "annotations" => walk.list(map, &mut Annotations(&mut span.annotations))?,
            "binaryAnnotations" => walk.list(map, &mut BinaryAnnotations(&mut span.binary))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Annotations<'s>(&'s mut Vec<Annotation>);

impl Items for Annotations<'_> {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<EventRow, _>()?;
        walk.charge::<EventRow, _>()?;
        let mut annotation = Annotation::default();
        if Object(walk, &mut annotation).deserialize(item)? {
            self.0.push(annotation);
        }
        Ok(())
    }
}

impl Message for Annotation {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "timestamp" => self.timestamp = walk.scalar(map, |time| time.i64())?,
            "value" => self.value = walk.text(map)?,
            "endpoint" => {
                self.host = Host::default();
                walk.object(map, &mut self.host)?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct BinaryAnnotations<'s>(&'s mut Vec<BinaryAnnotation>);

impl Items for BinaryAnnotations<'_> {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        for _ in 0..5 {
            walk.charge::<AttributeRow, _>()?;
        }
        let mut annotation = BinaryAnnotation { value: Value::Str(Default::default()), ..Default::default() };
        if Object(walk, &mut annotation).deserialize(item)? {
            self.0.push(annotation);
        }
        Ok(())
    }
}

impl Message for BinaryAnnotation {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "key" => self.key = walk.text(map)?,
            "value" => {
                let scalar = map.next_value::<Scalar<'de>>()?;
                self.value = value(walk, &scalar);
            }
            "endpoint" => {
                self.host = Host::default();
                walk.object(map, &mut self.host)?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Values that are texts stay texts, whatever they spell. An address tag's is true.
fn value(walk: &mut Walk, scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Str(Default::default()),
        Scalar::Bool(truth) => Value::Bool(*truth),
        Scalar::Signed(number) => Value::Int(*number),
        Scalar::Double(number) => Value::Double(*number),
        Scalar::Text(text) => Value::Str(walk.builder.text(text)),
        Scalar::Unsigned(number) => match i64::try_from(*number) {
            Ok(number) => Value::Int(number),
            Err(_) => Value::Str(walk.builder.text(&number.to_string())),
        },
    }
}

impl Message for Host {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "serviceName" => self.service = walk.text(map)?,
            "ipv4" => self.ipv4 = walk.text(map)?,
            "ipv6" => self.ipv6 = walk.text(map)?,
            // What is no port is none.
            "port" => {
                self.port = walk.scalar(map, |port| Ok(u16::try_from(port.i64()?).unwrap_or_default()))?
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

fn trace_id(scalar: &Scalar<'_>) -> Result<TraceId, &'static str> {
    let text = scalar.text()?;
    let id = matches!(text.len(), 16 | 32).then(|| text.parse::<TraceId>().ok()).flatten();
    id.filter(|id| !id.is_none()).ok_or("a trace id must have 16 or 32 hex digits and not be zero")
}

fn span_id(scalar: &Scalar<'_>) -> Result<SpanId, &'static str> {
    let text = scalar.text()?;
    let id = (text.len() == 16).then(|| text.parse::<SpanId>().ok()).flatten();
    id.filter(|id| !id.is_none()).ok_or("a span id must have 16 hex digits and not be zero")
}

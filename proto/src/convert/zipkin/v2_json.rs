//! Hot path: v2 in JSON, an array of spans. Unknown names are ignored, a `null` counts as absent. Texts are copied.

use serde::de::{DeserializeSeed, Deserializer, MapAccess};
use spoor_model::{
    AttributeRow, EventRow, SpanBatch, SpanBatchBuilder, SpanId, SpanKind, SpanRow, Text, TraceId,
};

use super::address;
use super::v2::{Annotation, Assembly, Endpoint};
use crate::convert::limits::Limits;
use crate::convert::otlp::{Items, JsonWalk as Walk, Message, Object, Scalar, skip};
use crate::error::DecodeError;

/// Reads an array of Zipkin's v2 spans.
///
/// Ids may have fewer digits than 16 or 32. A span without a `timestamp` begins in 1970 and says so.
///
/// # Errors
/// For text that is not JSON (invalid UTF-8 included) or no such array, ids that are none, a span without an id, addresses that
/// are none, or more rows than fit a request of this length. Nothing of the request is usable then.
pub fn decode_v2_json(body: &[u8]) -> Result<SpanBatch, DecodeError> {
    let mut walk = Walk::new(SpanBatchBuilder::new());
    walk.read_list(body, Limits::for_body(body.len()), &mut Spans::default())
        .map_err(|error| error.within("spans"))?;
    Ok(walk.into_builder().finish()?)
}

#[derive(Default)]
struct Spans(Assembly);

impl Items for Spans {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<SpanRow, _>()?;
        self.0.begin();
        if !Object(walk, self).deserialize(item)? {
            return Ok(());
        }
        if self.0.span.head.span_id.is_none() {
            return Err(walk.refuse("a span needs an id that is not zero"));
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
        let head = &mut self.0.span.head;
        match key {
            "traceId" => head.trace_id = walk.scalar(map, trace_id)?,
            "id" => head.span_id = walk.scalar(map, span_id)?,
            "parentId" => head.parent_span_id = walk.scalar(map, span_id)?,
            "name" => head.name = walk.text(map)?,
            "kind" => head.kind = walk.scalar(map, kind)?,
            "timestamp" => head.timestamp = walk.scalar(map, |time| time.u64())?,
            "duration" => head.duration = walk.scalar(map, |duration| duration.u64())?,
            "debug" => head.debug = walk.scalar(map, |debug| debug.truth())?,
            "localEndpoint" => {
                head.local = Endpoint::default();
                walk.object(map, &mut head.local)?;
            }
            "remoteEndpoint" => {
                head.remote = Endpoint::default();
                walk.object(map, &mut head.remote)?;
            }
            "annotations" => walk.list(map, &mut Annotations(&mut self.0.span.annotations))?,
            "tags" => {
                walk.object(map, &mut Tags(&mut self.0))?;
            }
            // `shared` too: a server's half keeps the id that it shares.
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Tags<'s>(&'s mut Assembly);

impl Message for Tags<'_> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        walk.charge::<AttributeRow, _>()?;
        let key = walk.builder.text(key);
        let value = walk.text(map)?;
        self.0.span.tags.push(walk.builder.batch(), key, value);
        Ok(())
    }
}

struct Annotations<'s>(&'s mut Vec<Annotation>);

impl Items for Annotations<'_> {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
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
            "timestamp" => self.timestamp = walk.scalar(map, |time| time.u64())?,
            "value" => self.value = walk.text(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Endpoint {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "serviceName" => self.service = walk.text(map)?,
            "ipv4" => self.ipv4 = ip(walk, map)?,
            "ipv6" => self.ipv6 = ip(walk, map)?,
            "port" => {
                let port = |port: &Scalar<'_>| {
                    u16::try_from(port.u32()?).map_err(|_| "a port must be a number up to 65535")
                };
                self.port = walk.scalar(map, port)?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

fn ip<'de, A: MapAccess<'de>>(walk: &mut Walk, map: &mut A) -> Result<Text, A::Error> {
    let scalar = map.next_value::<Scalar<'de>>()?;
    let text = scalar.text().map_err(|what| walk.refuse(what))?;
    address::from_text(&mut walk.builder, text).ok_or_else(|| walk.refuse("an IP address is expected"))
}

/// Read without its high half where it has at most 16 digits.
fn trace_id(scalar: &Scalar<'_>) -> Result<TraceId, &'static str> {
    scalar.text()?.parse().map_err(|_| "a trace id must have 1 to 32 hex digits")
}

fn span_id(scalar: &Scalar<'_>) -> Result<SpanId, &'static str> {
    match scalar.text()? {
        "" => Ok(SpanId::NONE),
        text => text.parse().map_err(|_| "a span id must have 1 to 16 hex digits"),
    }
}

fn kind(scalar: &Scalar<'_>) -> Result<SpanKind, &'static str> {
    Ok(match scalar.text()? {
        "CLIENT" => SpanKind::Client,
        "SERVER" => SpanKind::Server,
        "PRODUCER" => SpanKind::Producer,
        "CONSUMER" => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    })
}

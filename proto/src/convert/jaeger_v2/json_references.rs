//! References and ids in api_v2's JSON.

use serde::de::{DeserializeSeed, Deserializer, MapAccess};
use spoor_model::{LinkRow, ReferenceKind, SpanId, TraceId};

use super::fields::span_ref;
use super::json_tags::number_of;
use crate::convert::otlp::{Items, JsonWalk as Walk, Message, Object, Scalar, skip};

pub(super) struct References<'s>(pub(super) &'s mut Vec<LinkRow>);

impl Items for References<'_> {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<LinkRow, _>()?;
        let mut reference = Reference(LinkRow { kind: ReferenceKind::ChildOf, ..LinkRow::default() });
        Object(walk, &mut reference).deserialize(item)?;
        self.0.push(reference.0);
        Ok(())
    }
}

struct Reference(LinkRow);

impl Message for Reference {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "traceId" | "trace_id" => self.0.trace_id = walk.scalar(map, trace_id)?,
            "spanId" | "span_id" => self.0.span_id = walk.scalar(map, span_id)?,
            "refType" | "ref_type" => {
                let number = walk.scalar(map, |kind| number_of(kind, &["CHILD_OF", "FOLLOWS_FROM"]))?;
                self.0.kind = match number {
                    0 => ReferenceKind::ChildOf,
                    span_ref::FOLLOWS_FROM => ReferenceKind::FollowsFrom,
                    _ => ReferenceKind::Link,
                };
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

pub(super) fn trace_id(scalar: &Scalar<'_>) -> Result<TraceId, &'static str> {
    if scalar.is_null() {
        return Ok(TraceId::NONE);
    }
    TraceId::from_bytes(&scalar.bytes()?).ok_or("a trace id must be 16 or 8 bytes in base64")
}

pub(super) fn span_id(scalar: &Scalar<'_>) -> Result<SpanId, &'static str> {
    if scalar.is_null() {
        return Ok(SpanId::NONE);
    }
    SpanId::from_bytes(&scalar.bytes()?).ok_or("a span id must be 8 bytes in base64")
}

//! What OpenTelemetry's collector writes into Zipkin's plain texts to keep what these have no place for: parts with `|` between
//! them, attributes among them as a JSON object. A text that only looks like it stays what it is.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use spoor_model::{AttributeRow, LinkRow, Rows, SpanBatchBuilder, SpanId, TraceId, Value};

use crate::convert::limits::Budget;
use crate::error::DecodeError;

/// `name|{attributes}|dropped`, an event.
pub(super) struct PipedEvent<'t> {
    pub(super) name: &'t str,
    pub(super) attributes: &'t str,
    pub(super) dropped: u32,
}

impl<'t> PipedEvent<'t> {
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let (name, rest) = text.split_once('|')?;
        let (attributes, dropped) = rest.rsplit_once('|')?;
        Some(Self { name, attributes, dropped: dropped.parse().ok()? })
    }
}

/// `trace id|span id|trace state|{attributes}|dropped`, a link.
pub(super) struct PipedLink<'t> {
    /// But for its texts.
    pub(super) row: LinkRow,
    pub(super) trace_state: &'t str,
    pub(super) attributes: &'t str,
}

impl<'t> PipedLink<'t> {
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let (trace_id, rest) = text.split_once('|')?;
        let (span_id, rest) = rest.split_once('|')?;
        let (trace_state, rest) = rest.split_once('|')?;
        let (attributes, dropped) = rest.rsplit_once('|')?;
        let row = LinkRow {
            trace_id: id(trace_id, 32)?.parse::<TraceId>().ok()?,
            span_id: id(span_id, 16)?.parse::<SpanId>().ok()?,
            dropped_attributes: dropped.parse().ok()?,
            ..LinkRow::default()
        };
        Some(Self { row, trace_state, attributes })
    }
}

/// The digits of an id, which may stand in quotes.
fn id(text: &str, digits: usize) -> Option<&str> {
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    (bare.len() == digits).then_some(bare)
}

/// Reads a JSON object as a run of attributes: texts, truths and numbers, whole ones as integers; what nests is left out. `None`
/// for a text that is no JSON object; rows that were written until then belong to nobody.
pub(super) fn attributes(
    builder: &mut SpanBatchBuilder,
    budget: &mut Budget,
    json: &str,
    at: usize,
) -> Result<Option<Rows>, DecodeError> {
    let mark = builder.attributes_mark();
    let mut object = Object { builder, budget, at, exhausted: None };
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = reader.deserialize_map(&mut object).and_then(|()| reader.end());
    match (read, object.exhausted) {
        (_, Some(error)) => Err(error),
        (Ok(()), None) => Ok(Some(builder.attributes_since(mark))),
        (Err(_), None) => Ok(None),
    }
}

struct Object<'b> {
    builder: &'b mut SpanBatchBuilder,
    budget: &'b mut Budget,
    at: usize,
    exhausted: Option<DecodeError>,
}

impl<'de> Visitor<'de> for &mut Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if let Err(error) = self.budget.take::<AttributeRow>(1, self.at) {
                self.exhausted = Some(error);
                return Err(A::Error::custom("refused"));
            }
            if let Some(value) = map.next_value_seed(Plain(self.builder))? {
                let key = self.builder.text(&key);
                self.builder.push_attribute(key, value);
            }
        }
        Ok(())
    }
}

/// A value that does not nest; `None` for one that does, and for null.
struct Plain<'b>(&'b mut SpanBatchBuilder);

impl<'de> DeserializeSeed<'de> for Plain<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::Bool(truth)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Value::Int(number)))
    }

    #[expect(clippy::cast_precision_loss, reason = "a number beyond i64 is a double to JSON's readers")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(i64::try_from(number).map_or(Value::Double(number as f64), Value::Int)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "whole and far from the ends of i64")]
    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        let is_whole = number.fract() == 0.0 && number.abs() < 9e18;
        Ok(Some(if is_whole { Value::Int(number as i64) } else { Value::Double(number) }))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Value::Str(self.0.text(text))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

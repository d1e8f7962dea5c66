//! Span documents as they are found: every form that a Jaeger since 1.16 wrote, and ours.
//! Arrays may be null or absent, values strings or native, ids of any length, the parent a field or a reference.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::compact::CompactSpan;

/// One span. Borrows from the answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpanDocument<'a> {
    #[serde(rename = "traceID", borrow)]
    pub(super) trace_id: Cow<'a, str>,
    #[serde(rename = "spanID", borrow)]
    pub(super) span_id: Cow<'a, str>,
    #[serde(default, rename = "parentSpanID", borrow)]
    pub(super) parent_span_id: Option<JsonText<'a>>,
    #[serde(default)]
    pub(super) flags: Option<u64>,
    #[serde(default, borrow)]
    pub(super) operation_name: JsonText<'a>,
    #[serde(default, borrow)]
    pub(super) references: Option<Vec<ReferenceDocument<'a>>>,
    /// µs since the epoch.
    pub(super) start_time: u64,
    /// µs.
    #[serde(default)]
    pub(super) duration: u64,
    #[serde(default, borrow)]
    pub(super) tags: Option<Vec<TagDocument<'a>>>,
    #[serde(default, borrow)]
    pub(super) tag: Option<TagFields<'a>>,
    #[serde(default, borrow)]
    pub(super) logs: Option<Vec<LogDocument<'a>>>,
    /// Unread: spans of one process have the same bytes here, so that it is read once for all of them.
    #[serde(default, borrow)]
    pub(super) process: Option<&'a RawValue>,
    /// Only in the compact layout.
    #[serde(default, borrow)]
    pub(super) span: Option<CompactSpan<'a>>,
    /// Only in the compact layout; unread, as the process.
    #[serde(default, borrow)]
    pub(super) scope: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProcessDocument<'a> {
    #[serde(default, borrow)]
    pub(super) service_name: JsonText<'a>,
    #[serde(default, borrow)]
    pub(super) tags: Option<Vec<TagDocument<'a>>>,
    #[serde(default, borrow)]
    pub(super) tag: Option<TagFields<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReferenceDocument<'a> {
    #[serde(default, borrow)]
    pub(super) ref_type: JsonText<'a>,
    #[serde(rename = "traceID", borrow)]
    pub(super) trace_id: Cow<'a, str>,
    #[serde(rename = "spanID", borrow)]
    pub(super) span_id: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LogDocument<'a> {
    /// µs since the epoch.
    #[serde(default)]
    pub(super) timestamp: u64,
    #[serde(default, borrow)]
    pub(super) fields: Option<Vec<TagDocument<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TagDocument<'a> {
    #[serde(default, borrow)]
    pub(super) key: JsonText<'a>,
    /// `string`, `bool`, `int64`, `float64`, `binary`; others occur.
    #[serde(default, rename = "type", borrow)]
    pub(super) kind: JsonText<'a>,
    #[serde(default, borrow)]
    pub(super) value: TagValue<'a>,
    /// Ours: what the value was where its type says less, `float64` for the text of a number that JSON does not have.
    #[serde(default, rename = "spoorType", borrow)]
    pub(super) exact_kind: JsonText<'a>,
}

/// Text that borrows where it can; null is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct JsonText<'a>(pub(super) Cow<'a, str>);

/// A tag's value in whatever form; numbers are never squeezed through doubles.
#[derive(Debug, Default, PartialEq)]
pub(super) enum TagValue<'a> {
    #[default]
    Null,
    Text(Cow<'a, str>),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// A list or an object, as JSON text.
    Json(String),
}

/// Tags stored as fields, in their order.
#[derive(Debug, Default)]
pub(super) struct TagFields<'a>(pub(super) Vec<(Cow<'a, str>, TagValue<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = JsonText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or null")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<JsonText<'de>, E> {
                Ok(JsonText(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<JsonText<'de>, E> {
                Ok(JsonText(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<JsonText<'de>, E> {
                Ok(JsonText::default())
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TagValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = TagValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<TagValue<'de>, E> {
        Ok(TagValue::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<TagValue<'de>, E> {
        Ok(TagValue::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<TagValue<'de>, E> {
        Ok(TagValue::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<TagValue<'de>, E> {
        Ok(TagValue::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<TagValue<'de>, E> {
        Ok(i64::try_from(number).map_or_else(|_| TagValue::Text(number.to_string().into()), TagValue::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<TagValue<'de>, E> {
        Ok(TagValue::Double(number))
    }

    fn visit_unit<E>(self) -> Result<TagValue<'de>, E> {
        Ok(TagValue::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TagValue<'de>, A::Error> {
        let value = serde_json::Value::deserialize(MapAccessDeserializer::new(map))?;
        Ok(TagValue::Json(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<TagValue<'de>, A::Error> {
        let value = serde_json::Value::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(TagValue::Json(value.to_string()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TagFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = TagFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tags")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TagFields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(JsonText(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(TagFields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

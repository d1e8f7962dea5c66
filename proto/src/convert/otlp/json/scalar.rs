//! Numbers, words and truths of OTLP JSON, in every spelling that protobuf's JSON mapping allows.
//! A `null` stands for the field's default.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use spoor_model::{SpanId, SpanKind, StatusCode, TraceId};

/// A JSON value that is neither object nor array.
pub(in crate::convert) enum Scalar<'de> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Double(f64),
    Text(Cow<'de, str>),
}

const NOT_A_NUMBER: &str = "expected an integer, as a number or as text";
const OUT_OF_RANGE: &str = "the number does not fit into its field";

impl Scalar<'_> {
    pub(in crate::convert) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(in crate::convert) fn text(&self) -> Result<&str, &'static str> {
        match self {
            Self::Null => Ok(""),
            Self::Text(text) => Ok(text),
            _ => Err("expected text"),
        }
    }

    pub(in crate::convert) fn truth(&self) -> Result<bool, &'static str> {
        match self {
            Self::Null => Ok(false),
            Self::Bool(truth) => Ok(*truth),
            _ => Err("expected true or false"),
        }
    }

    fn integer(&self) -> Result<i128, &'static str> {
        match self {
            Self::Null => Ok(0),
            Self::Unsigned(number) => Ok(i128::from(*number)),
            Self::Signed(number) => Ok(i128::from(*number)),
            // 1e3 and 5.0 are integers too; the text form avoids an unchecked cast.
            Self::Double(number) if number.fract() == 0.0 && number.abs() < 1e20 => {
                format!("{number:.0}").parse().map_err(|_| NOT_A_NUMBER)
            }
            Self::Text(text) => text.parse().map_err(|_| NOT_A_NUMBER),
            Self::Double(_) | Self::Bool(_) => Err(NOT_A_NUMBER),
        }
    }

    pub(in crate::convert) fn u64(&self) -> Result<u64, &'static str> {
        u64::try_from(self.integer()?).map_err(|_| OUT_OF_RANGE)
    }

    pub(in crate::convert) fn u32(&self) -> Result<u32, &'static str> {
        u32::try_from(self.integer()?).map_err(|_| OUT_OF_RANGE)
    }

    pub(in crate::convert) fn i64(&self) -> Result<i64, &'static str> {
        i64::try_from(self.integer()?).map_err(|_| OUT_OF_RANGE)
    }

    #[expect(clippy::cast_precision_loss, reason = "a double that was written without a fraction")]
    pub(in crate::convert) fn f64(&self) -> Result<f64, &'static str> {
        match self {
            Self::Null => Ok(0.0),
            Self::Double(number) => Ok(*number),
            Self::Unsigned(number) => Ok(*number as f64),
            Self::Signed(number) => Ok(*number as f64),
            Self::Text(text) => match text.as_ref() {
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                "NaN" => Ok(f64::NAN),
                digits if digits.ends_with(|last: char| last.is_ascii_digit() || last == '.') => {
                    digits.parse().map_err(|_| "expected a number")
                }
                _ => Err("expected a number, NaN, Infinity or -Infinity"),
            },
            Self::Bool(_) => Err("expected a number"),
        }
    }

    pub(in crate::convert) fn bytes(&self) -> Result<Vec<u8>, &'static str> {
        base64(self.text()?).ok_or("expected base64")
    }

    pub(in crate::convert) fn trace_id(&self) -> Result<TraceId, &'static str> {
        let text = self.text()?;
        let id = match text.len() {
            0 => Some(TraceId::NONE),
            32 => text.parse().ok(),
            22 | 24 => fixed(text).map(|bytes| TraceId(u128::from_be_bytes(bytes))),
            _ => None,
        };
        id.ok_or("a trace id must have 32 hex digits (or be 16 bytes in base64)")
    }

    pub(in crate::convert) fn span_id(&self) -> Result<SpanId, &'static str> {
        let text = self.text()?;
        let id = match text.len() {
            0 => Some(SpanId::NONE),
            16 => text.parse().ok(),
            11 | 12 => fixed(text).map(|bytes| SpanId(u64::from_be_bytes(bytes))),
            _ => None,
        };
        id.ok_or("a span id must have 16 hex digits (or be 8 bytes in base64)")
    }

    /// By number, or by its name in the .proto file (`SPAN_KIND_SERVER`).
    pub(in crate::convert) fn kind(&self) -> Result<SpanKind, &'static str> {
        match self {
            Self::Text(text) if text.starts_with("SPAN_KIND_") => match &text["SPAN_KIND_".len()..] {
                "UNSPECIFIED" => Ok(SpanKind::Unspecified),
                "INTERNAL" => Ok(SpanKind::Internal),
                "SERVER" => Ok(SpanKind::Server),
                "CLIENT" => Ok(SpanKind::Client),
                "PRODUCER" => Ok(SpanKind::Producer),
                "CONSUMER" => Ok(SpanKind::Consumer),
                _ => Err("the span kind has no such name"),
            },
            _ => self.i64().map(SpanKind::from_number),
        }
    }

    /// By number, or by its name in the .proto file (`STATUS_CODE_ERROR`).
    pub(in crate::convert) fn status(&self) -> Result<StatusCode, &'static str> {
        match self {
            Self::Text(text) if text.starts_with("STATUS_CODE_") => match &text["STATUS_CODE_".len()..] {
                "UNSET" => Ok(StatusCode::Unset),
                "OK" => Ok(StatusCode::Ok),
                "ERROR" => Ok(StatusCode::Error),
                _ => Err("the status code has no such name"),
            },
            _ => self.i64().map(StatusCode::from_number),
        }
    }
}

fn fixed<const N: usize>(text: &str) -> Option<[u8; N]> {
    base64(text)?.try_into().ok()
}

/// Standard or URL-safe alphabet, with padding or without.
fn base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let url_safe = text.contains(['-', '_']);
    let alphabet = if url_safe { &base64::alphabet::URL_SAFE } else { &base64::alphabet::STANDARD };
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, text, true, false or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Bool(truth))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Signed(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Double(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }
}

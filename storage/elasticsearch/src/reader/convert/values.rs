//! The values of tags.

use spoor_model::{SpanBatchBuilder, Value, ValueView};

use super::super::document::TagValue;

/// A nested tag's value by its type; older writers have all values as strings. What does not fit its type stays as it is.
pub(super) fn typed_value(builder: &mut SpanBatchBuilder, kind: &str, value: &TagValue<'_>) -> Value {
    let typed = match (kind, value) {
        ("bool", TagValue::Text(text)) => text.parse().ok().map(Value::Bool),
        ("int64", TagValue::Text(text)) => text.parse().ok().map(Value::Int),
        ("float64", TagValue::Text(text)) => text.parse().ok().map(Value::Double),
        #[expect(clippy::cast_precision_loss, reason = "the writer's number was a double; it wrote 1.0 as 1")]
        ("float64", TagValue::Int(number)) => Some(Value::Double(*number as f64)),
        ("binary", TagValue::Text(text)) => from_hex(text).map(|bytes| Value::Bytes(builder.bytes(&bytes))),
        ("string", TagValue::Text(_)) | (_, TagValue::Null) => None,
        ("string", other) => {
            let text = text_of(other);
            Some(Value::Str(builder.text(&text)))
        }
        _ => None,
    };
    typed.unwrap_or_else(|| native_value(builder, value))
}

/// A value by the type that it has in JSON.
pub(super) fn native_value(builder: &mut SpanBatchBuilder, value: &TagValue<'_>) -> Value {
    match value {
        TagValue::Null => Value::Empty,
        TagValue::Text(text) => Value::Str(builder.text(text)),
        TagValue::Json(text) => Value::Str(builder.text(text)),
        TagValue::Bool(truth) => Value::Bool(*truth),
        TagValue::Int(number) => Value::Int(*number),
        TagValue::Double(number) => Value::Double(*number),
    }
}

fn text_of(value: &TagValue<'_>) -> String {
    match value {
        TagValue::Null => String::new(),
        TagValue::Text(text) => text.to_string(),
        TagValue::Json(text) => text.clone(),
        TagValue::Bool(truth) => ValueView::Bool(*truth).to_text(),
        TagValue::Int(number) => ValueView::Int(*number).to_text(),
        TagValue::Double(number) => ValueView::Double(*number).to_text(),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

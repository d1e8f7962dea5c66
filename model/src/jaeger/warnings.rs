//! Warnings on a span: Jaeger's model has a list for them, OTLP has not; they travel in one attribute.

use crate::nested::{ListView, encode_list};
use crate::{SpanBatch, SpanView, Text, Value, ValueView};

/// The attribute that carries a span's warnings: a list of strings (`jaegertracing/jaeger internal/jptrace/attributes.go`).
/// Stores that know only plain values hold it as the list's JSON text.
pub const WARNINGS: &str = "@jaeger@warnings";

/// The warnings of a span, oldest first. A value that is no list is one warning.
#[must_use]
pub fn warnings(span: SpanView<'_>) -> Vec<&str> {
    match span.attributes().get(WARNINGS) {
        Some(ValueView::List(list)) => list.iter().filter_map(ValueView::as_str).collect(),
        Some(ValueView::Str(text)) if !text.is_empty() => vec![text],
        _ => Vec::new(),
    }
}

/// Adds a warning to the span at `index`; nothing happens when there is no such span.
pub fn add_warning(batch: &mut SpanBatch, index: usize, warning: &str) {
    let Some(span) = batch.span(index) else { return };
    let rows = span.row().attributes;
    let mut encoded = Vec::new();
    encode_list(&mut encoded, warnings(span).into_iter().chain([warning]).map(ValueView::Str));
    let position = span.attributes().iter().position(|attribute| attribute.key() == WARNINGS);
    match position {
        None => batch.add_span_attribute(index, WARNINGS, ValueView::List(ListView::new(&encoded))),
        Some(position) => {
            let list = batch.add_bytes(&encoded);
            batch.attribute_rows_mut(rows)[position].value = Value::List(list);
            if let Some(span) = batch.span_row_mut(index) {
                span.encoded = Text::EMPTY;
            }
        }
    }
}

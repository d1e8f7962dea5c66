//! Whether one span satisfies a search. Pure; the store decides which spans to ask about.
//!
//! A tag is looked for among the attributes of the span, its resource and its events, and among the tags that Jaeger shows
//! for the span's fields; its value is compared, as a whole, with the text form of the attribute's value. The tag `error`
//! with a truth value asks whether the span failed: by its status or by an attribute `error`=true.

use spoor_model::jaeger::{ERROR, EVENT, ErrorTags, leading_tags, trailing_tags};
use spoor_model::{AttributesView, SpanBatch, SpanView, StatusCode, TraceQuery, UnixNanos, ValueView};

/// The latest start among the spans of these batches that satisfy the query; `None` when none does.
pub(super) fn latest_match<'a>(
    batches: impl IntoIterator<Item = &'a SpanBatch>,
    query: &TraceQuery,
) -> Option<UnixNanos> {
    let spans = batches.into_iter().flat_map(SpanBatch::spans);
    spans.filter(|span| matches(*span, query)).map(SpanView::start).max()
}

fn matches(span: SpanView<'_>, query: &TraceQuery) -> bool {
    let micros = span.duration().as_micros();
    (query.start.start..=query.start.end).contains(&span.start())
        && query.duration_min.is_none_or(|least| micros >= least.as_micros())
        && query.duration_max.is_none_or(|most| micros <= most.as_micros())
        && query.operation.as_ref().is_none_or(|operation| span.name() == operation)
        && query.service.as_ref().is_none_or(|service| span.service() == service)
        && query.filter.as_ref().is_none_or(|filter| filter.holds(span))
        && query.tags.iter().all(|(key, value)| has_tag(span, key, value))
}

fn has_tag(span: SpanView<'_>, key: &str, value: &str) -> bool {
    if key == ERROR
        && let Some(truth) = truth(value)
    {
        return failed(span) == truth;
    }
    holds(span.attributes(), key, value)
        || holds(span.resource().attributes(), key, value)
        || span.events().any(|event| {
            let named = key == EVENT && event.attributes().get(EVENT).is_none();
            holds(event.attributes(), key, value) || (named && !value.is_empty() && event.name() == value)
        })
        || leading_tags(span)
            .chain(trailing_tags(span, ErrorTags::StatusAndError))
            .any(|(derived, text)| derived == key && reads(text, value))
}

fn failed(span: SpanView<'_>) -> bool {
    span.status() == StatusCode::Error
        || holds(span.attributes(), ERROR, "true")
        || holds(span.resource().attributes(), ERROR, "true")
        || span.events().any(|event| holds(event.attributes(), ERROR, "true"))
}

fn holds(attributes: AttributesView<'_>, key: &str, value: &str) -> bool {
    // Bytes tell as much as texts, and this is asked of each attribute of every candidate.
    attributes.iter().any(|attribute| {
        attribute.key_bytes() == key.as_bytes()
            && match attribute.text_bytes() {
                Some(own) => own == value.as_bytes(),
                None => reads(attribute.value(), value),
            }
    })
}

/// True when the value's text form is `text`; made without building it where that is easy.
fn reads(value: ValueView<'_>, text: &str) -> bool {
    match value {
        ValueView::Str(own) => own == text,
        ValueView::Empty => text.is_empty(),
        ValueView::Bool(truth) => text == if truth { "true" } else { "false" },
        other => other.to_text() == text,
    }
}

/// A truth value as Jaeger's UI and Go's `strconv.ParseBool` spell it.
fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "t" | "T" | "1" => Some(true),
        "false" | "False" | "FALSE" | "f" | "F" | "0" => Some(false),
        _ => None,
    }
}

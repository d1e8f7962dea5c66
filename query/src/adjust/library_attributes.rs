//! What is said about the tracing library belongs to the process, not to each span.

use spoor_model::{SpanBatch, jaeger};

const KEYS: [&str; 5] = [
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
];

/// Moves the library's attributes from spans to their resources. Where the resource says something else, the span keeps its own
/// and gets a warning, one for each key however often the span repeats it.
pub(super) fn move_to_resource(trace: &mut SpanBatch) {
    for index in 0..trace.len() {
        if has_any(trace, index) {
            KEYS.iter().for_each(|key| move_one(trace, index, key));
        }
    }
}

fn has_any(trace: &SpanBatch, index: usize) -> bool {
    let is_one = |key: &str| key.starts_with("telemetry.") && KEYS.contains(&key);
    trace.span(index).is_some_and(|span| span.attributes().iter().any(|attribute| is_one(attribute.key())))
}

fn move_one(trace: &mut SpanBatch, index: usize, key: &str) {
    let Some(span) = trace.span(index) else { return };
    let own = || span.attributes().iter().filter(|attribute| attribute.key() == key);
    let Some(first) = own().next() else { return };
    let known = span.resource().attributes().get(key);
    let agreed = known.unwrap_or_else(|| first.value());
    let stays: Vec<bool> = span
        .attributes()
        .iter()
        .map(|attribute| attribute.key() != key || attribute.value() != agreed)
        .collect();
    let conflict = own().map(|attribute| attribute.value()).find(|value| *value != agreed).map(|other| {
        let (span, resource) = (other.to_text(), agreed.to_text());
        format!("conflicting values of {key}: the span says {span}, its resource says {resource}")
    });
    let moved = known.is_none().then(|| *first.row());
    let (rows, resource) = (span.row().attributes, trace.resource_index(span.row()));
    if let Some(row) = moved {
        let rows = trace.extend_attribute_rows(trace.resource_rows()[resource].attributes, row);
        if let Some(resource) = trace.resource_row_mut(resource) {
            resource.attributes = rows;
        }
    }
    let mut stays = stays.into_iter();
    let rows = trace.retain_attributes(rows, |_, _| stays.next().unwrap_or(true));
    if let Some(span) = trace.span_row_mut(index) {
        span.attributes = rows;
    }
    if let Some(conflict) = conflict {
        jaeger::add_warning(trace, index, &conflict);
    }
}

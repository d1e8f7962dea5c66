//! What is said about the tracing library belongs to the process, not to each span.

use spoor_model::{AttributeRow, SpanBatch, jaeger};

const KEYS: [&str; 5] = [
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
];

/// Moves the library's attributes from spans to their resources. Where the resource says something else, the span keeps its own
/// and gets a warning.
pub(super) fn move_to_resource(trace: &mut SpanBatch) {
    for index in 0..trace.len() {
        for row in found(trace, index) {
            move_one(trace, index, row);
        }
    }
}

fn found(trace: &SpanBatch, index: usize) -> Vec<AttributeRow> {
    let Some(span) = trace.span(index) else { return Vec::new() };
    span.attributes()
        .iter()
        .filter(|attribute| attribute.key().starts_with("telemetry.") && KEYS.contains(&attribute.key()))
        .map(|attribute| *attribute.row())
        .collect()
}

fn move_one(trace: &mut SpanBatch, index: usize, row: AttributeRow) {
    let Some(span) = trace.span(index) else { return };
    let own =
        span.attributes().iter().find(|attribute| attribute.row() == &row).map(|attribute| attribute.value());
    let key = trace.str(row.key).to_owned();
    match span.resource().attributes().get(&key) {
        Some(other) if Some(other) != own => {
            let own = own.unwrap_or_default().to_text();
            let warning = format!(
                "conflicting values of {key}: the span says {own}, its resource says {}",
                other.to_text()
            );
            return jaeger::add_warning(trace, index, &warning);
        }
        Some(_) => {}
        None => {
            let resource = trace.resource_index(span.row());
            let rows = trace.resource_rows()[resource].attributes;
            let rows = trace.extend_attribute_rows(rows, row);
            if let Some(resource) = trace.resource_row_mut(resource) {
                resource.attributes = rows;
            }
        }
    }
    let rows = trace.span_rows()[index].attributes;
    let rows = trace.retain_attributes(rows, |_, other| *other != row);
    if let Some(span) = trace.span_row_mut(index) {
        span.attributes = rows;
    }
}

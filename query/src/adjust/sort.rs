//! Attributes by key, on every owner, so that equal owners look equal and people find keys.
//! Events keep their order, as in Jaeger 1.x: 2.x sorts them by name, which loses what happened first.

use spoor_model::{AttributeRow, Rows, SpanBatch};

/// Sorts the attributes of resources, scopes, spans, events and links by key; equal keys keep their order.
pub(super) fn sort_attributes(trace: &mut SpanBatch) {
    let mut scratch: Vec<AttributeRow> = Vec::new();
    for rows in unsorted_runs(trace) {
        scratch.clear();
        scratch.extend_from_slice(trace.attribute_rows_mut(rows));
        scratch.sort_by(|left, right| trace.bytes(left.key).cmp(trace.bytes(right.key)));
        trace.attribute_rows_mut(rows).copy_from_slice(&scratch);
    }
    for index in 0..trace.len() {
        trace.span_row_mut(index);
    }
}

fn unsorted_runs(trace: &SpanBatch) -> Vec<Rows> {
    let resources = trace.resources().map(|resource| resource.row().attributes);
    let scopes = trace.scopes().map(|scope| scope.row().attributes);
    let spans = trace.spans().map(|span| span.row().attributes);
    let events = trace.spans().flat_map(|span| span.events().map(|event| event.row().attributes));
    let links = trace.spans().flat_map(|span| span.links().map(|link| link.row().attributes));
    resources
        .chain(scopes)
        .chain(spans)
        .chain(events)
        .chain(links)
        .filter(|rows| !is_sorted(trace, *rows))
        .collect()
}

fn is_sorted(trace: &SpanBatch, rows: Rows) -> bool {
    trace.attributes(rows).iter().map(|attribute| attribute.key()).is_sorted()
}

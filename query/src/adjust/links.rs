//! Links that name nothing go; the one that takes a parent's place comes first.

use spoor_model::{ReferenceKind, SpanBatch, jaeger};

/// Removes links without a trace id, with a warning on the span.
pub(super) fn drop_empty(trace: &mut SpanBatch) {
    for index in 0..trace.len() {
        let rows = trace.span_rows()[index].links;
        let kept = trace.retain_links(rows, |link| !link.trace_id.is_none());
        if kept == rows {
            continue;
        }
        if let Some(span) = trace.span_row_mut(index) {
            span.links = kept;
        }
        jaeger::add_warning(trace, index, "an invalid link, one without a trace ID, was removed");
    }
}

/// On a span without a parent, swaps the first `CHILD_OF` link into its own trace to the front, else the first other link into its
/// own trace (as Jaeger 1.x did): API clients take the first reference for the parent. A parent is the first reference anyway.
pub(super) fn put_parent_first(trace: &mut SpanBatch) {
    for index in 0..trace.len() {
        let row = trace.span_rows()[index];
        if row.links.len() < 2 || !row.parent_span_id.is_none() {
            continue;
        }
        let links = trace.link_rows_mut(row.links);
        let child_of = links
            .iter()
            .position(|link| link.trace_id == row.trace_id && link.kind == ReferenceKind::ChildOf);
        let first = child_of.or_else(|| links.iter().position(|link| link.trace_id == row.trace_id));
        if let Some(first) = first.filter(|&first| first > 0) {
            links.swap(0, first);
            trace.span_row_mut(index);
        }
    }
}

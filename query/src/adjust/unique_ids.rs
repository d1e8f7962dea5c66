//! Zipkin's clients and servers share one span id; a tree needs two.

use std::collections::{HashMap, HashSet};

use spoor_model::{SpanBatch, SpanId, SpanKind};

/// Gives each server span whose id a client span carries too a new id: the smallest free one. Its parent becomes the shared id,
/// and the other spans below the shared id move below the new one.
///
/// Free ids cannot run out: a trace has far fewer spans than there are ids.
pub(super) fn separate_shared_ids(trace: &mut SpanBatch) {
    let of_clients: HashSet<SpanId> =
        trace.spans().filter(|span| span.kind() == SpanKind::Client).map(|span| span.span_id()).collect();
    let shared =
        |span: &spoor_model::SpanRow| span.kind == SpanKind::Server && of_clients.contains(&span.span_id);
    let servers: Vec<usize> =
        trace.span_rows().iter().enumerate().filter(|(_, row)| shared(row)).map(|(index, _)| index).collect();
    if servers.is_empty() {
        return;
    }
    let mut used: HashSet<SpanId> = trace.spans().map(|span| span.span_id()).collect();
    let mut last = 0;
    let mut new_ids: HashMap<SpanId, SpanId> = HashMap::new();
    let mut renamed = vec![false; trace.len()];
    for index in servers {
        let Some(row) = trace.span_row_mut(index) else { continue };
        let new_id = smallest_free(&mut used, &mut last);
        new_ids.insert(row.span_id, new_id);
        row.parent_span_id = row.span_id;
        row.span_id = new_id;
        renamed[index] = true;
    }
    for (index, renamed) in renamed.into_iter().enumerate() {
        let parent = trace.span_rows()[index].parent_span_id;
        if let (false, Some(&new_id)) = (renamed, new_ids.get(&parent))
            && let Some(row) = trace.span_row_mut(index)
        {
            row.parent_span_id = new_id;
        }
    }
}

fn smallest_free(used: &mut HashSet<SpanId>, last: &mut u64) -> SpanId {
    loop {
        *last += 1;
        if used.insert(SpanId(*last)) {
            return SpanId(*last);
        }
    }
}

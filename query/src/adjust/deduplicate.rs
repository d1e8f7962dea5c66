//! A span that was stored twice (a replay, a client's repeat) is shown once.
//! Only spans that share an id can be equal, so that a healthy trace pays for one look at the ids.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use spoor_model::{AttributesView, SpanBatch, SpanId, SpanView, ValueView};

/// Drops every span that says the same as an earlier one, resource and scope included. The order stays.
pub(super) fn drop_duplicates(trace: &mut SpanBatch) {
    let mut uses: HashMap<SpanId, u32> = HashMap::with_capacity(trace.len());
    for span in trace.spans() {
        *uses.entry(span.span_id()).or_default() += 1;
    }
    if uses.len() == trace.len() {
        return;
    }
    // A key of its own for each call: nobody can send spans that are different and yet meet under one hash.
    let state = RandomState::new();
    let mut first_by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut duplicate = vec![false; trace.len()];
    for (index, span) in trace.spans().enumerate() {
        if uses.get(&span.span_id()).is_none_or(|&count| count < 2) {
            continue;
        }
        let firsts = first_by_hash.entry(content_hash(&state, span)).or_default();
        if firsts.iter().any(|&first| trace.span(first) == Some(span)) {
            duplicate[index] = true;
        } else {
            firsts.push(index);
        }
    }
    trace.retain_spans(|index, _| !duplicate[index]);
}

/// What a span says, resource and scope included, in one number under that key.
pub(crate) fn content_hash(state: &RandomState, span: SpanView<'_>) -> u64 {
    let mut hasher = state.build_hasher();
    let row = span.row();
    (row.trace_id, row.span_id, row.parent_span_id, row.kind, row.status, row.flags).hash(&mut hasher);
    (row.start, row.end, row.dropped_attributes, row.dropped_events, row.dropped_links).hash(&mut hasher);
    (span.name(), span.status_message(), span.trace_state()).hash(&mut hasher);
    hash_attributes(&mut hasher, span.attributes());
    for event in span.events() {
        (event.time(), event.name(), event.row().dropped_attributes).hash(&mut hasher);
        hash_attributes(&mut hasher, event.attributes());
    }
    for link in span.links() {
        let row = link.row();
        (row.trace_id, row.span_id, row.flags, row.kind, row.dropped_attributes).hash(&mut hasher);
        link.trace_state().hash(&mut hasher);
        hash_attributes(&mut hasher, link.attributes());
    }
    let (scope, resource) = (span.scope(), span.resource());
    (scope.name(), scope.version(), scope.schema_url(), scope.row().dropped_attributes).hash(&mut hasher);
    hash_attributes(&mut hasher, scope.attributes());
    (resource.service(), resource.schema_url(), resource.row().dropped_attributes).hash(&mut hasher);
    hash_attributes(&mut hasher, resource.attributes());
    hasher.finish()
}

fn hash_attributes(hasher: &mut impl Hasher, attributes: AttributesView<'_>) {
    attributes.len().hash(hasher);
    for attribute in attributes.iter() {
        attribute.key().hash(hasher);
        match attribute.value() {
            ValueView::Empty => 0u8.hash(hasher),
            ValueView::Str(text) => (1u8, text).hash(hasher),
            ValueView::Bool(truth) => (2u8, truth).hash(hasher),
            ValueView::Int(number) => (3u8, number).hash(hasher),
            ValueView::Double(number) => (4u8, number.to_bits()).hash(hasher),
            ValueView::Bytes(bytes) => (5u8, bytes).hash(hasher),
            ValueView::List(list) => (6u8, list.encoded()).hash(hasher),
            ValueView::Map(map) => (7u8, map.encoded()).hash(hasher),
        }
    }
}

//! What is asked where the index does not tell all of a filter: see `reader/in_doubt.rs`.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use spoor_model::{TraceId, TraceQuery};

use super::{Part, Patterns, filters, filters_of_part, spellings};

/// One page of the spans that match, newest first, as they are kept; none of the traces that are known already.
pub(in crate::reader) fn candidates(
    query: &TraceQuery,
    condition: &Value,
    (dot_replacement, patterns): (&str, Patterns),
    part: Part<'_>,
    known: &[TraceId],
    (size, after): (usize, Option<&RawValue>),
) -> Value {
    let filters = filters_of_part(query, Some(condition), dot_replacement, patterns, part);
    let known: Vec<String> = known.iter().copied().flat_map(spellings).collect();
    let mut body = json!({
        "size": size,
        "track_total_hits": false,
        "query": { "bool": { "filter": filters, "must_not": [{ "terms": { "traceID": known } }] } },
        "sort": [
            { "startTime": { "order": "desc", "unmapped_type": "long" } },
            { "traceID": { "order": "asc", "unmapped_type": "keyword" } },
            { "spanID": { "order": "asc", "unmapped_type": "keyword" } },
        ],
    });
    if let Some(after) = after {
        body["search_after"] = serde_json::from_str(after.get()).expect("the store's own JSON, read before");
    }
    body
}

/// Whether there is any span that matches.
pub(in crate::reader) fn any_span(
    query: &TraceQuery,
    condition: &Value,
    dot_replacement: &str,
    patterns: Patterns,
) -> Value {
    json!({
        "size": 1,
        "stored_fields": "_none_",
        "track_total_hits": false,
        "query": { "bool": { "filter": filters(query, Some(condition), dot_replacement, patterns) } },
    })
}

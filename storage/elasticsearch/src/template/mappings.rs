//! The mappings of each family, as Jaeger has them since v2.19, but for sampling.

use serde_json::{Value, json};

use super::Kind;

/// The mapping of new indices of the family.
pub(super) fn of(kind: Kind) -> Value {
    match kind {
        Kind::Span => spans(),
        Kind::CompactSpan => super::compact::mappings(),
        Kind::Service => services(),
        // The store's own guesses serve: dates are told by their form, texts are not searched.
        Kind::Dependencies => json!({}),
        Kind::Sampling => sampling(),
    }
}

fn keyword() -> Value {
    json!({ "type": "keyword", "ignore_above": 256 })
}

/// With no mapping, as in Jaeger, each service, operation and probability would become a field, the dots of their names splitting
/// them further, until the store's limit of fields (1,000) refuses every document. What is within maps keyed by names is not
/// looked at: an object that is `enabled: false` may have any keys, where `dynamic: false` would still refuse empty ones.
/// The documents are the same.
fn sampling() -> Value {
    let unread = json!({ "type": "object", "enabled": false });
    json!({
        "dynamic": false,
        "properties": {
            "timestamp": { "type": "date" },
            "throughputs": {
                "dynamic": false,
                "properties": {
                    "Service": keyword(),
                    "Operation": keyword(),
                    "Count": { "type": "long" },
                    "Probabilities": unread,
                },
            },
            "probabilitiesandqps": {
                "dynamic": false,
                "properties": { "Hostname": keyword(), "Probabilities": unread, "QPS": unread },
            },
        },
    })
}

/// A list of tags.
fn tag_list() -> Value {
    json!({
        "type": "nested",
        "dynamic": false,
        "properties": { "key": keyword(), "type": keyword(), "value": keyword() },
    })
}

/// Every field below these paths is an exact text, whatever comes first.
fn dynamic_templates(fields: &[(&str, &str)]) -> Value {
    fields.iter().map(|(name, path)| json!({ *name: { "path_match": path, "mapping": keyword() } })).collect()
}

fn spans() -> Value {
    json!({
        "dynamic_templates": dynamic_templates(&[
            ("span_tags_map", "tag.*"),
            ("process_tags_map", "process.tag.*"),
            ("scope_tags_map", "scopeTag.*"),
        ]),
        "properties": {
            "traceID": keyword(),
            "spanID": keyword(),
            "parentSpanID": keyword(),
            "operationName": keyword(),
            "startTime": { "type": "long" },
            "startTimeMillis": { "type": "date", "format": "epoch_millis" },
            "duration": { "type": "long" },
            "flags": { "type": "integer" },
            "tags": tag_list(),
            "tag": { "type": "object" },
            "logs": {
                "type": "nested",
                "dynamic": false,
                "properties": { "timestamp": { "type": "long" }, "fields": tag_list() },
            },
            "process": {
                "properties": { "serviceName": keyword(), "tags": tag_list(), "tag": { "type": "object" } },
            },
            "references": references(),
            "scopeTags": tag_list(),
            "scopeTag": { "type": "object" },
            // Ours: see `long_values`.
            crate::long_values::FIELD: { "type": "keyword", "doc_values": false },
        },
    })
}

fn references() -> Value {
    json!({
        "type": "nested",
        "dynamic": false,
        "properties": {
            "refType": keyword(),
            "traceID": keyword(),
            "spanID": keyword(),
            "traceState": keyword(),
            "flags": { "type": "integer" },
            "tags": tag_list(),
        },
    })
}

fn services() -> Value {
    json!({
        "dynamic_templates": dynamic_templates(&[
            ("span_tags_map", "tag.*"),
            ("process_tags_map", "process.tag.*"),
        ]),
        "properties": { "serviceName": keyword(), "operationName": keyword() },
    })
}

//! The templates that Jaeger itself installs, by hand after the facts of its versions
//! (`jaegertracing/jaeger internal/storage/elasticsearch`, mappings): what it wrote lies in indices of that schema, and not of ours.

use serde::Deserialize;
use serde_json::{Value, json};

/// Up to 1.60 the third field of a tag was called otherwise than in the documents, which left it out of the index.
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum Era {
    /// Up to 1.60.
    First,
    /// Up to 1.76 and 2.18.
    Second,
    /// From 2.19 on: with scopes, and references with more to them.
    Third,
}

/// What is `PUT` to `/_template/<name>` for services, in every era.
pub fn services(pattern: &str) -> Value {
    let word = json!({ "type": "keyword", "ignore_above": 256 });
    json!({
        "index_patterns": pattern, "aliases": {},
        "settings": { "index.number_of_shards": 1, "index.number_of_replicas": 0 },
        "mappings": { "properties": { "serviceName": word, "operationName": word } },
    })
}

/// The same for spans; every server that we read takes it.
pub fn spans(era: Era, pattern: &str) -> Value {
    let word = || json!({ "type": "keyword", "ignore_above": 256 });
    let third = if matches!(era, Era::First) { "tagType" } else { "type" };
    let tags = || json!({ "type": "nested", "dynamic": false, "properties": { "key": word(), "value": word(), third: word() } });
    let rule = |path: &str| json!({ "mapping": word(), "path_match": path });
    let mut rules =
        vec![json!({ "span_tags_map": rule("tag.*") }), json!({ "process_tags_map": rule("process.tag.*") })];
    let mut references = json!({ "refType": word(), "traceID": word(), "spanID": word() });
    let mut properties = json!({
        "traceID": word(), "parentSpanID": word(), "spanID": word(), "operationName": word(),
        "startTime": { "type": "long" }, "startTimeMillis": { "type": "date", "format": "epoch_millis" },
        "duration": { "type": "long" }, "flags": { "type": "integer" },
        "tags": tags(), "tag": { "type": "object" },
        "logs": { "type": "nested", "dynamic": false, "properties": { "timestamp": { "type": "long" }, "fields": tags() } },
        "process": { "properties": { "serviceName": word(), "tags": tags(), "tag": { "type": "object" } } },
    });
    if matches!(era, Era::Third) {
        rules.push(json!({ "scope_tags_map": rule("scopeTag.*") }));
        references["traceState"] = word();
        references["flags"] = json!({ "type": "integer" });
        references["tags"] = tags();
        properties["scopeTags"] = tags();
        properties["scopeTag"] = json!({ "type": "object" });
    }
    properties["references"] = json!({ "type": "nested", "dynamic": false, "properties": references });
    json!({
        "index_patterns": pattern, "aliases": {},
        "settings": {
            "index.number_of_shards": 1, "index.number_of_replicas": 0,
            "index.mapping.nested_fields.limit": 50, "index.requests.cache.enable": true,
        },
        "mappings": { "dynamic_templates": rules, "properties": properties },
    })
}

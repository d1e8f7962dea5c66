//! Index templates in Jaeger's schema: what makes tags nested and ids exact.
//! Facts: `jaegertracing/jaeger internal/storage/elasticsearch/esclient` (names, patterns, priorities, fields).

use serde_json::{Value, json};

use crate::IndexConfig;
use crate::client::Server;
use crate::index::{Family, IndexNames};

/// One template to install.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    /// Address to `PUT` it to.
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// The templates a writer needs on this server.
pub(crate) fn templates(server: Server, names: &IndexNames, config: &IndexConfig) -> [Template; 2] {
    [
        template(server, &names.spans, config, &span_mappings()),
        template(server, &names.services, config, &service_mappings()),
    ]
}

fn template(server: Server, family: &Family, config: &IndexConfig, mappings: &Value) -> Template {
    let settings = json!({
        "index.number_of_shards": config.num_shards,
        "index.number_of_replicas": config.num_replicas,
        "index.mapping.nested_fields.limit": 50,
        "index.requests.cache.enable": true,
    });
    let name = family.base_name();
    if server.has_composable_templates() {
        return Template {
            path: format!("/_index_template/{name}"),
            body: json!({
                "priority": 0,
                "index_patterns": family.pattern(),
                "template": { "settings": settings, "mappings": mappings, "aliases": {} },
            }),
        };
    }
    Template {
        path: format!("/_template/{name}"),
        // The leading star is Jaeger's: a template without prefix also serves prefixed indices.
        body: json!({
            "index_patterns": format!("*{}", family.pattern()),
            "settings": settings,
            "mappings": mappings,
            "aliases": {},
        }),
    }
}

fn keyword() -> Value {
    json!({ "type": "keyword", "ignore_above": 256 })
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

fn span_mappings() -> Value {
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

fn service_mappings() -> Value {
    json!({
        "dynamic_templates": dynamic_templates(&[
            ("span_tags_map", "tag.*"),
            ("process_tags_map", "process.tag.*"),
        ]),
        "properties": { "serviceName": keyword(), "operationName": keyword() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(server: Server) -> [Template; 2] {
        let indices = IndexConfig {
            prefix: "prod".to_owned(),
            num_shards: 3,
            num_replicas: 0,
            ..IndexConfig::default()
        };
        templates(server, &IndexNames::new(&indices).unwrap(), &indices)
    }

    #[test]
    fn older_servers_and_opensearch_get_legacy_templates() {
        for server in [Server::Elasticsearch(7), Server::OpenSearch(3)] {
            let [spans, services] = both(server);
            assert_eq!(spans.path, "/_template/prod-jaeger-span");
            assert_eq!(services.path, "/_template/prod-jaeger-service");
            assert_eq!(spans.body["index_patterns"], "*prod-jaeger-span-*");
            assert_eq!(spans.body["settings"]["index.number_of_shards"], 3);
            assert_eq!(spans.body["mappings"]["properties"]["tags"]["type"], "nested");
            assert!(spans.body.get("priority").is_none());
        }
    }

    #[test]
    fn newer_elasticsearch_gets_composable_templates() {
        let [spans, services] = both(Server::Elasticsearch(9));
        assert_eq!(spans.path, "/_index_template/prod-jaeger-span");
        assert_eq!(spans.body["index_patterns"], "prod-jaeger-span-*");
        assert_eq!(spans.body["priority"], 0);
        assert_eq!(services.body["template"]["settings"]["index.number_of_replicas"], 0);
        assert_eq!(
            services.body["template"]["mappings"]["properties"]["serviceName"],
            json!({ "type": "keyword", "ignore_above": 256 })
        );
    }
}

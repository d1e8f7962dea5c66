//! The mapping of the compact layout. What is not mentioned in it is kept and not looked at.

use serde_json::{Value, json};

use crate::document::token::LIMIT;

/// The longest name that is found, in characters; a store takes at most 32,766 bytes.
const LONGEST_NAME: u32 = 8_191;

/// Found by its exact value, neither sorted nor counted.
fn tokens() -> Value {
    json!({ "type": "keyword", "ignore_above": LIMIT, "doc_values": false })
}

fn name() -> Value {
    json!({ "type": "keyword", "ignore_above": LONGEST_NAME })
}

/// Nothing is ever written to it. It is there because searches ask for tags in Jaeger's layout, too, and a store makes an error of
/// a nested question to an index without such a field: as it should, where that index ought to have one.
fn nested_elsewhere(properties: &Value) -> Value {
    json!({ "type": "nested", "dynamic": false, "properties": properties })
}

/// The mapping of new indices.
pub(super) fn mappings() -> Value {
    let nothing = json!({});
    json!({
        "dynamic": false,
        "properties": {
            "traceID": { "type": "keyword" },
            "spanID": { "type": "keyword", "index": false },
            "operationName": name(),
            "startTime": { "type": "long" },
            "startTimeMillis": { "type": "date", "format": "epoch_millis" },
            "duration": { "type": "long" },
            "span": { "properties": { "d": tokens(), "a": tokens(), "e": tokens(), "l": tokens() } },
            "scope": { "properties": { "d": tokens(), "a": tokens() } },
            "process": {
                "properties": { "serviceName": name(), "a": tokens(), "tags": nested_elsewhere(&nothing) },
            },
            "tags": nested_elsewhere(&nothing),
            "logs": nested_elsewhere(&json!({ "fields": nested_elsewhere(&nothing) })),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Server;
    use crate::index::IndexNames;
    use crate::template::{Kind, TemplateNames, template};
    use crate::{IndexConfig, TemplateConfig};

    #[test]
    fn the_template_takes_in_the_indices_of_the_family_and_none_of_jaegers() {
        let config = IndexConfig { prefix: "prod".to_owned(), ..IndexConfig::default() };
        let of = |names: IndexNames, archive| {
            let names = TemplateNames::of(Kind::CompactSpan, &names.compact, archive);
            template(Server::Elasticsearch(8), &names, &TemplateConfig::default())
        };
        let store = of(IndexNames::new(&config).unwrap(), false);
        assert_eq!(store.path, "/_index_template/prod-spoor-span");
        assert_eq!(store.body["index_patterns"], "prod-spoor-span-*");
        assert_eq!(store.body["template"]["mappings"], mappings());
        assert_eq!(store.body["template"]["settings"]["index.codec"], "best_compression");
        let archive = of(IndexNames::archive(&config).unwrap(), true);
        assert_eq!(archive.body["index_patterns"], "prod-spoor-span-archive*");
    }

    #[test]
    fn servers_that_note_the_names_of_fields_are_told_not_to() {
        let names = IndexNames::new(&IndexConfig::default()).unwrap();
        let names = TemplateNames::of(Kind::CompactSpan, &names.compact, false);
        let told = |server| {
            let body = template(server, &names, &TemplateConfig::default()).body;
            let mappings = body.pointer("/template/mappings").unwrap_or_else(|| &body["mappings"]);
            mappings.get("_field_names").cloned()
        };
        for server in [Server::Elasticsearch(7), Server::OpenSearch(1), Server::OpenSearch(3)] {
            assert_eq!(told(server), Some(json!({ "enabled": false })), "{server}");
        }
        for server in [Server::Elasticsearch(8), Server::Elasticsearch(9)] {
            assert_eq!(told(server), None, "{server}");
        }
    }

    #[test]
    fn nothing_that_a_span_is_written_with_is_nested_or_has_a_field_for_each_key() {
        let mappings = mappings();
        assert_eq!(mappings["dynamic"], false);
        assert!(mappings.get("dynamic_templates").is_none());
        for path in ["/span/properties/a", "/scope/properties/a", "/process/properties/a"] {
            let field = mappings["properties"].pointer(path).unwrap();
            assert_eq!(
                *field,
                json!({ "type": "keyword", "ignore_above": 256, "doc_values": false }),
                "{path}"
            );
        }
    }
}

//! What a mapping must have so that what is written can be found: of the template that would apply to new indices, and of the
//! indices that exist.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Kind;

/// What a field has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// An exact text.
    Keyword,
    /// Objects that are searched one by one.
    Nested,
    Long,
    Date,
}

impl Need {
    fn type_name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Nested => "nested",
            Self::Long => "long",
            Self::Date => "date",
        }
    }

    fn is_met_by(self, found: &str) -> bool {
        match self {
            Self::Keyword => matches!(found, "keyword" | "constant_keyword" | "wildcard"),
            Self::Date => matches!(found, "date" | "date_nanos"),
            Self::Nested | Self::Long => found == self.type_name(),
        }
    }

    /// A field that is not mapped gets this type with the first document.
    fn is_guessed_from_documents(self) -> bool {
        self == Self::Long
    }

    /// What does not work otherwise.
    fn otherwise(self) -> &'static str {
        match self {
            Self::Keyword => "lookups by id, searches and lists of names fail or miss",
            Self::Nested => "searches by tag fail or find the wrong spans",
            Self::Long | Self::Date => "searches by time and the order of spans fail",
        }
    }
}

const SPAN_FIELDS: &[(&str, Need)] = &[
    ("traceID", Need::Keyword),
    ("spanID", Need::Keyword),
    ("operationName", Need::Keyword),
    ("process.serviceName", Need::Keyword),
    ("tags", Need::Nested),
    ("process.tags", Need::Nested),
    ("logs", Need::Nested),
    ("logs.fields", Need::Nested),
    ("startTime", Need::Long),
    ("duration", Need::Long),
    ("startTimeMillis", Need::Date),
];
const COMPACT_FIELDS: &[(&str, Need)] = &[
    ("traceID", Need::Keyword),
    ("spanID", Need::Keyword),
    ("operationName", Need::Keyword),
    ("process.serviceName", Need::Keyword),
    ("process.a", Need::Keyword),
    ("scope.a", Need::Keyword),
    ("scope.d", Need::Keyword),
    ("span.a", Need::Keyword),
    ("span.d", Need::Keyword),
    ("span.e", Need::Keyword),
    ("span.l", Need::Keyword),
    ("startTime", Need::Long),
    ("duration", Need::Long),
    ("startTimeMillis", Need::Date),
];
const SERVICE_FIELDS: &[(&str, Need)] = &[("serviceName", Need::Keyword), ("operationName", Need::Keyword)];

fn needed(kind: Kind) -> &'static [(&'static str, Need)] {
    match kind {
        Kind::Span => SPAN_FIELDS,
        Kind::CompactSpan => COMPACT_FIELDS,
        Kind::Service => SERVICE_FIELDS,
        Kind::Dependencies | Kind::Sampling => &[],
    }
}

/// Fields of wrong types, as a sentence.
#[derive(Debug, Default, PartialEq, Eq)]
struct Misfits {
    fields: Vec<String>,
    consequences: Vec<&'static str>,
}

impl Misfits {
    fn add(&mut self, field: &str, found: &str, need: Need) {
        self.fields.push(format!("{field} is {found} instead of {}", need.type_name()));
        if !self.consequences.contains(&need.otherwise()) {
            self.consequences.push(need.otherwise());
        }
    }

    /// `tags is object instead of nested (searches by tag fail …)`
    fn sentence(self) -> Option<String> {
        (!self.fields.is_empty())
            .then(|| format!("{} ({})", self.fields.join(", "), self.consequences.join("; ")))
    }
}

/// What is wrong with the mapping of indices to come; `None` when it fits.
pub(crate) fn misfit_of_mapping(kind: Kind, mappings: &Value) -> Option<String> {
    let mut misfits = Misfits::default();
    for (field, need) in needed(kind) {
        match type_of(mappings, field) {
            Some(found) if need.is_met_by(found) => {}
            Some(found) => misfits.add(field, found, *need),
            None if need.is_guessed_from_documents() => {}
            None if *need == Need::Keyword && texts_become_keywords(mappings) => {}
            None => misfits.add(field, "not mapped", *need),
        }
    }
    misfits.sentence()
}

fn type_of<'a>(mappings: &'a Value, path: &str) -> Option<&'a str> {
    let mut field = mappings;
    for name in path.split('.') {
        field = field.get("properties")?.get(name)?;
    }
    // A field that only says what is below it is an object.
    Some(field.get("type").and_then(Value::as_str).unwrap_or("object"))
}

/// A rule for all texts makes exact ones of them.
fn texts_become_keywords(mappings: &Value) -> bool {
    let rules = mappings.get("dynamic_templates").and_then(Value::as_array);
    rules.into_iter().flatten().filter_map(Value::as_object).flat_map(|rule| rule.values()).any(|rule| {
        let for_all =
            ["match", "path_match"].iter().all(|part| rule.get(part).is_none_or(|value| value == "*"));
        let for_texts = rule.get("match_mapping_type").is_none_or(|kind| kind == "string" || kind == "*");
        for_all && for_texts && rule["mapping"]["type"] == "keyword"
    })
}

/// The fields to ask `_field_caps` for: objects are told along with the fields in them.
pub(crate) fn asked_fields(kind: Kind) -> String {
    let below = |(field, need): &(&str, Need)| match need {
        Need::Nested => format!("{field}.key"),
        Need::Keyword | Need::Long | Need::Date => (*field).to_owned(),
    };
    needed(kind).iter().map(below).collect::<Vec<_>>().join(",")
}

/// An answer to `_field_caps` with `include_unmapped`.
#[derive(Debug, Deserialize)]
pub(crate) struct FieldCaps {
    #[serde(default)]
    indices: Vec<String>,
    #[serde(default)]
    fields: BTreeMap<String, BTreeMap<String, Capability>>,
}

#[derive(Debug, Deserialize)]
struct Capability {
    /// Absent where the type is the same in all indices.
    indices: Option<Names>,
}

/// Elasticsearch writes one name without a list around it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

/// What is wrong with indices that exist, by their names.
pub(crate) fn misfits_of_indices(kind: Kind, caps: &FieldCaps) -> BTreeMap<String, String> {
    let mut misfits: BTreeMap<&str, Misfits> = BTreeMap::new();
    for (field, need) in needed(kind) {
        let Some(types) = caps.fields.get(*field) else {
            // Servers that tell of no objects leave them out everywhere.
            if *need == Need::Keyword || *need == Need::Date {
                caps.indices.iter().for_each(|index| {
                    misfits.entry(index).or_default().add(field, "not mapped", *need);
                });
            }
            continue;
        };
        for (found, capability) in types {
            let unmapped = found == "unmapped";
            if need.is_met_by(found) || (unmapped && need.is_guessed_from_documents()) {
                continue;
            }
            let found = if unmapped { "not mapped" } else { found };
            let indices = match &capability.indices {
                None => caps.indices.as_slice(),
                Some(Names::One(name)) => std::slice::from_ref(name),
                Some(Names::Many(names)) => names,
            };
            indices.iter().for_each(|index| misfits.entry(index).or_default().add(field, found, *need));
        }
    }
    misfits.into_iter().filter_map(|(index, misfits)| Some((index.to_owned(), misfits.sentence()?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::mappings;

    #[test]
    fn our_own_mappings_fit() {
        for kind in [Kind::Span, Kind::CompactSpan, Kind::Service, Kind::Dependencies, Kind::Sampling] {
            assert_eq!(misfit_of_mapping(kind, &mappings::of(kind)), None);
        }
    }

    #[test]
    fn each_needed_field_is_missed() {
        for kind in [Kind::Span, Kind::CompactSpan, Kind::Service] {
            for (field, need) in needed(kind) {
                let mut mapping = mappings::of(kind);
                let pointer = format!("/properties/{}", field.replace('.', "/properties/"));
                *mapping.pointer_mut(&pointer).unwrap() = json!({ "type": "text" });
                let told = misfit_of_mapping(kind, &mapping).unwrap();
                assert!(told.contains(&format!("{field} is text instead of {}", need.type_name())), "{told}");
            }
        }
    }

    #[test]
    fn nothing_at_all_is_told_as_what_it_breaks() {
        let told = misfit_of_mapping(Kind::Span, &json!({})).unwrap();
        for part in [
            "traceID is not mapped instead of keyword",
            "tags is not mapped",
            "lookups by id",
            "searches by tag",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("startTime is"), "the first document makes it a long: {told}");
    }

    #[test]
    fn a_rule_that_makes_keywords_of_texts_serves_for_names() {
        let rule = |rule: Value| json!({ "dynamic_templates": [{ "texts": rule }] });
        let keywords = rule(json!({ "match_mapping_type": "string", "mapping": { "type": "keyword" } }));
        assert_eq!(misfit_of_mapping(Kind::Service, &keywords), None);
        let some = rule(json!({ "path_match": "tag.*", "mapping": { "type": "keyword" } }));
        assert!(misfit_of_mapping(Kind::Service, &some).is_some());
    }

    #[test]
    fn indices_are_judged_by_what_the_store_says_of_their_fields() {
        let caps = json!({
            "indices": ["good", "guessed", "empty"],
            "fields": {
                "serviceName": {
                    "keyword": { "type": "keyword", "indices": ["good"] },
                    "text": { "type": "text", "indices": "guessed" },
                    "unmapped": { "type": "unmapped", "indices": ["empty"] },
                },
                "operationName": { "keyword": { "type": "keyword" } },
            },
        });
        let caps: FieldCaps = serde_json::from_value(caps).unwrap();
        let misfits = misfits_of_indices(Kind::Service, &caps);
        assert_eq!(misfits.keys().collect::<Vec<_>>(), ["empty", "guessed"]);
        assert!(misfits["guessed"].starts_with("serviceName is text instead of keyword"), "{misfits:?}");
        let without: FieldCaps = serde_json::from_str(r#"{"indices":["one"],"fields":{}}"#).unwrap();
        assert!(misfits_of_indices(Kind::Service, &without)["one"].contains("operationName is not mapped"));
        let nothing: FieldCaps = serde_json::from_str(r#"{"indices":[],"fields":{}}"#).unwrap();
        assert!(misfits_of_indices(Kind::Span, &nothing).is_empty());
    }
}

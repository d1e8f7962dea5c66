//! Spans that are to go, as a question: what a search for the same would find, with tags as they are rather than as expressions.

use serde_json::{Value, json};
use spoor_storage::Doomed;

use super::{Patterns, exact, or_marked, spellings, tag};
use crate::long_values;

/// The question. One that says nothing is about nothing: all spans go with their index, never by this.
pub(crate) fn doomed_query(doomed: &Doomed, dot_replacement: &str) -> Value {
    let Doomed { service, operation, tags, trace_ids, before } = doomed;
    let mut filters = Vec::new();
    if let Some(service) = service {
        filters.push(or_marked(exact("process.serviceName", service), long_values::has_service(service)));
    }
    if let Some(operation) = operation {
        filters.push(or_marked(exact("operationName", operation), long_values::has_operation(operation)));
    }
    filters.extend(tags.iter().map(|(key, value)| tag(key, value, dot_replacement, Patterns::Literal)));
    if !trace_ids.is_empty() {
        let ids: Vec<String> = trace_ids.iter().copied().flat_map(spellings).collect();
        filters.push(json!({ "terms": { "traceID": ids } }));
    }
    if filters.is_empty() {
        return json!({ "match_none": {} });
    }
    if let Some(before) = before {
        filters.push(json!({ "range": { "startTimeMillis": { "lte": before.millis() } } }));
        filters.push(json!({ "range": { "startTime": { "lt": before.micros() } } }));
    }
    json!({ "bool": { "filter": filters } })
}

#[cfg(test)]
mod tests {
    use spoor_model::UnixNanos;

    use super::*;

    #[test]
    fn who_names_nothing_but_an_age_removes_nothing() {
        let doomed = Doomed { before: Some(UnixNanos(1)), ..Doomed::default() };
        assert_eq!(doomed_query(&doomed, "@"), json!({ "match_none": {} }));
    }

    #[test]
    fn all_that_is_said_must_hold() {
        let doomed = Doomed {
            service: Some("shop".to_owned()),
            operation: Some("GET /".to_owned()),
            tags: vec![("user.id".to_owned(), "a.*".to_owned())],
            before: Some(UnixNanos(1_500_000)),
            trace_ids: vec!["ab".parse().unwrap()],
        };
        let query = doomed_query(&doomed, "@");
        let filters = query["bool"]["filter"].as_array().unwrap();
        assert_eq!(filters.len(), 6);
        assert_eq!(filters[0], json!({ "term": { "process.serviceName": "shop" } }));
        assert_eq!(filters[1], json!({ "term": { "operationName": "GET /" } }));
        assert!(!query.to_string().contains("regexp"), "a value stands for itself: {query}");
        assert_eq!(filters[3]["terms"]["traceID"][1], "00000000000000ab");
        assert_eq!(filters[4], json!({ "range": { "startTimeMillis": { "lte": 1 } } }));
        assert_eq!(filters[5], json!({ "range": { "startTime": { "lt": 1_500 } } }));
    }
}

//! Claims about the bodies of searches, byte for byte where it matters to servers.

use std::time::Duration;

use spoor_model::{TimeRange, UnixNanos};

use super::*;

fn search() -> TraceQuery {
    TraceQuery {
        service: None,
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: UnixNanos::from_micros(1_999), end: UnixNanos::from_micros(5_000) },
        duration_min: None,
        duration_max: None,
        limit: 20,
        enough_spans: usize::MAX,
        filter: None,
    }
}

fn filters_of(query: &TraceQuery) -> Vec<Value> {
    let body = find_trace_ids(query, None, "@", Patterns::Allowed, Part::Whole, query.limit);
    body["query"]["bool"]["filter"].as_array().unwrap()[2..].to_vec()
}

fn of_tag(key: &str, value: &str) -> Value {
    filters_of(&TraceQuery { tags: vec![(key.to_owned(), value.to_owned())], ..search() }).remove(0)
}

#[test]
fn a_search_asks_for_each_trace_once_newest_first() {
    assert_eq!(
        find_trace_ids(&search(), None, "@", Patterns::Allowed, Part::Whole, 20),
        json!({
            "size": 20,
            "stored_fields": "_none_",
            "track_total_hits": false,
            "query": { "bool": { "filter": [
                { "range": { "startTimeMillis": { "gte": 1, "lte": 5 } } },
                { "range": { "startTime": { "gte": 1_999, "lte": 5_000 } } },
            ] } },
            "collapse": { "field": "traceID" },
            "sort": [
                { "startTime": { "order": "desc", "unmapped_type": "long" } },
                { "traceID": { "order": "asc", "unmapped_type": "keyword" } },
            ],
        })
    );
}

#[test]
fn conditions_are_exact_and_a_minimum_sets_no_maximum() {
    let query = TraceQuery {
        service: Some("shop".to_owned()),
        operation: Some("GET .*".to_owned()),
        duration_min: Some(Duration::from_millis(2)),
        ..search()
    };
    assert_eq!(
        filters_of(&query),
        [
            json!({ "range": { "duration": { "gte": 2_000 } } }),
            json!({ "term": { "process.serviceName": "shop" } }),
            json!({ "term": { "operationName": "GET .*" } }),
        ]
    );
    let longest = TraceQuery { duration_max: Some(Duration::MAX), ..search() };
    assert_eq!(filters_of(&longest), [json!({ "range": { "duration": { "lte": i64::MAX } } })]);
}

#[test]
fn a_plain_tag_is_looked_for_in_every_place_of_both_layouts_as_it_is() {
    let nested = |path: &str| {
        json!({ "nested": { "path": path, "query": { "bool": { "filter": [
            { "term": { format!("{path}.key"): "http.method" } },
            { "term": { format!("{path}.value"): "GET" } },
        ] } } } })
    };
    let compact = |field: &str| json!({ "terms": { field: ["http.method=GET", "http.method@GET", "http.method$GET"] } });
    assert_eq!(
        of_tag("http.method", "GET"),
        json!({ "bool": { "minimum_should_match": 1, "should": [
            { "term": { "tag.http@method": "GET" } },
            { "term": { "process.tag.http@method": "GET" } },
            nested("tags"),
            nested("process.tags"),
            nested("logs.fields"),
            compact("span.a"),
            compact("process.a"),
            compact("span.e"),
            compact("scope.a"),
            compact("span.l"),
        ] } })
    );
}

#[test]
fn a_value_with_operators_is_also_a_pattern() {
    let first = of_tag("k", "same.*")["bool"]["should"][0].clone();
    assert_eq!(
        first,
        json!({ "bool": { "minimum_should_match": 1, "should": [
            { "term": { "tag.k": "same.*" } },
            { "regexp": { "tag.k": { "value": "same.*" } } },
        ] } })
    );
    let long = ".".repeat(MAX_PATTERN_CHARS + 1);
    assert_eq!(of_tag("k", &long)["bool"]["should"][0], json!({ "term": { "tag.k": long } }));
    let literal = tag("k", "same.*", "@", Patterns::Literal);
    assert_eq!(literal["bool"]["should"][0], json!({ "term": { "tag.k": "same.*" } }));
}

#[test]
fn error_and_status_mean_what_they_say() {
    let failed = of_tag("error", "true");
    assert_eq!(failed["bool"]["should"][0], json!({ "term": { "tag.error": "true" } }));
    assert_eq!(of_tag("error", "T"), failed);
    assert_eq!(of_tag("error", "0"), json!({ "bool": { "must_not": [failed] } }));
    assert_eq!(
        of_tag("error", "timeout")["bool"]["should"][0],
        json!({ "term": { "tag.error": "timeout" } })
    );
    // Jaeger's layout has no other sign of it; the compact one has.
    let status = of_tag("otel.status_code", "ERROR");
    assert_eq!(status["bool"]["should"][0], failed["bool"]["should"][0]);
    let clauses = status["bool"]["should"].as_array().unwrap();
    assert!(!clauses.iter().any(|clause| clause.to_string().contains("error?true")));
    assert!(
        clauses
            .iter()
            .any(|clause| clause.pointer("/terms/span.d/0") == Some(&json!("otel.status_code=ERROR")))
    );
    assert_eq!(
        of_tag("otel.status_code", "OK")["bool"]["should"][0],
        json!({ "term": { "tag.otel@status_code": "OK" } })
    );
}

#[test]
fn an_empty_key_names_no_field() {
    assert_eq!(of_tag("", "v")["bool"]["should"].as_array().unwrap().len(), 3 + 5);
}

#[test]
fn an_id_is_asked_for_in_every_spelling() {
    let all = |id: u128| spellings(TraceId(id));
    assert_eq!(all(0xabc), ["00000000000000000000000000000abc", "0000000000000abc", "abc"]);
    assert_eq!(all(u128::from(u64::MAX)), ["0000000000000000ffffffffffffffff", "ffffffffffffffff"]);
    assert_eq!(all(1 << 124), ["10000000000000000000000000000000"]);
    assert_eq!(all(0), ["00000000000000000000000000000000", "0000000000000000", ""]);
    assert_eq!(all(1 << 64), ["00000000000000010000000000000000", "10000000000000000"]);
}

#[test]
fn the_next_page_begins_behind_the_stores_own_values() {
    let after = RawValue::from_string("[1787184000123456,\"0000000000000012\"]".to_owned()).unwrap();
    let body = trace_page(TraceId(1), 7, Some(&after));
    assert_eq!(body["search_after"], json!([1_787_184_000_123_456_u64, "0000000000000012"]));
    assert_eq!(body["size"], 7);
    assert!(trace_page(TraceId(1), 7, None).get("search_after").is_none());
}

#[test]
fn names_are_paged_in_their_own_order() {
    assert_eq!(
        names("operationName", Some("shop"), 3, Some("b")),
        json!({
            "size": 0,
            "track_total_hits": false,
            "aggs": { "names": { "composite": {
                "size": 3,
                "sources": [{ "name": { "terms": { "field": "operationName" } } }],
                "after": { "name": "b" },
            } } },
            "query": { "bool": { "filter": [{ "term": { "serviceName": "shop" } }] } },
        })
    );
    assert!(names("serviceName", None, 3, None).get("query").is_none());
}

#[test]
fn what_is_too_long_for_the_index_is_asked_for_by_its_mark_too() {
    let long = "v".repeat(257);
    let of_tag = of_tag("k", &long);
    let should = of_tag["bool"]["should"].as_array().unwrap();
    assert_eq!((should.len(), &should[5]), (6 + 5, &long_values::has_tag("k", &long).unwrap()));
    let query = TraceQuery { service: Some(long.clone()), operation: Some(long.clone()), ..search() };
    let [service, operation] = <[Value; 2]>::try_from(filters_of(&query)).unwrap();
    assert_eq!(service["bool"]["should"][1], long_values::has_service(&long).unwrap());
    assert_eq!(operation["bool"]["should"][1], long_values::has_operation(&long).unwrap());
}

#[test]
fn in_the_compact_layout_a_pattern_passes_over_the_type_and_takes_the_key_as_it_is() {
    let clauses = of_tag("a.b@c", "5..")["bool"]["should"].clone();
    let pattern =
        clauses.as_array().unwrap().iter().find_map(|clause| clause.pointer("/regexp/span.a/value")).unwrap();
    assert_eq!(pattern, r"a\.b\~\@c(\=|\?|\@|\$|\!|\%|\#[a-u]?)(5..)");
}

#[test]
fn anchors_are_characters_like_any_other() {
    let in_jaegers_layout = |value| of_tag("key", value).to_string().contains(r#""regexp":{"tag.key""#);
    assert!(!in_jaegers_layout("^from $5 on"));
    assert!(in_jaegers_layout("[^a]"));
}

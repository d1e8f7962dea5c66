//! Claims about API v3: what each route answers when all is well, and what it hands on to the store.

use spoor_model::{Operation, SpanKind, TimeRange, TraceId, TraceLookup, UnixNanos};

use super::*;

/// A window that every search needs.
const WINDOW: &str = "query.startTimeMin=2024-01-01T00:00:00Z&query.startTimeMax=2024-01-02T00:00:00Z";

fn operation(name: &str, span_kind: SpanKind) -> Operation {
    Operation { name: name.to_owned(), span_kind }
}

fn port_with_lists() -> Port {
    let mut reader = FakeReader::new(Script::Parts(Vec::new()));
    reader.services = vec!["a".to_owned(), "b/ü".to_owned()];
    reader.operations = vec![operation("GET /", SpanKind::Client), operation("x", SpanKind::Unspecified)];
    Port::new(&[], reader)
}

#[tokio::test]
async fn lists_are_there_with_what_they_hold_and_without() {
    let port = port_with_lists();
    let services = port.get("/api/v3/services").await;
    assert_eq!(
        (services.status, services.header("content-type")),
        (StatusCode::OK, Some("application/json"))
    );
    assert_eq!(services.body, r#"{"services":["a","b/ü"]}"#);
    let empty = Port::new(&[], FakeReader::new(Script::Parts(Vec::new())));
    assert_eq!(empty.get("/api/v3/services").await.body, r#"{"services":[]}"#);
    assert_eq!(empty.get("/api/v3/operations?service=a").await.body, r#"{"operations":[]}"#);
    let summaries = empty.get(&format!("/api/v3/trace-summaries?{WINDOW}&query.serviceName=a")).await;
    assert_eq!((summaries.status, summaries.body.as_str()), (StatusCode::OK, r#"{"summaries":[]}"#));
}

#[tokio::test]
async fn the_kind_of_an_operation_is_never_missing() {
    let port = port_with_lists();
    let answer = port.get("/api/v3/operations?service=a+b&spanKind=server").await;
    assert_eq!(
        answer.body,
        r#"{"operations":[{"name":"GET /","spanKind":"client"},{"name":"x","spanKind":"internal"}]}"#
    );
    port.get("/api/v3/operations?service=a&span_kind=CLIENT").await;
    port.get("/api/v3/operations?service=a&spanKind=").await;
    port.get("/api/v3/operations").await;
    let asked = port.reader.operation_queries.lock().unwrap();
    assert_eq!((asked[0].service.as_str(), asked[0].span_kind), ("a b", Some(SpanKind::Server)));
    assert_eq!(asked[1].span_kind, Some(SpanKind::Client));
    assert_eq!((asked[2].span_kind, asked[3].service.as_str()), (None, ""));
}

#[tokio::test]
async fn a_trace_is_one_document_whatever_the_spelling_of_its_id() {
    let port = Port::with_traces(&[]);
    for id in ["a", "0000000000000000000000000000000A", "AAAAAAAAAAo="] {
        let answer = port.get(&format!("/api/v3/traces/{id}")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (StatusCode::OK, Some("application/json"))
        );
        let spans = answer.json()["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"].take();
        assert_eq!(spans.as_array().unwrap().len(), 2);
        assert_eq!(spans[1]["traceId"], "0000000000000000000000000000000a");
    }
}

#[tokio::test]
async fn the_times_of_a_lookup_are_hints() {
    let port = Port::with_traces(&[]);
    let (early, late) = (UnixNanos(1_704_067_200_000_000_000), UnixNanos(1_704_067_201_500_000_000));
    for (query, hint) in [
        ("", None),
        (
            "startTime=2024-01-01T00:00:00Z&endTime=2024-01-01T00:00:01.5Z",
            Some(TimeRange { start: early, end: late }),
        ),
        ("start_time=2024-01-01T02:00:00+02:00", Some(TimeRange { start: early, end: UnixNanos::MAX })),
        ("end_time=2023-12-31T22:00:01.5-02:00", Some(TimeRange { start: UnixNanos::ZERO, end: late })),
        ("startTime=2025-01-01T00:00:00Z&endTime=2024-01-01T00:00:00Z", None),
    ] {
        assert_eq!(port.get(&format!("/api/v3/traces/a?{query}")).await.status, StatusCode::OK, "{query}");
        let asked = port.reader.lookups.lock().unwrap().pop().unwrap();
        assert_eq!(asked, TraceLookup { trace_id: TraceId(0xa), hint }, "{query}");
    }
}

#[tokio::test]
async fn a_search_hands_on_every_parameter_in_either_spelling() {
    let port = Port::with_traces(&[]);
    let camel = "query.serviceName=a%2Fb&query.operationName=GET+%2F&query.startTimeMin=1970-01-01T00:00:01Z&\
                 query.startTimeMax=1970-01-01T02:00:02.000000001+02:00&query.durationMin=1.5s&query.durationMax=1h2m&\
                 query.searchDepth=7&query.rawTraces=true&query.attributes=%7B%22k%22%3A%22v%22%2C%22error%22%3A%22true%22%7D";
    let snake = "query.service_name=a%2Fb&query.operation_name=GET+%2F&query.start_time_min=1970-01-01T00:00:01Z&\
                 query.start_time_max=1970-01-01T00:00:02.000000001Z&query.duration_min=1500ms&query.duration_max=62m&\
                 query.num_traces=7&query.raw_traces=t&query.attributes=%7B%22error%22%3A%22true%22%2C%22k%22%3A%22v%22%7D";
    for query in [camel, snake] {
        for route in ["traces", "trace-summaries"] {
            assert_eq!(port.get(&format!("/api/v3/{route}?{query}")).await.status, StatusCode::OK, "{query}");
            let asked = port.reader.searches.lock().unwrap().pop().unwrap();
            assert_eq!((asked.service.as_deref(), asked.operation.as_deref()), (Some("a/b"), Some("GET /")));
            assert_eq!(asked.limit, 8, "one more than asked for tells whether there is a further page");
            assert_eq!(
                asked.start,
                TimeRange { start: UnixNanos(1_000_000_000), end: UnixNanos(2_000_000_001) }
            );
            assert_eq!(asked.duration_min.unwrap().as_millis(), 1_500);
            assert_eq!(asked.duration_max.unwrap().as_secs(), 3_720);
            let tags: Vec<_> = asked.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert_eq!(tags, [("error", "true"), ("k", "v")]);
        }
    }
}

#[tokio::test]
async fn a_search_is_for_a_hundred_traces_unless_told_otherwise() {
    let port = Port::with_traces(&[]);
    for query in
        ["", "&query.searchDepth=0", "&query.searchDepth=", "&query.durationMin=0s&query.serviceName="]
    {
        let answer = port.get(&format!("/api/v3/traces?{WINDOW}&query.service_name=a{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        let asked = port.reader.searches.lock().unwrap().pop().unwrap();
        assert_eq!((asked.limit, asked.duration_min), (101, None), "{query}");
    }
}

#[tokio::test]
async fn the_api_describes_itself() {
    let answer = Port::with_traces(&["--query.base-path=/jaeger"]).get("/jaeger/api/v3/openapi.yaml").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/yaml")));
    assert!(answer.body.starts_with("openapi: 3.1"));
}

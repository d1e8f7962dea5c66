//! Claims about what each route answers when all is well, and what it hands on to the store.

use spoor_model::{Operation, SpanKind, TimeRange, TraceId, UnixNanos};

use super::*;

fn operation(name: &str, span_kind: SpanKind) -> Operation {
    Operation { name: name.to_owned(), span_kind }
}

fn port_with_lists() -> Port {
    let mut reader = FakeReader::new(Script::Parts(Vec::new()));
    reader.services = vec!["a".to_owned(), "b/ü".to_owned()];
    reader.operations = vec![
        operation("GET /", SpanKind::Client),
        operation("GET /", SpanKind::Server),
        operation("x", SpanKind::Unspecified),
    ];
    Port::new(&[], reader)
}

#[tokio::test]
async fn services_are_listed_in_the_envelope_with_their_number() {
    let answer = port_with_lists().get("/api/services").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    assert_eq!(answer.body, r#"{"data":["a","b/ü"],"total":2,"limit":0,"offset":0,"errors":null}"#);
}

#[tokio::test]
async fn no_services_are_an_empty_list_and_no_operations_of_a_service_are_null() {
    let port = Port::new(&[], FakeReader::new(Script::Parts(Vec::new())));
    assert_eq!(
        port.get("/api/services").await.body,
        r#"{"data":[],"total":0,"limit":0,"offset":0,"errors":null}"#
    );
    let operations = port.get("/api/services/a/operations").await;
    assert_eq!(operations.body, r#"{"data":null,"total":0,"limit":0,"offset":0,"errors":null}"#);
    let with_kinds = port.get("/api/operations?service=a").await;
    assert_eq!(with_kinds.body, r#"{"data":[],"total":0,"limit":0,"offset":0,"errors":null}"#);
}

#[tokio::test]
async fn a_services_operations_are_names_each_once() {
    let port = port_with_lists();
    let answer = port.get("/api/services/team/shop+1%2F2%2B/operations").await;
    assert_eq!(answer.body, r#"{"data":["GET /","x"],"total":2,"limit":0,"offset":0,"errors":null}"#);
    assert_eq!(port.reader.operation_queries.lock().unwrap()[0].service, "team/shop 1/2+");
}

#[tokio::test]
async fn operations_come_with_their_kinds_and_can_be_asked_by_kind() {
    let port = port_with_lists();
    let answer = port.get("/api/operations?service=a+b&spanKind=server").await;
    assert_eq!(
        answer.json()["data"],
        serde_json::json!([{"name": "GET /", "spanKind": "client"}, {"name": "GET /", "spanKind": "server"}, {"name": "x", "spanKind": ""}])
    );
    port.get("/api/operations?service=a&spanKind=").await;
    let asked = port.reader.operation_queries.lock().unwrap();
    assert_eq!((asked[0].service.as_str(), asked[0].span_kind), ("a b", Some(SpanKind::Server)));
    assert_eq!(asked[1].span_kind, None);
}

#[tokio::test]
async fn a_search_hands_on_every_parameter_in_its_unit() {
    let port = Port::with_traces(&[]);
    let answer = port
        .get("/api/traces?service=a%2Fb&operation=GET+%2F&start=1000000&end=2000000&minDuration=1.2ms&maxDuration=1h2m&limit=7&lookback=custom\
              &tag=k:v:w&tag=http.url:http%3A%2F%2Fx&tags=%7B%22k%22%3A%22z%22%2C%22error%22%3A%22true%22%7D")
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let asked = port.reader.searches.lock().unwrap()[0].clone();
    assert_eq!(
        (asked.service.as_deref(), asked.operation.as_deref(), asked.limit),
        (Some("a/b"), Some("GET /"), 7)
    );
    let window = TimeRange { start: UnixNanos(1_000_000_000), end: UnixNanos(2_000_000_999) };
    assert_eq!(asked.start, window, "µs; the last one belongs to the window wholly");
    assert_eq!(asked.duration_min.unwrap().as_micros(), 1_200);
    assert_eq!(asked.duration_max.unwrap().as_secs(), 3_720);
    let tags: Vec<_> = asked.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("k", "z"), ("http.url", "http://x"), ("error", "true")], "tags override tag");
}

#[tokio::test]
async fn a_search_looks_back_two_days_for_a_hundred_traces_unless_told_otherwise() {
    let port = Port::with_traces(&[]);
    for query in ["service=a", "service=a&limit=0&start=&end=&minDuration=&operation=&maxDuration=0"] {
        assert_eq!(port.get(&format!("/api/traces?{query}")).await.status, StatusCode::OK);
        let asked = port.reader.searches.lock().unwrap().pop().unwrap();
        assert_eq!(asked.limit, 100);
        assert_eq!(asked.start.end.since(asked.start.start).as_secs(), 48 * 3_600);
        assert!(asked.operation.is_none() && asked.duration_min.is_none() && asked.duration_max.is_none());
    }
    port.get("/api/traces?service=a&start=0&end=0").await;
    let asked = port.reader.searches.lock().unwrap().pop().unwrap();
    assert_eq!(asked.start.start, UnixNanos::ZERO, "0 is 1970, not absent");
}

#[tokio::test]
async fn a_search_answers_whole_traces_in_the_stores_order() {
    let json = Port::with_traces(&[]).get("/api/traces?service=a").await.json();
    let traces = json["data"].as_array().unwrap();
    let sizes: Vec<_> = traces.iter().map(|trace| trace["spans"].as_array().unwrap().len()).collect();
    assert_eq!((sizes, &json["total"], &json["errors"]), (vec![2, 1], &Value::from(0), &Value::Null));
    let nothing =
        Port::new(&[], FakeReader::new(Script::Parts(Vec::new()))).get("/api/traces?service=a").await;
    assert_eq!((nothing.status, &nothing.json()["data"]), (StatusCode::OK, &Value::Array(Vec::new())));
}

#[tokio::test]
async fn traces_by_several_ids_ignore_the_window_and_name_the_missing() {
    let port = Port::with_traces(&[]);
    let answer = port.get("/api/traces?traceID=b&traceID=000000000000000A&traceID=b&traceID=c&start=5&end=1&minDuration=9s&maxDuration=1s").await;
    let json = answer.json();
    let ids: Vec<_> =
        json["data"].as_array().unwrap().iter().map(|trace| trace["traceID"].as_str().unwrap()).collect();
    assert_eq!(ids, ["000000000000000b", "000000000000000a"]);
    assert_eq!(
        json["errors"],
        serde_json::json!([{"msg": "trace not found", "traceID": "000000000000000c"}])
    );
    assert!(port.reader.lookups.lock().unwrap().iter().all(|lookup| lookup.hint.is_none()));
}

#[tokio::test]
async fn a_trace_is_found_by_its_id_in_hex_and_base64() {
    let port = Port::with_traces(&[]);
    for id in ["a", "000000000000000a", "0000000000000000000000000000000A", "AAAAAAAAAAo=", "AAAAAAAAAAo"] {
        let answer = port.get(&format!("/api/traces/{id}")).await;
        assert_eq!(
            (answer.status, &answer.json()["data"][0]["traceID"]),
            (StatusCode::OK, &Value::from("000000000000000a")),
            "{id}"
        );
    }
}

#[tokio::test]
async fn hints_are_hints_also_when_they_are_in_the_wrong_unit() {
    let port = Port::with_traces(&[]);
    let hint = async |query: &str| {
        assert_eq!(port.get(&format!("/api/traces/a?{query}")).await.status, StatusCode::OK);
        let lookup = port.reader.lookups.lock().unwrap().pop().unwrap();
        assert_eq!(lookup.trace_id, TraceId(0xa));
        lookup.hint.map(|hint| (hint.start.0, hint.end.0))
    };
    assert_eq!(hint("").await, None);
    let micros = Some((1_700_000_000_000_000_000, 1_700_000_060_000_000_999));
    assert_eq!(hint("start=1700000000000000&end=1700000060000000").await, micros);
    assert_eq!(hint("start=1700000000000&end=1700000060000").await, micros, "ms");
    assert_eq!(hint("start=1700000000000").await, Some((1_700_000_000_000_000_000, u64::MAX)));
    assert_eq!(hint("start=1700000060000&end=1700000000000").await, None, "nonsense helps nobody");
    assert_eq!(hint("start=-5&end=9223372036854775807").await, Some((0, u64::MAX)));
}

#[tokio::test]
async fn pretty_print_indents_by_four_spaces_unless_it_says_false() {
    let port = port_with_lists();
    let pretty = port.get("/api/services?prettyPrint=true").await.body;
    assert!(pretty.starts_with("{\n    \"data\": [\n        \"a\",\n"), "{pretty}");
    assert_eq!(port.get("/api/services?prettyPrint=yes").await.body, pretty);
    for query in ["", "?prettyPrint=", "?prettyPrint=false"] {
        assert!(!port.get(&format!("/api/services{query}")).await.body.contains('\n'), "{query}");
    }
    let empty = port.get("/api/traces?service=a&prettyPrint=1").await.body;
    assert_eq!(
        empty,
        "{\n    \"data\": [],\n    \"total\": 0,\n    \"limit\": 0,\n    \"offset\": 0,\n    \"errors\": null\n}"
    );
}

#[tokio::test]
async fn raw_answers_what_is_stored() {
    let twice = || FakeReader::new(Script::Parts(vec![plain_trace(0xa, 1), plain_trace(0xa, 1)]));
    let port = Port::new(&[], twice());
    let spans =
        async |query: &str| port.get(query).await.json()["data"][0]["spans"].as_array().unwrap().len();
    for raw in ["raw=true", "raw=1", "raw=T"] {
        assert_eq!(spans(&format!("/api/traces/a?{raw}")).await, 2);
        assert_eq!(spans(&format!("/api/traces?traceID=a&{raw}")).await, 2);
        assert_eq!(spans(&format!("/api/traces?service=a&{raw}")).await, 2);
    }
    assert_eq!(spans("/api/traces/a?raw=false").await, 1);
}

#[tokio::test]
async fn everything_else_is_one_page_that_says_what_runs_here() {
    let port = Port::with_traces(&[]);
    for path in ["/", "/search", "/trace/a"] {
        let answer = port.get(path).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (StatusCode::OK, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert!(
            answer.body.contains(env!("CARGO_PKG_VERSION")) && answer.body.contains("href=\"/api/services")
        );
        assert!(!answer.body.contains("{prefix}") && !answer.body.contains("{version}"));
    }
    assert_eq!(port.ask("HEAD", "/").await.status, StatusCode::OK);
    assert_eq!(port.ask("POST", "/").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_base_path_comes_before_everything() {
    let port = Port::with_traces(&["--query.base-path=/team/jaeger"]);
    for path in [
        "/team/jaeger/api/traces/a",
        "/team/jaeger/api/traces?service=a",
        "/team/jaeger/api/services",
        "/team/jaeger/api/services/x%2Fy/z/operations",
        "/team/jaeger/",
        "/team/jaeger",
        "/team/jaeger/search",
    ] {
        assert_eq!(port.get(path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(port.reader.operation_queries.lock().unwrap()[0].service, "x/y/z");
    assert!(port.get("/team/jaeger/").await.body.contains("href=\"/team/jaeger/api/services"));
    for path in ["/", "/api/services", "/team/jaeger/api/x", "/team"] {
        assert_eq!(port.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn additional_headers_are_on_every_answer() {
    let port = Port::with_traces(&["--query.additional-headers=Access-Control-Allow-Origin: *"]);
    for path in ["/", "/api/services", "/api/nothing", "/api/traces"] {
        assert_eq!(port.get(path).await.header("access-control-allow-origin"), Some("*"), "{path}");
    }
}

#[tokio::test]
async fn the_users_token_goes_to_the_store_if_it_is_to_be_passed_on() {
    for (args, expected) in [(&["--query.bearer-token-propagation"][..], Some("users")), (&[], None)] {
        let port = Port::new(args, FakeReader::new(Script::Parts(Vec::new())));
        let request = Request::get("/api/services").header("authorization", "Bearer users");
        port.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let callers = port.reader.callers.lock().unwrap();
        assert_eq!(callers.as_slice(), [expected.map(spoor_storage::Credentials::bearer)]);
    }
}

#[tokio::test]
async fn a_list_that_is_cut_says_so_in_a_header_and_its_body_is_as_ever() {
    for cuts in [true, false] {
        let mut reader = FakeReader::new(Script::Hang);
        reader.services = vec!["shop".to_owned()];
        reader.operations = vec![Operation { name: "buy".to_owned(), span_kind: SpanKind::Server }];
        reader.cuts = cuts;
        let port = Port::new(&[], reader);
        for path in [
            "/api/services",
            "/api/services/shop/operations",
            "/api/operations?service=shop",
            "/api/v3/services",
            "/api/v3/operations?service=shop",
        ] {
            let answer = port.get(path).await;
            assert_eq!(
                (answer.status, answer.header("x-spoor-cut")),
                (StatusCode::OK, cuts.then_some("names"))
            );
            assert!(!answer.body.contains("cut") && !answer.body.contains("msg"), "{path}: {}", answer.body);
        }
    }
}

//! Claims about questions that cannot be answered: the code, the exact body, and which parameter it was.

use proptest::prelude::*;
use spoor_storage::ReadErrorKind;

use axum::response::IntoResponse;

use super::*;
use crate::service::Traces;

/// The body of an error, as Jaeger's clients know it.
fn envelope(code: u16, message: &str) -> String {
    format!(
        "{{\"data\":null,\"total\":0,\"limit\":0,\"offset\":0,\"errors\":[{{\"code\":{code},\"msg\":\"{message}\"}}]}}\n"
    )
}

#[tokio::test]
async fn an_unknown_trace_is_404_with_jaegers_exact_body_as_text() {
    let port = Port::with_traces(&[]);
    for id in ["c", "0", "00000000000000000000000000000000"] {
        let answer = port.get(&format!("/api/traces/{id}?prettyPrint=true")).await;
        assert_eq!((answer.status, answer.body), (StatusCode::NOT_FOUND, envelope(404, "trace not found")));
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn questions_without_sense_are_400_in_jaegers_words() {
    let port = Port::with_traces(&[]);
    for (path, message) in [
        ("/api/traces", "parameter 'service' is required"),
        ("/api/traces?service=", "parameter 'service' is required"),
        ("/api/operations", "parameter 'service' is required"),
        (
            "/api/traces?service=a&maxDuration=1s&minDuration=2s",
            "'maxDuration' should be greater than 'minDuration'",
        ),
        ("/api/traces?service=a&start=2&end=1", "'end' should not be before 'start'"),
        (
            "/api/traces?service=a&tag=nocolon",
            "malformed 'tag' parameter, expecting key:value, received: nocolon",
        ),
    ] {
        let answer = port.get(path).await;
        assert_eq!((answer.status, answer.body), (StatusCode::BAD_REQUEST, envelope(400, message)), "{path}");
    }
}

#[tokio::test]
async fn an_unreadable_parameter_is_400_and_named() {
    let port = Port::with_traces(&["--query.max-limit=50"]);
    for (path, beginning) in [
        ("/api/traces?service=a&start=x", "unable to parse param 'start': "),
        ("/api/traces?service=a&end=1.5", "unable to parse param 'end': "),
        ("/api/traces?service=a&end=9223372036854775808", "unable to parse param 'end': "),
        ("/api/traces?service=a&limit=x", "unable to parse param 'limit': "),
        ("/api/traces?service=a&limit=-1", "unable to parse param 'limit': "),
        ("/api/traces?service=a&limit=2147483648", "unable to parse param 'limit': "),
        (
            "/api/traces?service=a&limit=51",
            "unable to parse param 'limit': 51 is more than 50 (--query.max-limit)",
        ),
        ("/api/traces?service=a&minDuration=10", "unable to parse param 'minDuration': "),
        ("/api/traces?service=a&maxDuration=-1s", "unable to parse param 'maxDuration': "),
        (
            "/api/traces?service=a&tags=%7B%22a%22%3A1%7D",
            "malformed 'tags' parameter, cannot unmarshal JSON: ",
        ),
        ("/api/traces?service=a&tags=x", "malformed 'tags' parameter, cannot unmarshal JSON: "),
        ("/api/traces?service=a&raw=maybe", "unable to parse param 'raw': "),
        ("/api/traces?traceID=xyz", "unable to parse param 'traceID': "),
        ("/api/traces?traceID=", "unable to parse param 'traceID': "),
        ("/api/traces?traceID=AAAAAAAAAAo=", "unable to parse param 'traceID': "),
        ("/api/traces?traceID=a&limit=x", "unable to parse param 'limit': "),
        ("/api/traces/a?start=x", "unable to parse param 'start': "),
        ("/api/traces/a?raw=2", "unable to parse param 'raw': "),
        ("/api/traces/xyz", "\"xyz\" is no trace id: "),
        (
            "/api/traces/000000000000000000000000000000001",
            "\"000000000000000000000000000000001\" is no trace id: ",
        ),
        ("/api/operations?service=a&spanKind=x", "unable to parse param 'spanKind': "),
        ("/api/services/%ff/operations", "the service's name in the path"),
    ] {
        let answer = port.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(answer.body.ends_with('\n'));
        let json = answer.json();
        assert_eq!((&json["errors"][0]["code"], &json["data"]), (&Value::from(400), &Value::Null));
        assert!(json["errors"][0]["msg"].as_str().unwrap().starts_with(beginning), "{path}: {}", answer.body);
    }
    assert!(
        port.reader.searches.lock().unwrap().is_empty() && port.reader.lookups.lock().unwrap().is_empty()
    );
}

#[tokio::test]
async fn too_many_ids_are_refused() {
    let path = format!("/api/traces?{}", (1..=3).map(|id| format!("traceID={id}&")).collect::<String>());
    let answer = Port::with_traces(&["--query.max-limit=2"]).get(&path).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("--query.max-limit"));
}

#[tokio::test]
async fn a_failing_store_has_one_code_a_kind() {
    for (kind, code) in [
        (ReadErrorKind::Invalid, 400),
        (ReadErrorKind::Busy, 429),
        (ReadErrorKind::Unavailable, 500),
        (ReadErrorKind::Incomplete, 500),
        (ReadErrorKind::DeadlineExceeded, 504),
    ] {
        let port = Port::new(&[], FakeReader::new(Script::Fail(kind)));
        for path in [
            "/api/services",
            "/api/services/a/operations",
            "/api/operations?service=a",
            "/api/traces?service=a",
            "/api/traces?traceID=a",
            "/api/traces/a",
        ] {
            let answer = port.get(path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.body.as_str()),
                (code, envelope(code, "read from the fake: it was told to fail").as_str()),
                "{path}"
            );
            assert_eq!(answer.header("retry-after"), (code == 429).then_some("1"));
        }
    }
}

#[tokio::test]
async fn a_failure_after_some_spans_is_an_error_and_no_shorter_answer() {
    let port = Port::new(
        &[],
        FakeReader::new(Script::FailAfter(vec![plain_trace(0xa, 5)], ReadErrorKind::Incomplete)),
    );
    for path in ["/api/traces?service=a", "/api/traces/a"] {
        assert_eq!(port.get(path).await.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
}

#[tokio::test]
async fn an_answer_cut_by_its_limit_says_so() {
    let script = Script::Parts(vec![plain_trace(0xa, 50_000), plain_trace(0xb, 1)]);
    let port = Port::new(&["--query.max-answer-bytes=1MiB"], FakeReader::new(script));
    let json = port.get("/api/traces?service=a").await.json();
    assert_eq!(json["data"].as_array().unwrap().len(), 1);
    assert!(json["errors"][0]["msg"].as_str().unwrap().contains("--query.max-answer-bytes"));
    assert!(json["data"][0]["spans"][0]["warnings"][0].as_str().unwrap().contains("only its first"));
}

#[tokio::test]
async fn unknown_paths_below_api_and_other_methods_are_404_as_text() {
    let port = Port::with_traces(&[]);
    for (method, path) in [
        ("GET", "/api"),
        ("GET", "/api/"),
        ("GET", "/api/nothing"),
        ("POST", "/api/v3/nothing"),
        ("DELETE", "/api/services"),
        ("POST", "/api/traces/a"),
        ("GET", "/api/traces/a/b"),
        ("GET", "/api/services/a"),
        ("GET", "/api/services//operations"),
    ] {
        let answer = port.ask(method, path).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::NOT_FOUND, "404 page not found\n"),
            "{method} {path}"
        );
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_path_or_parameter_is_answered_with_a_fault_of_ours(
        path in "/api/(traces|traces/|services/|operations|[a-z%/+]{0,8})[A-Za-z0-9%+=/_.-]{0,40}",
        query in "(service|start|end|limit|tags?|raw|traceID|minDuration|maxDuration|spanKind|prettyPrint|[&=%+]){0,6}=[ -~&&[^#<>\"`\\[\\]{}|^\\\\ ]]{0,30}",
    ) {
        let Ok(uri) = format!("{path}?service=a&{query}").parse::<axum::http::Uri>() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer = runtime.block_on(Port::with_traces(&[]).get(&uri.to_string()));
        prop_assert!(matches!(answer.status.as_u16(), 200 | 400 | 404), "{} {}", uri, answer.status);
    }
}

#[tokio::test]
async fn a_trace_that_a_limit_leaves_out_is_not_told_as_unknown() {
    let metrics = Metrics::register(&mut Registry::default());
    let reader = Arc::new(FakeReader::new(Script::Hang));
    let service = Service::new(&config(&[]), Stores::new(reader), metrics);
    let found = |omitted| {
        let room = service.room_without_turn().unwrap();
        Traces { traces: Vec::new(), missing: Vec::new(), omitted, cut: false, room }
    };
    let text = async |answer: Response| {
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let (status, body) = text(v1::trace_response(found(true), false).into_response()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body.contains("--query.max-answer-bytes"), "{body}");
    let (status, body) = text(crate::api::v3::traces_response(found(true), None).into_response()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{body}");
    assert!(body.contains("--query.max-answer-bytes"), "{body}");
    for unknown in [
        v1::trace_response(found(false), false).into_response(),
        crate::api::v3::traces_response(found(false), None).into_response(),
    ] {
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_search_with_more_tags_than_a_store_shall_look_up_is_refused_by_the_parameters_name() {
    let port = Port::with_traces(&[]);
    let json = |tags: usize| {
        let tags: Vec<String> = (0..tags).map(|tag| format!("%22{tag}%22:%22x%22")).collect();
        format!("%7B{}%7D", tags.join(","))
    };
    let window = "query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z";
    let one_by_one = |tags: usize| (0..tags).map(|tag| format!("&tag={tag}:x")).collect::<String>();
    for (name, path) in [
        ("tags", (|tags| format!("/api/traces?service=a&tags={tags}")) as fn(String) -> String),
        ("query.attributes", |tags| format!("/api/v3/traces?query.serviceName=a&query.attributes={tags}")),
    ] {
        let ask = async |tags: usize| port.get(&format!("{}&{window}", path(json(tags)))).await;
        assert_eq!(ask(64).await.status, StatusCode::OK, "{name}");
        let refused = ask(65).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{name}");
        assert!(refused.body.contains(name) && refused.body.contains("64"), "{}", refused.body);
    }
    let refused = port.get(&format!("/api/traces?service=a{}", one_by_one(65))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains("'tag'"), "{}", refused.body);
}

//! Claims about questions to API v3 that cannot be answered: the code, the body, and which parameter it was.

use proptest::prelude::*;
use spoor_storage::ReadErrorKind;

use super::*;

/// A search that works, to be broken by what is added.
const SEARCH: &str = "/api/v3/traces?query.serviceName=a&query.startTimeMin=2024-01-01T00:00:00Z&query.startTimeMax=2024-01-02T00:00:00Z";

fn error(code: u16, message: &str) -> String {
    format!("{{\"error\":{{\"httpCode\":{code},\"message\":\"{message}\"}}}}\n")
}

#[tokio::test]
async fn nothing_found_is_404_with_jaegers_exact_body_as_text() {
    let port = Port::new(&[], FakeReader::new(Script::Parts(Vec::new())));
    for path in ["/api/v3/traces/c", "/api/v3/traces/0", SEARCH] {
        let answer = port.get(path).await;
        assert_eq!(
            (answer.status, answer.body),
            (StatusCode::NOT_FOUND, error(404, "No traces found")),
            "{path}"
        );
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
}

/// The question is answered with 400 and a message that begins like this.
async fn refused(port: &Port, path: &str, beginning: &str) {
    let answer = port.get(path).await;
    let json = answer.json();
    let codes = (answer.status, &json["error"]["httpCode"]);
    assert_eq!(codes, (StatusCode::BAD_REQUEST, &Value::from(400)), "{path}");
    assert!(json["error"]["message"].as_str().unwrap().starts_with(beginning), "{path}: {}", answer.body);
}

#[tokio::test]
async fn questions_without_sense_are_400_and_name_the_parameter() {
    let port = Port::with_traces(&["--query.max-limit=50"]);
    let without = |name: &str| SEARCH.replace(name, "nothing");
    let with = |query: &str| format!("{SEARCH}&{query}");
    let both = "query.startTimeMin and query.startTimeMax are required";
    for (path, beginning) in [
        (without("query.startTimeMin"), both),
        (without("query.startTimeMax"), both),
        (SEARCH.replace("01-02", "01-01"), "query.startTimeMin must be before query.startTimeMax"),
        (SEARCH.replace("01-01T", "01-01"), "malformed parameter query.startTimeMin: "),
        (SEARCH.replace("startTimeMax=", "start_time_max=x"), "malformed parameter query.start_time_max: "),
        (without("query.serviceName"), "query.serviceName is required: "),
        (with("query.searchDepth=x"), "malformed parameter query.searchDepth: "),
        (with("query.search_depth=-1"), "malformed parameter query.search_depth: -1 is negative"),
        (
            with("query.num_traces=51"),
            "malformed parameter query.num_traces: 51 is more than 50 (--query.max-limit)",
        ),
        (with("query.durationMin=5"), "malformed parameter query.durationMin: "),
        (with("query.duration_max=-1s"), "malformed parameter query.duration_max: "),
        (with("query.durationMin=2s&query.durationMax=1s"), "malformed parameter query.durationMax: "),
        (with("query.rawTraces=2"), "malformed parameter query.rawTraces: "),
        (with("query.attributes=x"), "malformed parameter query.attributes: "),
        (with("query.attributes=%7B%22a%22%3A1%7D"), "malformed parameter query.attributes: "),
        (with("query.filter=%7B%22op%22%3A%22eq%22%7D"), "malformed parameter query.filter: "),
        (with("query.pageToken=x"), "malformed parameter query.pageToken: it is not a page token"),
    ] {
        refused(&port, &path, beginning).await;
        refused(&port, &path.replace("v3/traces?", "v3/trace-summaries?"), beginning).await;
    }
    assert!(
        port.reader.searches.lock().unwrap().is_empty() && port.reader.lookups.lock().unwrap().is_empty()
    );
}

#[tokio::test]
async fn what_is_wrong_beside_searches_is_named_as_well() {
    let port = Port::with_traces(&[]);
    for (path, beginning) in [
        ("/api/v3/traces/xyz", "malformed parameter trace_id: "),
        ("/api/v3/traces/a?startTime=1", "malformed parameter startTime: "),
        ("/api/v3/traces/a?end_time=x", "malformed parameter end_time: "),
        ("/api/v3/traces/a?raw_traces=x", "malformed parameter raw_traces: "),
        ("/api/v3/operations?service=a&spanKind=x", "malformed parameter spanKind: "),
        ("/api/v3/dependencies?endTime=x", "malformed parameter endTime: "),
        (
            "/api/v3/dependencies?startTime=2024-01-02T00:00:00Z&endTime=2024-01-01T00:00:00Z",
            "malformed parameter startTime: ",
        ),
    ] {
        refused(&port, path, beginning).await;
    }
    assert!(port.reader.lookups.lock().unwrap().is_empty());
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
        let summaries = SEARCH.replace("v3/traces?", "v3/trace-summaries?");
        for path in
            ["/api/v3/services", "/api/v3/operations?service=a", "/api/v3/traces/a", SEARCH, &summaries]
        {
            let answer = port.get(path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.body),
                (code, error(code, "read from the fake: it was told to fail")),
                "{path}"
            );
            assert_eq!(answer.headers.get("retry-after").is_some(), code == 429);
        }
    }
}

#[tokio::test]
async fn a_failure_after_some_spans_is_an_error_and_no_shorter_answer() {
    let script = Script::FailAfter(vec![plain_trace(0xa, 5)], ReadErrorKind::Incomplete);
    let port = Port::new(&[], FakeReader::new(script));
    for path in [SEARCH, "/api/v3/traces/a"] {
        assert_eq!(port.get(path).await.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_404_as_text() {
    let port = Port::with_traces(&[]);
    for (method, path) in [("POST", "/api/v3/traces"), ("GET", "/api/v3"), ("GET", "/api/v3/traces/a/b")] {
        let answer = port.ask(method, path).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::NOT_FOUND, "404 page not found\n"),
            "{path}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_path_or_parameter_is_answered_with_a_fault_of_ours(
        path in "(traces|trace-summaries|traces/[A-Za-z0-9%+=/_.-]{0,40}|operations|[a-z-]{0,8})",
        name in "(query[.])?(serviceName|startTimeMin|start_time_max|searchDepth|durationMin|attributes|filter|pageToken|rawTraces|spanKind|endTime)",
        value in "[ -~&&[^#<>\"`\\[\\]{}|^\\\\ ]]{0,50}",
    ) {
        let query = SEARCH.split_once('?').unwrap().1;
        let uri = format!("/api/v3/{path}?{name}={value}&{query}");
        let Ok(uri) = uri.parse::<axum::http::Uri>() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer = runtime.block_on(Port::with_traces(&[]).get(&uri.to_string()));
        prop_assert!(matches!(answer.status.as_u16(), 200 | 400 | 404), "{} {}", uri, answer.status);
    }
}

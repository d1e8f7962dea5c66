//! Claims about `query.filter` over a real store: what is found, and what is refused before the store is asked.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use spoor_model::ValueView;
use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::{RequestContext, SpanWriter};

use super::*;
use crate::fixture::{SPAN, Span, batch};

const WINDOW: &str = "query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z";

async fn port() -> Port {
    let store = Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()));
    let context = RequestContext::with_timeout(std::time::Duration::from_secs(10));
    let start = params::now().micros() - 10_000_000;
    for (trace, size) in [(0xa, 10), (0xb, 500)] {
        let attributes = [("size", ValueView::Int(size))];
        let span =
            Span { trace, start: start - u64::try_from(trace).unwrap(), attributes: &attributes, ..SPAN };
        store.write(&context, &batch(&[&[]], &[span])).await.unwrap();
    }
    Port { router: over(&config(&[]), Stores::new(store)), reader: Arc::new(FakeReader::new(Script::Hang)) }
}

fn search(filter: &str, more: &str) -> String {
    let filter = utf8_percent_encode(filter, NON_ALPHANUMERIC);
    format!("/api/v3/trace-summaries?{WINDOW}&query.filter={filter}{more}")
}

#[tokio::test]
async fn a_filter_finds_the_traces_with_a_span_that_satisfies_it() {
    let port = port().await;
    let greater = r#"{"op":"gt","args":[{"attr":{"key":"size"}},{"scalar":{"value":"9"}}]}"#;
    let large = greater.replace("\"9\"", "\"100\"");
    let neither = format!(r#"{{"op":"not","args":[{{"call":{greater}}}]}}"#);
    for (filter, expected) in [(greater, &["a", "b"][..]), (&large, &["b"]), (&neither, &[])] {
        let answer = port.get(&search(filter, "")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let found = answer.json();
        let ids: Vec<_> = found["summaries"].as_array().unwrap().iter().map(|one| &one["traceId"]).collect();
        let ids: Vec<_> = ids.iter().map(|id| id.as_str().unwrap().trim_start_matches('0')).collect();
        assert_eq!(ids, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_or_has_company_is_refused_by_name() {
    let port = port().await;
    let exists = r#"{"op":"exists","args":[{"attr":{"key":"size"}}]}"#;
    for (filter, more, says) in [
        ("{", "", "EOF"),
        (r#"{"op":"exists"}"#, "", "\\\"exists\\\" takes 1 argument, not 0"),
        (exists, "&query.service_name=shop", "does not go together with query.serviceName"),
        (exists, "&query.attributes=%7B%22a%22%3A%22b%22%7D", "does not go together with query.attributes"),
    ] {
        let answer = port.get(&search(filter, more)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        let beginning = r#"{"error":{"httpCode":400,"message":"malformed parameter query.filter: "#;
        assert!(answer.body.starts_with(beginning) && answer.body.contains(says), "{}", answer.body);
    }
}

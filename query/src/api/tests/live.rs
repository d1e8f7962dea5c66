//! Claims about raw traces by their id: they come as they are read, and are the same as when they come at once.

use axum::body::BodyDataStream;
use futures::StreamExt;
use spoor_storage::ReadErrorKind;

use super::*;
use crate::fixture::{SPAN, Span, batch};
use crate::json::{OtlpAnswer, TracesAnswer};

/// Three parts of one trace with resources that are partly the same.
fn parts() -> Vec<spoor_model::SpanBatch> {
    let tags: [crate::fixture::Tags<'_>; 2] = [&[], &[("host", spoor_model::ValueView::Str("b"))]];
    let part = |from: u64| {
        let spans: Vec<_> = (from..from + 4)
            .map(|id| Span { trace: 0xa, id, resource: u32::from(id % 2 == 0), ..SPAN })
            .collect();
        batch(&tags, &spans)
    };
    vec![part(1), part(5), part(9)]
}

fn whole() -> spoor_model::SpanBatch {
    let mut builder = spoor_model::SpanBatchBuilder::new();
    for part in parts() {
        builder.append(&part, 0..part.len());
    }
    builder.finish().unwrap()
}

fn text(pieces: impl Iterator<Item = bytes::Bytes>) -> String {
    String::from_utf8(pieces.flatten().collect()).unwrap()
}

#[tokio::test]
async fn a_raw_trace_in_parts_reads_as_the_whole_one() {
    let port = Port::new(&[], FakeReader::new(Script::Parts(parts())));
    let raw = port.get("/api/traces/a?raw=true").await;
    assert_eq!(raw.status, StatusCode::OK);
    assert_eq!(raw.body, text(TracesAnswer::new(vec![whole()], Vec::new(), false)));
    let pretty = port.get("/api/traces/a?raw=true&prettyPrint=1").await;
    assert_eq!(pretty.body, text(TracesAnswer::new(vec![whole()], Vec::new(), true)));
    let ids = |answer: &Value| {
        let resources = answer["result"]["resourceSpans"].as_array().unwrap().clone();
        let scopes = resources.into_iter().flat_map(|of| of["scopeSpans"].as_array().unwrap().clone());
        let spans = scopes.flat_map(|scope| scope["spans"].as_array().unwrap().clone());
        let mut ids: Vec<String> = spans.map(|span| span["spanId"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let v3 = port.get("/api/v3/traces/a?rawTraces=true").await.json();
    let at_once: Value = serde_json::from_str(&text(OtlpAnswer::new(vec![whole()], None))).unwrap();
    assert_eq!(ids(&v3), ids(&at_once));
}

#[tokio::test]
async fn an_unknown_raw_trace_is_404_in_each_apis_words() {
    let port = Port::new(&[], FakeReader::new(Script::Parts(parts())));
    for path in ["/api/traces/b?raw=true", "/api/v3/traces/b?raw_traces=true"] {
        assert_eq!(port.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

async fn begun(port: &Port, path: &str) -> BodyDataStream {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let answer = port.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.into_body().into_data_stream()
}

#[tokio::test]
async fn what_is_read_is_sent_before_the_rest_is_read() {
    let port = Port::new(&[], FakeReader::new(Script::HangAfter(parts()[..2].to_vec())));
    for (path, id) in [("/api/traces/a?raw=1", "spanID"), ("/api/v3/traces/a?rawTraces=1", "spanId")] {
        let mut body = begun(&port, path).await;
        let mut seen = String::new();
        while seen.matches(&format!("\"{id}\":\"")).count() < 8 {
            let piece = body.next().await.expect("the answer has not ended").unwrap();
            seen.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_of_a_raw_trace_keeps_no_search_out() {
    let script = Script::Parts([parts(), parts(), parts()].concat());
    let port = Port::new(&["--query.max-concurrent-searches=1"], FakeReader::new(script));
    for path in ["/api/traces/a?raw=1", "/api/v3/traces/a?rawTraces=1"] {
        let unread = begun(&port, path).await;
        let search = port.get("/api/traces?service=service").await;
        assert_eq!(search.status, StatusCode::OK, "{path}: {}", search.body);
        let pieces: Vec<_> = StreamExt::collect(unread).await;
        assert!(pieces.iter().all(Result::is_ok), "{path}: the rest is there for who takes it");
    }
}

#[tokio::test]
async fn a_store_that_fails_midway_breaks_the_answer_off() {
    let script = Script::FailAfter(parts(), ReadErrorKind::Unavailable);
    let port = Port::new(&[], FakeReader::new(script));
    for path in ["/api/traces/a?raw=1", "/api/v3/traces/a?rawTraces=1"] {
        let pieces: Vec<_> = StreamExt::collect(begun(&port, path).await).await;
        assert!(pieces.last().unwrap().is_err(), "{path}");
    }
}

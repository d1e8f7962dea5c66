//! The whole way over a real store: what was written is listed, found and shown.

use spoor_model::{SpanKind, ValueView};
use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::{RequestContext, SpanWriter};

use super::*;
use crate::fixture::{SPAN, Span, batch};

async fn store() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()));
    let now = params::now().micros();
    let root = Span {
        trace: 0xa,
        id: 1,
        name: "GET /",
        kind: SpanKind::Server,
        start: now - 1_000,
        duration: 900,
        ..SPAN
    };
    let child = Span {
        id: 2,
        parent: 1,
        name: "query",
        kind: SpanKind::Client,
        duration: 500,
        attributes: &[("rows", ValueView::Int(7)), ("db", ValueView::Str("a:b"))],
        ..root
    };
    let other = Span { trace: 0xb, ..root };
    let context = RequestContext::with_timeout(std::time::Duration::from_secs(10));
    store.write(&context, &batch(&[&[]], &[child, other])).await.unwrap();
    store.write(&context, &batch(&[&[]], &[root])).await.unwrap();
    store
}

#[tokio::test]
async fn what_was_written_is_listed_found_and_shown() {
    let config = config(&[]);
    let port = Port {
        router: over(&config, Stores::new(store().await)),
        reader: Arc::new(FakeReader::new(Script::Hang)),
    };
    let data = async |path: &str| port.get(path).await.json()["data"].take();
    let ids = |traces: &Value| -> Vec<String> {
        traces.as_array().unwrap().iter().map(|trace| trace["traceID"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(data("/api/services").await, serde_json::json!(["service"]));
    assert_eq!(data("/api/services/service/operations").await, serde_json::json!(["GET /", "query"]));
    let mut all = ids(&data("/api/traces?service=service").await);
    all.sort();
    assert_eq!(all, ["000000000000000a", "000000000000000b"]);
    for tags in [
        "tag=rows:7",
        "tag=db:a:b",
        "tags=%7B%22rows%22%3A%227%22%7D",
        "operation=query",
        "maxDuration=500us",
    ] {
        assert_eq!(
            ids(&data(&format!("/api/traces?service=service&{tags}")).await),
            ["000000000000000a"],
            "{tags}"
        );
    }
    assert!(ids(&data("/api/traces?service=service&tag=rows:8").await).is_empty());
    let trace = data("/api/traces/a?start=1&end=2").await;
    let names: Vec<_> = trace[0]["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| span["operationName"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"GET /") && names.contains(&"query"));
}

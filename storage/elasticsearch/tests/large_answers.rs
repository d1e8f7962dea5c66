//! Answers larger than what is taken at once: spans of a hundred kilobytes make a full page hundreds of megabytes.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use spoor_model::{SpanBatch, TimeRange, TraceLookup, TraceQuery, UnixNanos};
use spoor_storage::conformance::trace_id;
use spoor_storage::{RequestContext, SpanReader};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore};
use support::fake::{Answer, Asked, FakeServer, healthy};

const WHOLE: &str = r#""timed_out":false,"_shards":{"total":1,"successful":1,"failed":0}"#;
/// Beyond this many spans a page is larger than what is taken.
const FITTING: usize = 500;

/// One trace of 600 spans, each of a size that lets only [`FITTING`] of them into an answer.
fn answer(asked: &Asked) -> Answer {
    let too_large = || (200, "", " ".repeat((128 << 20) + 1));
    if asked.line.contains("_msearch") {
        return too_large();
    }
    if !asked.line.contains("_search") {
        return healthy(asked);
    }
    let question: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    if question.get("collapse").is_some() {
        let hit = format!(r#"{{"fields":{{"traceID":["{id}"]}},"sort":[600,"{id}"]}}"#, id = trace_id(1));
        return (200, "", format!(r#"{{{WHOLE},"hits":{{"hits":[{hit}]}}}}"#));
    }
    let size = usize::try_from(question["size"].as_u64().unwrap()).unwrap();
    if size > FITTING {
        return too_large();
    }
    let after = question["search_after"][0].as_u64().unwrap_or(0);
    let hits: Vec<String> = (after + 1..=600).take(size).map(hit).collect();
    (200, "", format!(r#"{{{WHOLE},"hits":{{"hits":[{}]}}}}"#, hits.join(",")))
}

fn hit(number: u64) -> String {
    let trace_id = trace_id(1);
    format!(
        r#"{{"sort":[{number},"{number:016x}"],"_source":{{"traceID":"{trace_id}","spanID":"{number:016x}","startTime":{number}}}}}"#
    )
}

fn open(server: &FakeServer) -> ElasticsearchStore {
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    ElasticsearchStore::open(&config, &mut Registry::default()).unwrap()
}

fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(60))
}

fn spans(parts: &[SpanBatch]) -> Vec<u64> {
    parts.iter().flat_map(|part| part.spans().map(|span| span.span_id().0)).collect()
}

#[tokio::test]
async fn a_trace_of_large_spans_is_read_in_smaller_pages() {
    let server = FakeServer::start(answer);
    let store = open(&server);
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let parts: Vec<_> = store.reader().trace(&context(), &lookup).await.unwrap().try_collect().await.unwrap();
    assert_eq!(spans(&parts), (1..=600).collect::<Vec<_>>());
    assert_eq!(server.asked("_search").len(), 3, "only the first page was asked for twice");
}

#[tokio::test]
async fn a_search_whose_traces_do_not_fit_into_one_answer_reads_them_one_by_one() {
    let server = FakeServer::start(answer);
    let store = open(&server);
    let query = TraceQuery {
        service: Some("shop".to_owned()),
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: UnixNanos(0), end: UnixNanos(1_000_000) },
        duration_min: None,
        duration_max: None,
        limit: 20,
        enough_spans: usize::MAX,
        filter: None,
    };
    let parts: Vec<_> =
        store.reader().find_traces(&context(), &query).await.unwrap().try_collect().await.unwrap();
    assert_eq!(spans(&parts), (1..=600).collect::<Vec<_>>());
}

//! A node of the store goes away while it answers a search: the documents of what it had found are missing, and another copy has them.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::TryStreamExt;
use spoor_model::{SpanBatch, TimeRange, TraceLookup, TraceQuery, UnixNanos};
use spoor_storage::conformance::trace_id;
use spoor_storage::{ReadError, ReadErrorKind, SpanReader};
use spoor_storage_elasticsearch::ElasticsearchStore;
use support::bulks::open;
use support::fake::{FakeServer, healthy};
use support::golden::{context, question};

const WHOLE: &str = r#""timed_out":false,"_shards":{"total":2,"successful":2,"failed":0}"#;
/// One of two indices answers.
const PART: &str = r#""timed_out":false,"_shards":{"total":2,"successful":1,"failed":1,"failures":[{"shard":0,"index":"jaeger-span-2026-08-20","reason":{"type":"node_disconnected_exception","reason":"[node-1][127.0.0.1:9300][indices:data/read/search[phase/fetch/id]] disconnected"}}]}"#;

/// A server that has one trace, and answers the first requests of this kind in part, so many of them.
fn losing(kind: &'static str, times: usize) -> (FakeServer, ElasticsearchStore) {
    let met = AtomicUsize::new(0);
    let server = FakeServer::start(move |asked| {
        if !asked.line.contains("search") {
            return healthy(asked);
        }
        let is_whole = !asked.line.contains(kind) || met.fetch_add(1, Ordering::Relaxed) >= times;
        let id = trace_id(1);
        let hit = if asked.line.contains("_msearch") || asked.body.contains(&id.to_string()) {
            format!(
                r#"{{"sort":[5,"1"],"_source":{{"traceID":"{id}","spanID":"1","operationName":"GET","startTime":5,"duration":7,"process":{{"serviceName":"shop"}}}}}}"#
            )
        } else {
            format!(r#"{{"fields":{{"traceID":["{id}"]}},"sort":[5,"{id}"]}}"#)
        };
        let answer = match is_whole {
            true => format!(r#"{{{WHOLE},"hits":{{"hits":[{hit}]}}}}"#),
            false => format!(r#"{{{PART},"hits":{{"hits":[]}}}}"#),
        };
        let is_of_several = asked.line.contains("_msearch");
        (200, "", if is_of_several { format!(r#"{{"responses":[{answer}]}}"#) } else { answer })
    });
    let store = open(&server, |_| {});
    (server, store)
}

async fn by_id(store: &ElasticsearchStore) -> Result<usize, ReadError> {
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let batches = store.reader().trace(&context(), &lookup).await?.try_collect::<Vec<SpanBatch>>().await?;
    Ok(batches.iter().map(SpanBatch::len).sum())
}

async fn by_search(store: &ElasticsearchStore) -> Result<usize, ReadError> {
    // The trace of the answers is as old as can be.
    let question =
        TraceQuery { start: TimeRange { start: UnixNanos(0), end: UnixNanos(1_000_000) }, ..question() };
    let reader = store.reader();
    let batches = reader.find_traces(&context(), &question).await?.try_collect::<Vec<SpanBatch>>().await?;
    Ok(batches.iter().map(SpanBatch::len).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_during_which_nodes_were_lost_is_asked_again_and_comes_whole() {
    for times in 1..=2 {
        let (server, store) = losing("_search", times);
        assert_eq!(by_id(&store).await.unwrap(), 1);
        assert_eq!(server.asked("_search").len(), times + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_searches_during_which_a_node_was_lost_are_asked_again_and_come_whole() {
    let (server, store) = losing("_msearch", 1);
    assert_eq!(by_search(&store).await.unwrap(), 1);
    assert_eq!((server.asked("_search").len(), server.asked("_msearch").len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_loses_one_node_after_the_other_is_an_error_and_no_part_of_an_answer() {
    let (server, store) = losing("search", usize::MAX);
    for error in [by_id(&store).await.unwrap_err(), by_search(&store).await.unwrap_err()] {
        assert_eq!(error.kind, ReadErrorKind::Incomplete);
        assert!(error.to_string().contains("node_disconnected_exception"), "{error}");
    }
    assert_eq!(server.asked("search").len(), 6);
}

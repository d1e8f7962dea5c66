//! Traces that a search found and that the copy which is asked for them does not know: asked for again, for a while.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use spoor_model::{SpanBatch, TimeRange, TraceId, TraceQuery, UnixNanos};
use spoor_storage::conformance::trace_id;
use spoor_storage::{RequestContext, SpanReader};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore};
use support::fake::{Asked, FakeServer, healthy};

const WHOLE: &str = r#""timed_out":false,"_shards":{"total":1,"successful":1,"failed":0}"#;
/// Of these two traces the second one comes late.
const FOUND: [u64; 2] = [1, 2];

/// Answers a question about a found trace as a copy that knows it, or does not (yet).
fn told(question: &str, is_known: impl Fn(TraceId) -> bool) -> String {
    let of = FOUND.into_iter().map(trace_id).find(|id| question.contains(&id.to_string()));
    let Some(id) = of.filter(|&id| is_known(id)) else { return format!("{{{WHOLE}}}") };
    if question.contains("\"aggs\"") {
        return format!(
            r#"{{{WHOLE},"aggregations":{{"spans":{{"value":1}},"start":{{"value":5}},"end":{{"value":6}},"services":{{"sum_other_doc_count":0,"buckets":[{{"key":"shop","doc_count":1}}]}}}}}}"#
        );
    }
    format!(
        r#"{{{WHOLE},"hits":{{"hits":[{{"_source":{{"traceID":"{id}","spanID":"1","operationName":"o","startTime":5,"duration":1,"process":{{"serviceName":"shop"}}}},"sort":[5,"1"]}}]}}}}"#
    )
}

/// A server that finds both traces and knows the spans of the second one from so many multi-searches on.
fn late_by(turns: usize) -> (FakeServer, ElasticsearchStore) {
    let asked_for = AtomicUsize::new(0);
    let server = FakeServer::start(move |asked| {
        if asked.line.contains("_msearch") {
            let turn = asked_for.fetch_add(1, Ordering::Relaxed);
            let known = |id| id == trace_id(FOUND[0]) || turn >= turns;
            let items = asked.body.lines().skip(1).step_by(2).map(|question| told(question, known));
            return (200, "", format!(r#"{{"responses":[{}]}}"#, items.collect::<Vec<_>>().join(",")));
        }
        if asked.line.contains("_search") {
            let hit = |id| format!(r#"{{"fields":{{"traceID":["{id}"]}},"sort":[5,"{id}"]}}"#);
            let hits = FOUND.map(|number| hit(trace_id(number))).join(",");
            return (200, "", format!(r#"{{{WHOLE},"hits":{{"hits":[{hits}]}}}}"#));
        }
        healthy(asked)
    });
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    let store = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
    (server, store)
}

/// The traces that a search brings, in their order.
async fn search(store: &ElasticsearchStore, time: Duration) -> Vec<TraceId> {
    let question = TraceQuery {
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
    let context = RequestContext::with_timeout(time);
    let reader = store.reader();
    let found = reader.find_traces(&context, &question).await.unwrap();
    let batches: Vec<SpanBatch> = found.try_collect().await.unwrap();
    batches.iter().flat_map(|batch| batch.spans().map(|span| span.trace_id()).collect::<Vec<_>>()).collect()
}

async fn sum_up(store: &ElasticsearchStore, time: Duration) -> Vec<TraceId> {
    let around = TimeRange { start: UnixNanos(0), end: UnixNanos(1_000_000) };
    let context = RequestContext::with_timeout(time);
    let summaries = store.reader().summaries(&context, &FOUND.map(trace_id), around).await.unwrap();
    summaries.iter().map(|summary| summary.trace_id).collect()
}

/// How many traces each multi-search asked for.
fn asked_for(server: &FakeServer) -> Vec<usize> {
    let names = |asked: &Asked| {
        let ids = FOUND.map(|number| trace_id(number).to_string());
        ids.iter().filter(|id| asked.body.contains(id.as_str())).count()
    };
    server.asked("_msearch").iter().map(names).collect()
}

const PATIENT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_found_trace_of_which_nothing_comes_is_asked_for_again_alone_and_stands_in_its_place() {
    let both = FOUND.map(trace_id);
    let (server, store) = late_by(3);
    assert_eq!(search(&store, PATIENT).await, both);
    assert_eq!(asked_for(&server), [2, 1, 1, 1]);
    let (server, store) = late_by(3);
    assert_eq!(sum_up(&store, PATIENT).await, both);
    assert_eq!(asked_for(&server), [2, 1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_is_gone_is_left_out_after_a_while_and_the_others_come() {
    let (server, store) = late_by(usize::MAX);
    assert_eq!(search(&store, PATIENT).await, [trace_id(FOUND[0])]);
    let asked = asked_for(&server).len();
    assert!((2..=11).contains(&asked), "asked {asked} times");
    assert_eq!(sum_up(&store, PATIENT).await, [trace_id(FOUND[0])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_little_time_gets_what_there_is() {
    let (_server, store) = late_by(usize::MAX);
    // The store is asked for its version before the first question.
    assert_eq!(search(&store, PATIENT).await.len(), 1);
    // Half of it goes by in waiting; the other half is there to answer in on a busy machine.
    let time = Duration::from_secs(4);
    assert_eq!(search(&store, time).await, [trace_id(FOUND[0])]);
    assert_eq!(sum_up(&store, time).await, [trace_id(FOUND[0])]);
}

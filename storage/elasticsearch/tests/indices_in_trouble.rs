//! Indices that an operator, or the server itself, put into a state in which they cannot be written or read whole.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use spoor_model::{SpanBatch, TimeRange, TraceLookup, TraceQuery};
use spoor_storage::conformance::{Fixture, Sample, batch_of, context, trace_id};
use spoor_storage::write::{RetryMetrics, RetryPolicy, RetryingWriter};
use spoor_storage::{
    ReadError, ReadErrorKind, RequestContext, SpanWriter, WriteError, WriteErrorKind, Written,
};
use spoor_storage_elasticsearch::Readiness;
use support::{OwnStore, request, write_all};
use tokio::task::JoinHandle;

const DAY: Duration = Duration::from_secs(86_400);

fn span_index(store: &OwnStore, days_ago: u32) -> String {
    let moment = store.base.saturating_sub(DAY * days_ago);
    let day = time::OffsetDateTime::from_unix_timestamp_nanos(moment.0.into()).unwrap().date();
    format!("{}-jaeger-span-{day}", store.prefix)
}

fn one_span(store: &OwnStore, number: u64) -> SpanBatch {
    batch_of(&[Sample::new(trace_id(1), number, store.base)])
}

/// What the server does with every index of a node whose disk is nearly full; `null` is how it is undone.
fn watermark(store: &OwnStore, block: &Value) {
    let settings = json!({ "index.blocks.read_only_allow_delete": block });
    let done = request("PUT", &format!("/{}/_settings", span_index(store, 0)), Some(&settings));
    assert_eq!(done["acknowledged"], true, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_on_a_full_disk_takes_the_spans_as_soon_as_there_is_room() {
    let store = OwnStore::open();
    write_all(store.writer(), &one_span(&store, 1)).await;
    watermark(&store, &json!(true));
    let error = store.writer().write(&context(), &one_span(&store, 2)).await.unwrap_err();
    // Old servers say 403 for it, new ones 429.
    assert!(matches!(error.kind, WriteErrorKind::Unavailable | WriteErrorKind::Busy), "{error:?}");
    assert_eq!((error.unfinished.as_slice(), error.settled.stored), ([0].as_slice(), 0));
    let text = error.to_string();
    assert!(text.contains("cluster_block_exception") && text.contains("read-only"), "{text}");

    let patient = waiting(&store, one_span(&store, 2)).await;
    watermark(&store, &Value::Null);
    assert_eq!(patient.await.unwrap().unwrap().stored, 1);
    assert_eq!(store.count("span"), 2);
}

/// A write that goes on until it is done or a minute is over, once it has been tried in vain.
async fn waiting(store: &OwnStore, batch: SpanBatch) -> JoinHandle<Result<Written, WriteError>> {
    let mut registry = Registry::default();
    let metrics = RetryMetrics::register(&mut registry);
    let writer = RetryingWriter::new(store.store.writer(), RetryPolicy::default(), metrics);
    let write = tokio::spawn(async move {
        writer.write(&RequestContext::with_timeout(Duration::from_secs(60)), &batch).await
    });
    while retries(&registry) == 0 {
        assert!(!write.is_finished(), "the write waits");
        tokio::task::yield_now().await;
    }
    write
}

/// Repetitions counted so far.
fn retries(registry: &Registry) -> usize {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    let lines = text.lines().filter(|line| line.contains("retr") && !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_fails_on_some_shards_is_an_error_that_names_the_cause() {
    let store = OwnStore::open();
    let mut ready = store.store.readiness();
    ready.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    write_all(store.writer(), &one_span(&store, 1)).await;
    // Made by hand, with start times that cannot be sorted by: its shards fail, those of today answer.
    let odd =
        json!({ "mappings": { "properties": { "startTime": { "type": "long", "doc_values": false } } } });
    let made = request("PUT", &format!("/{}", span_index(&store, 1)), Some(&odd));
    assert_eq!(made["acknowledged"], true, "{made}");
    // What is asked for, so that no server may pass the shards over: newer ones do where nothing can match.
    let micros = store.base.saturating_sub(DAY / 2).0 / 1_000;
    let document = json!({
        "traceID": trace_id(1).to_string(), "spanID": "00000000000000aa", "startTime": micros,
        "startTimeMillis": micros / 1_000, "process": { "serviceName": "shop" },
    });
    for id in 0..8 {
        request("PUT", &format!("/{}/_doc/{id}", span_index(&store, 1)), Some(&document));
    }
    store.refresh();
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let pages = match store.reader().trace(&context(), &lookup).await {
        Ok(pages) => pages.try_collect::<Vec<_>>().await,
        Err(error) => Err(error),
    };
    told(&pages.unwrap_err());
    let query = TraceQuery {
        service: Some("shop".to_owned()),
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: store.base.saturating_sub(DAY), end: store.base.saturating_add(DAY) },
        duration_min: None,
        duration_max: None,
        limit: 5,
        enough_spans: usize::MAX,
        filter: None,
    };
    let reader = store.reader();
    told(&reader.find_traces(&context(), &query).await.err().unwrap());
    told(&reader.find_trace_ids(&context(), &query, None).await.err().unwrap());
    let summaries = reader.summaries(&context(), &[trace_id(1)], query.start).await;
    told(&summaries.err().unwrap());
}

/// The alias is moved by a person, or by a tool that died between two steps. Until it is back nothing may be written under its name, which
/// would make an index of it that no alias can have any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_alias_that_is_taken_away_holds_writes_until_it_is_back() {
    let store = OwnStore::open_with(|config| config.indices.use_aliases = true);
    let name = |what: &str| format!("{}-jaeger-{what}", store.prefix);
    for family in ["span", "service"] {
        let aliases = json!({ "aliases": {
            name(&format!("{family}-read")): {}, name(&format!("{family}-write")): { "is_write_index": true }
        } });
        let made = request("PUT", &format!("/{}", name(&format!("{family}-000001"))), Some(&aliases));
        assert_eq!(made["acknowledged"], true, "{made}");
    }
    let mut ready = store.store.readiness();
    ready.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    write_all(store.writer(), &one_span(&store, 1)).await;

    let of_alias = format!("/{}/_alias/{}", name("span-000001"), name("span-write"));
    assert_eq!(request("DELETE", &of_alias, None)["acknowledged"], true);
    let error = store.writer().write(&context(), &one_span(&store, 2)).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.as_slice()), (WriteErrorKind::Unavailable, [0].as_slice()));
    assert!(error.to_string().contains(&name("span-write")), "{error}");
    let indices = request("GET", &format!("/{}*?filter_path=*.aliases", name("span")), None);
    let indices: Vec<&String> = indices.as_object().unwrap().keys().collect();
    assert_eq!(indices, [&name("span-000001")], "no index took the name of the alias");

    let patient = waiting(&store, one_span(&store, 2)).await;
    let again = json!({ "is_write_index": true });
    assert_eq!(request("PUT", &of_alias, Some(&again))["acknowledged"], true);
    assert_eq!(patient.await.unwrap().unwrap().stored, 1);
    assert_eq!(store.count("span"), 2);
}

fn told(error: &ReadError) {
    assert_eq!(error.kind, ReadErrorKind::Incomplete, "{error}");
    assert!(error.to_string().contains("[startTime]"), "{error}");
}

//! Answers of a real server that could be taken for whole ones: indices without a copy, indices of another day.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use futures::TryStreamExt;
use serde_json::json;
use spoor_model::{SpanBatch, TimeRange, TraceLookup, TraceQuery, UnixNanos};
use spoor_storage::conformance::{Fixture, Sample, batch_of, context, trace_id};
use spoor_storage::{ReadError, ReadErrorKind};
use support::{OwnStore, request};

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> UnixNanos {
    let nanos = time::OffsetDateTime::now_utc().unix_timestamp_nanos();
    UnixNanos(nanos.try_into().unwrap())
}

async fn write_one(store: &OwnStore, start: UnixNanos) {
    let batch = batch_of(&[Sample::new(trace_id(1), 1, start)]);
    support::write_all(store.writer(), &batch).await;
    store.refresh();
}

async fn trace(store: &OwnStore) -> Result<Vec<SpanBatch>, ReadError> {
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    store.reader().trace(&context(), &lookup).await?.try_collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_which_no_copy_is_there_makes_every_answer_an_error() {
    let store = OwnStore::open();
    let now = now();
    let yesterday = now.saturating_sub(DAY);
    write_one(&store, now).await;
    let day = time::OffsetDateTime::from_unix_timestamp_nanos(yesterday.0.into()).unwrap().date();
    for family in ["span", "service"] {
        let nowhere = json!({ "settings": { "index.routing.allocation.require._name": "no-such-node" } });
        let path = format!("/{}-jaeger-{family}-{day}?wait_for_active_shards=0", store.prefix);
        assert_eq!(request("PUT", &path, Some(&nowhere))["acknowledged"], true);
    }
    let incomplete = |error: ReadError| {
        assert_eq!(error.kind, ReadErrorKind::Incomplete, "{error}");
        // Elasticsearch since 8 says so itself; others only count such shards among those they asked.
        let text = error.to_string();
        let told = text.contains("2 of 4 shards have no copy")
            || text.contains("no_shard_available_action_exception");
        assert!(told, "{error}");
    };
    incomplete(trace(&store).await.unwrap_err());
    incomplete(store.reader().services(&context()).await.unwrap_err());
    let query = TraceQuery {
        service: Some("shop".to_owned()),
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: yesterday, end: now },
        duration_min: None,
        duration_max: None,
        limit: 5,
        enough_spans: usize::MAX,
        filter: None,
    };
    incomplete(store.reader().find_traces(&context(), &query).await.err().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_clock_hours_ahead_wrote_is_listed_and_found() {
    let store = OwnStore::open();
    // Tomorrow's index, at nearly every hour of the day.
    write_one(&store, now().saturating_add(DAY - Duration::from_secs(600))).await;
    assert_eq!(store.reader().services(&context()).await.unwrap(), ["shop"]);
    assert_eq!(trace(&store).await.unwrap().len(), 1);
}

//! What a store is asked to do about snapshots, and what its answers mean.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use serde_json::{Value, json};
use spoor_storage::{IndexSnapshots, RecordErrorKind, SnapshotState};
use spoor_storage_elasticsearch::ElasticsearchIndices;
use support::connection::{config, context};
use support::fake::{Asked, FakeServer, healthy};

fn opened(server: &FakeServer) -> ElasticsearchIndices {
    ElasticsearchIndices::open(&config(server, |_| {})).unwrap()
}

fn answering(status: u16, answer: &'static str) -> FakeServer {
    FakeServer::start(move |asked: &Asked| match asked.line.contains("_snapshot") {
        true => (status, "", answer.to_owned()),
        false => healthy(asked),
    })
}

async fn state(status: u16, answer: &'static str) -> Result<Option<SnapshotState>, RecordErrorKind> {
    let server = answering(status, answer);
    let state = opened(&server).snapshot_state(&context(), "backup", "one").await;
    assert_eq!(server.asked("GET /_snapshot/backup/one").len(), 1);
    state.map_err(|error| error.kind)
}

#[tokio::test]
async fn a_snapshot_is_of_the_named_indices_wholly_and_not_waited_for() {
    let server = answering(200, r#"{"accepted":true}"#);
    let names = ["jaeger-span-2026-08-20".to_owned(), "jaeger-service-2026-08-20".to_owned()];
    opened(&server).begin_snapshot(&context(), "back up", "one", &names).await.unwrap();
    let asked = server.asked("PUT /_snapshot/back%20up/one?wait_for_completion=false");
    assert_eq!(asked.len(), 1);
    let expected = json!({
        "indices": names, "ignore_unavailable": false, "partial": false, "include_global_state": false,
    });
    assert_eq!(serde_json::from_str::<Value>(&asked[0].body).unwrap(), expected);
}

#[tokio::test]
async fn a_snapshot_is_begun_once_whatever_the_first_node_says() {
    let failing = |asked: &Asked| {
        if asked.line.contains("_snapshot") { (503, "", "{}".to_owned()) } else { healthy(asked) }
    };
    let (one, other) = (FakeServer::start(failing), FakeServer::start(failing));
    let mut both = config(&one, |_| {});
    both.connection.server_urls.push(other.url().parse().unwrap());
    let store = ElasticsearchIndices::open(&both).unwrap();
    store.begin_snapshot(&context(), "backup", "one", &["a".to_owned()]).await.unwrap_err();
    assert_eq!(one.asked("PUT /_snapshot").len() + other.asked("PUT /_snapshot").len(), 1);
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_named() {
    let server = answering(
        404,
        r#"{"error":{"type":"repository_missing_exception","reason":"[backup] missing"},"status":404}"#,
    );
    let begun = opened(&server).begin_snapshot(&context(), "backup", "one", &["a".to_owned()]).await;
    let error = begun.unwrap_err().to_string();
    assert!(error.contains("repository backup") && error.contains("[backup] missing"), "{error}");
}

#[tokio::test]
async fn only_success_without_any_failure_is_done() {
    let done = r#"{"snapshots":[{"snapshot":"one","state":"SUCCESS","indices":["a","b"],"failures":[]}]}"#;
    let expected = SnapshotState::Done(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(state(200, done).await, Ok(Some(expected)));
    let under_way =
        r#"{"snapshots":[{"snapshot":"one","state":"IN_PROGRESS","indices":["a"],"failures":[]}]}"#;
    assert_eq!(state(200, under_way).await, Ok(Some(SnapshotState::UnderWay)));
    for (answer, told) in [
        (
            r#"{"snapshots":[{"state":"PARTIAL","indices":["a"],"failures":[{"index":"a","shard_id":0,"reason":"no shard"}]}]}"#,
            "it is PARTIAL: a: no shard",
        ),
        (
            r#"{"snapshots":[{"state":"FAILED","indices":[],"reason":"disk full","failures":[]}]}"#,
            "it is FAILED: disk full",
        ),
        (r#"{"snapshots":[{"state":"INCOMPATIBLE"}]}"#, "it is INCOMPATIBLE"),
    ] {
        assert_eq!(state(200, answer).await, Ok(Some(SnapshotState::Failed(told.to_owned()))), "{answer}");
    }
}

#[tokio::test]
async fn what_the_store_does_not_know_is_no_snapshot_and_what_it_cannot_say_an_error() {
    let missing =
        r#"{"error":{"type":"snapshot_missing_exception","reason":"[backup:one] is missing"},"status":404}"#;
    assert_eq!(state(404, missing).await, Ok(None));
    assert_eq!(state(200, r#"{"snapshots":[]}"#).await, Err(RecordErrorKind::Unavailable));
    assert_eq!(state(503, "{}").await, Err(RecordErrorKind::Unavailable));
}

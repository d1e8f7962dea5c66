//! What a store is asked to do about single spans, and what its answers mean.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use serde_json::{Value, json};
use spoor_storage::{Doomed, Pace, RecordErrorKind, SpanEraser, TaskId};
use spoor_storage_elasticsearch::ElasticsearchIndices;
use support::connection::{config, context};
use support::fake::{Asked, FakeServer, healthy};

const INDEX: &str = "jaeger-span-2026-08-20";

fn opened(server: &FakeServer) -> ElasticsearchIndices {
    ElasticsearchIndices::open(&config(server, |_| {})).unwrap()
}

/// Answers so to what is asked under a path with this part.
fn answering(part: &'static str, status: u16, answer: &'static str) -> FakeServer {
    FakeServer::start(move |asked: &Asked| match asked.line.contains(part) {
        true => (status, "", answer.to_owned()),
        false => healthy(asked),
    })
}

fn of_shop() -> Doomed {
    Doomed { service: Some("shop".to_owned()), ..Doomed::default() }
}

#[tokio::test]
async fn a_removal_is_a_task_with_a_mark_slices_and_a_pace() {
    let server = answering("_delete_by_query", 200, r#"{"task":"node:7"}"#);
    let pace = Pace { per_second: Some(300), slices: Some(4) };
    let task = opened(&server).begin(&context(), INDEX, &of_shop(), pace, "spoor-erase-1").await.unwrap();
    assert_eq!(task.0, "node:7");
    let asked = server.asked("_delete_by_query");
    assert_eq!(asked.len(), 1);
    assert!(asked[0].line.starts_with("POST /jaeger-span-2026-08-20/_delete_by_query?"), "{}", asked[0].line);
    for part in [
        "conflicts=proceed",
        "wait_for_completion=false",
        "slices=4",
        "requests_per_second=300",
        "scroll_size=300",
    ] {
        assert!(asked[0].line.contains(part), "{part}: {}", asked[0].line);
    }
    assert!(asked[0].has("x-opaque-id: spoor-erase-1"), "{:?}", asked[0].headers);
    let body: Value = serde_json::from_str(&asked[0].body).unwrap();
    let filter = json!([{ "term": { "process.serviceName": "shop" } }]);
    assert_eq!(body, json!({ "query": { "bool": { "filter": filter } } }));
}

#[tokio::test]
async fn without_bounds_the_store_chooses_slices_and_pace() {
    let server = answering("_delete_by_query", 200, r#"{"task":"node:7"}"#);
    let pace = Pace { per_second: None, slices: None };
    opened(&server).begin(&context(), INDEX, &of_shop(), pace, "m").await.unwrap();
    let asked = server.asked("slices=auto&scroll_size=1000&requests_per_second=-1");
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn of_the_tasks_under_way_those_with_the_mark_are_found_and_no_slices() {
    let server = answering(
        "GET /_tasks?",
        200,
        r#"{"nodes":{"a":{"tasks":{
            "a:1":{"headers":{"X-Opaque-Id":"ours"}},
            "a:2":{"parent_task_id":"a:1","headers":{"X-Opaque-Id":"ours"}},
            "a:3":{"headers":{"X-Opaque-Id":"theirs"}}}},
          "b":{"tasks":{"b:1":{"headers":{}}}}}}"#,
    );
    let found = opened(&server).under_way(&context(), "ours").await.unwrap();
    assert_eq!(found, [TaskId("a:1".to_owned())]);
}

#[tokio::test]
async fn how_far_a_task_is_is_told_while_it_works_and_after() {
    for (answer, is_over, deleted, conflicts, failure) in [
        (
            r#"{"completed":false,"task":{"status":{"total":9,"deleted":4,"version_conflicts":0}}}"#,
            false,
            4,
            0,
            None,
        ),
        (
            r#"{"completed":true,"task":{"status":{"total":9,"deleted":0}},"response":{"total":9,"deleted":7,"version_conflicts":2,"timed_out":false,"failures":[]}}"#,
            true,
            7,
            2,
            None,
        ),
        (
            r#"{"completed":true,"task":{},"response":{"total":9,"deleted":3,"failures":[{"cause":{"reason":"no disk"}}]}}"#,
            true,
            3,
            0,
            Some("1 failures, such as: no disk"),
        ),
        (
            r#"{"completed":true,"task":{},"response":{"total":9,"deleted":3,"canceled":"by user request","failures":[]}}"#,
            true,
            3,
            0,
            Some("it was cancelled: by user request"),
        ),
        (
            r#"{"completed":true,"task":{},"error":{"reason":"no such index"}}"#,
            true,
            0,
            0,
            Some("no such index"),
        ),
    ] {
        let server = FakeServer::start(move |asked: &Asked| match asked.line.contains("parent_task_id") {
            true => (200, "", r#"{"nodes":{}}"#.to_owned()),
            false => (200, "", answer.to_owned()),
        });
        let told = opened(&server).progress(&context(), &TaskId("node:7".to_owned())).await.unwrap().unwrap();
        let seen = (told.is_over, told.deleted, told.conflicts, told.failure.as_deref());
        assert_eq!(seen, (is_over, deleted, conflicts, failure), "{answer}");
    }
    let server = answering("GET /_tasks/node", 404, r#"{"error":{"reason":"it is gone"},"status":404}"#);
    assert_eq!(opened(&server).progress(&context(), &TaskId("node:7".to_owned())).await.unwrap(), None);
}

#[tokio::test]
async fn slices_that_are_at_work_count_beside_those_that_have_ended() {
    let slices = r#"{"nodes":{"node":{"tasks":{
        "node:8":{"parent_task_id":"node:7","status":{"total":5,"deleted":2,"version_conflicts":1}},
        "node:9":{"parent_task_id":"node:7","status":{"total":6,"deleted":3,"version_conflicts":0}}}}}}"#;
    let server = FakeServer::start(move |asked: &Asked| match asked.line.as_str() {
        line if line.contains("parent_task_id=node:7") => (200, "", slices.to_owned()),
        _ => {
            let ended =
                r#"{"completed":false,"task":{"status":{"total":4,"deleted":4,"version_conflicts":0}}}"#;
            (200, "", ended.to_owned())
        }
    });
    let told = opened(&server).progress(&context(), &TaskId("node:7".to_owned())).await.unwrap().unwrap();
    assert_eq!((told.is_over, told.total, told.deleted, told.conflicts), (false, 15, 9, 1));
}

#[tokio::test]
async fn a_count_is_of_all_shards_and_an_index_that_is_gone_has_none() {
    let server = answering("_count", 200, r#"{"count":7,"_shards":{"failed":0}}"#);
    assert_eq!(opened(&server).count(&context(), INDEX, &of_shop(), true).await.unwrap(), 7);
    assert_eq!(server.asked("/_refresh").len(), 1);
    assert_eq!(opened(&server).count(&context(), INDEX, &of_shop(), false).await.unwrap(), 7);
    assert_eq!(server.asked("/_refresh").len(), 1, "who only looks makes no work");
    let server = answering("_count", 200, r#"{"count":7,"_shards":{"failed":1}}"#);
    let error = opened(&server).count(&context(), INDEX, &of_shop(), false).await.unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::Unavailable);
    let server = answering("_count", 404, r#"{"error":{"reason":"no such index"},"status":404}"#);
    assert_eq!(opened(&server).count(&context(), INDEX, &of_shop(), false).await.unwrap(), 0);
    let server = answering("_count", 400, r#"{"error":{"reason":"closed"},"status":400}"#);
    assert!(opened(&server).count(&context(), INDEX, &of_shop(), false).await.is_err(), "it holds spans yet");
}

#[tokio::test]
async fn space_is_given_back_where_it_is_worth_it() {
    let server = answering("_forcemerge", 200, r#"{"_shards":{"failed":0}}"#);
    opened(&server).expunge(&context(), INDEX).await.unwrap();
    assert_eq!(server.asked("POST /jaeger-span-2026-08-20/_forcemerge?only_expunge_deletes=true").len(), 1);
    let server = answering("_forcemerge", 200, r#"{"_shards":{"failed":2}}"#);
    assert!(opened(&server).expunge(&context(), INDEX).await.is_err());
}

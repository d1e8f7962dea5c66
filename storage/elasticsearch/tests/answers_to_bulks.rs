//! What becomes of a write when the store answers its bulks in ways that a healthy test server does not: scripted answers.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use spoor_storage::WriteErrorKind;
use support::bulks::{
    Documents, assert_bulks_counted, bulks, held_bulks, metric, open_counted, queued, write,
};
use support::fake::{Asked, stored};

/// In the document of the second span.
const SECOND: &str = "\"spanID\":\"0000000000000002\"";

#[tokio::test]
async fn a_bulk_too_large_for_the_server_is_split_until_it_fits() {
    let server = bulks(|asked| match asked.actions() {
        0..=2 => (200, "", stored(asked.actions())),
        _ => (413, "", String::new()),
    });
    let (store, registry) = open_counted(&server, |_| {});
    let written = write(&store, 9).await.unwrap();
    assert_eq!((written.stored, written.rejected.len()), (9, 0));
    let taken: usize = server.asked("_bulk").iter().map(Asked::actions).filter(|&items| items <= 2).sum();
    assert_eq!(taken, 11, "nine spans, a service document, and one with the kind, each once");
    assert_eq!(Documents::counted(&registry), Documents { stored: 11, ..Documents::default() });
    let whole = server.asked("_bulk").iter().filter(|bulk| bulk.actions() <= 2).count();
    assert_bulks_counted(&registry, &server, whole);
}

#[tokio::test]
async fn a_document_too_large_for_the_server_is_rejected_by_name() {
    let server = bulks(|asked| {
        if asked.body.contains(SECOND) {
            (413, "", "<html>too large</html>".to_owned())
        } else {
            (200, "", stored(asked.actions()))
        }
    });
    let (store, registry) = open_counted(&server, |_| {});
    let written = write(&store, 3).await.unwrap();
    assert_eq!((written.stored, written.rejected.len()), (2, 1));
    // The documents of the service are stored, too.
    assert_eq!(Documents::counted(&registry), Documents { stored: 4, rejected: 1, unfinished: 0 });
    let whole = server.asked("_bulk").iter().filter(|bulk| !bulk.body.contains(SECOND)).count();
    assert_bulks_counted(&registry, &server, whole);
    assert_eq!((written.rejected[0].index, written.rejected[0].span_id.0), (1, 2));
    let reason = &written.rejected[0].reason;
    assert!(reason.contains("413") && reason.contains("raise its http.max_content_length"), "{reason}");
}

#[tokio::test]
async fn a_store_that_asks_for_less_is_busy_with_its_own_pace() {
    let server = bulks(|_| {
        (
            429,
            "retry-after: 7\r\n",
            r#"{"error":{"type":"circuit_breaking_exception","reason":"Data too large"}}"#.to_owned(),
        )
    });
    let (store, registry) = open_counted(&server, |_| {});
    let error = write(&store, 2).await.unwrap_err();
    assert_eq!((error.kind, error.retry_after), (WriteErrorKind::Busy, Some(Duration::from_secs(7))));
    assert_eq!(error.unfinished, [0, 1]);
    assert!(error.to_string().contains("Data too large"), "{error}");
    assert_eq!(server.asked("_bulk").len(), 1, "one attempt");
    assert_eq!(Documents::counted(&registry), Documents { unfinished: 4, ..Documents::default() });
    assert_bulks_counted(&registry, &server, 0);
    assert_eq!(metric(&registry, "spoor_elasticsearch_bulk_slowdowns_total "), 1);
}

#[tokio::test]
async fn each_span_gets_its_own_verdict() {
    let server = bulks(|_| {
        let items = [
            r#"{"index":{"status":201}}"#,
            r#"{"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue full"}}}"#,
            r#"{"index":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse field [flags]"}}}"#,
            r#"{"index":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"there"}}}"#,
            r#"{"index":{"status":201}}"#,
            r#"{"index":{"status":201}}"#,
        ];
        (200, "", format!(r#"{{"errors":true,"items":[{}]}}"#, items.join(",")))
    });
    let (store, registry) = open_counted(&server, |_| {});
    let error = write(&store, 4).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Busy);
    assert!(error.to_string().contains("es_rejected_execution_exception: queue full"), "{error}");
    assert_eq!(error.unfinished, [1]);
    assert_eq!(error.settled.stored, 2);
    assert_eq!(error.settled.rejected[0].index, 2);
    assert_eq!(error.settled.rejected[0].reason, "mapper_parsing_exception: failed to parse field [flags]");
    // The one that was there before, and two of the service.
    assert_eq!(Documents::counted(&registry), Documents { stored: 4, rejected: 1, unfinished: 1 });
    assert_bulks_counted(&registry, &server, 0);
}

#[tokio::test]
async fn an_answer_that_is_no_answer_stores_nothing() {
    for body in [
        "{}",
        "<html>",
        r#"{"errors":false,"items":[]}"#,
        r#"{"errors":false,"items":[{"index":{"status":201}}]}"#,
    ] {
        let server = bulks(move |_| (200, "", body.to_owned()));
        let (store, registry) = open_counted(&server, |_| {});
        let error = write(&store, 2).await.unwrap_err();
        assert_eq!((error.kind, error.unfinished.len()), (WriteErrorKind::Unavailable, 2), "{body}");
        assert_eq!(Documents::counted(&registry), Documents { unfinished: 4, ..Documents::default() });
        assert_bulks_counted(&registry, &server, 0);
    }
}

#[tokio::test]
async fn a_span_whose_service_is_not_listed_yet_is_unfinished() {
    let refusing = Arc::new(AtomicBool::new(true));
    let switch = refusing.clone();
    let server = bulks(move |asked| {
        let answer = stored(asked.actions());
        if asked.body.contains("jaeger-service") && switch.load(Ordering::Relaxed) {
            let last = r#"{"index":{"status":503,"error":{"type":"unavailable_shards_exception","reason":"no shard"}}}"#;
            let kept = answer.rfind("{\"index\"").unwrap();
            return (200, "", format!("{}{last}]}}", &answer[..kept]));
        }
        (200, "", answer)
    });
    let (store, registry) = open_counted(&server, |_| {});
    let error = write(&store, 2).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.as_slice()), (WriteErrorKind::Unavailable, [0, 1].as_slice()));
    refusing.store(false, Ordering::Relaxed);
    assert_eq!(write(&store, 2).await.unwrap().stored, 2);
    assert_eq!(write(&store, 2).await.unwrap().stored, 2);
    let actions: Vec<usize> = server.asked("_bulk").iter().map(Asked::actions).collect();
    assert_eq!(actions, [4, 3, 2], "each service document goes until it is confirmed, then no more");
    assert_eq!(Documents::counted(&registry), Documents { stored: 8, rejected: 0, unfinished: 1 });
    assert_bulks_counted(&registry, &server, 2);
}

#[tokio::test]
async fn a_kind_that_the_index_has_no_field_for_rejects_no_span_and_is_not_tried_again() {
    let server = bulks(|asked| {
        let answer = stored(asked.actions());
        if !asked.body.contains("jaeger-service") {
            return (200, "", answer);
        }
        let refused =
            r#"{"index":{"status":400,"error":{"type":"strict_dynamic_mapping_exception","reason":"odd"}}}"#;
        let kept = answer.rfind("{\"index\"").unwrap();
        (200, "", format!("{}{refused}]}}", &answer[..kept]))
    });
    let (store, registry) = open_counted(&server, |_| {});
    for _ in 0..2 {
        let written = write(&store, 2).await.unwrap();
        assert_eq!((written.stored, written.rejected.len()), (2, 0));
    }
    let actions: Vec<usize> = server.asked("_bulk").iter().map(Asked::actions).collect();
    assert_eq!(actions, [4, 2]);
    assert_eq!(Documents::counted(&registry), Documents { stored: 5, rejected: 1, unfinished: 0 });
    assert_bulks_counted(&registry, &server, 1);
}

#[tokio::test]
async fn service_documents_that_are_refused_for_good_reject_no_span() {
    let server = bulks(|asked| {
        let refused =
            r#"{"index":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"odd"}}}"#;
        let items = [r#"{"index":{"status":201}}"#; 2].into_iter().chain([refused; 2]);
        assert_eq!(asked.actions(), 4);
        (200, "", format!(r#"{{"errors":true,"items":[{}]}}"#, items.collect::<Vec<_>>().join(",")))
    });
    let (store, registry) = open_counted(&server, |_| {});
    let written = write(&store, 2).await.unwrap();
    assert_eq!((written.stored, written.rejected.len()), (2, 0));
    assert_eq!(Documents::counted(&registry), Documents { stored: 2, rejected: 2, unfinished: 0 });
    assert_bulks_counted(&registry, &server, 0);
}

#[tokio::test]
async fn writers_beyond_the_queue_are_told_to_wait() {
    let (hold, server) = held_bulks();
    let (store, registry) = open_counted(&server, |config| {
        config.bulk.queue_size = 1_000;
        config.bulk.workers = 1;
    });
    let store = Arc::new(store);
    let spawn = |count| {
        let store = store.clone();
        tokio::spawn(async move { write(&store, count).await })
    };
    let first = spawn(1);
    while server.asked("_bulk").is_empty() {
        tokio::task::yield_now().await;
    }
    let second = spawn(5);
    queued(&registry, |bytes| bytes > 1_000).await;
    let full = write(&store, 1).await.unwrap_err();
    assert_eq!(full.kind, WriteErrorKind::Busy);
    assert!(full.retry_after.is_some() && full.to_string().contains("--es.bulk.queue-size"), "{full}");
    drop(hold);
    assert_eq!(first.await.unwrap().unwrap().stored, 1);
    assert_eq!(second.await.unwrap().unwrap().stored, 5);
}

#[tokio::test]
async fn writes_that_wait_share_a_bulk_and_those_given_up_leave_it() {
    let (hold, server) = held_bulks();
    let (store, registry) = open_counted(&server, |config| config.bulk.workers = 1);
    let store = Arc::new(store);
    let mut writes = tokio::task::JoinSet::new();
    let mut spawn = || {
        let store = store.clone();
        writes.spawn(async move { write(&store, 3).await.unwrap().stored })
    };
    spawn();
    while server.asked("_bulk").is_empty() {
        tokio::task::yield_now().await;
    }
    let one_write = server.asked("_bulk")[0].body.len();
    let given_up = spawn();
    for _ in 0..8 {
        spawn();
    }
    queued(&registry, |bytes| bytes == 9 * one_write).await;
    given_up.abort();
    queued(&registry, |bytes| bytes == 8 * one_write).await;
    drop(hold);
    let mut stored = 0;
    while let Some(ended) = writes.join_next().await {
        stored += ended.unwrap_or(0);
    }
    assert_eq!(stored, 27);
    let actions: Vec<usize> = server.asked("_bulk").iter().map(Asked::actions).collect();
    assert_eq!(actions, [5, 40]);
    assert_eq!(metric(&registry, "jaeger_bulk_index_attempts_total "), 2);
    assert_eq!(metric(&registry, "spoor_elasticsearch_bulk_documents_total{outcome=\"stored\"} "), 45);
}

//! A store that is slow, away, not there yet, or answers in part: scripted answers.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use spoor_model::{SpanBatch, TraceLookup, TraceQuery};
use spoor_storage::conformance::trace_id;
use spoor_storage::{ReadErrorKind, RequestContext, SpanReader, SpanWriter, WriteErrorKind};
use spoor_storage_elasticsearch::Readiness;
use support::bulks::{
    Documents, assert_bulks_counted, context, held_bulks, metric, open, open_counted, spans, write,
};
use support::fake::{Asked, FakeServer, healthy};
use support::{golden, until};

/// As Elasticsearch and OpenSearch say it to every question for nested tags.
#[tokio::test]
async fn where_costly_questions_are_forbidden_the_reason_names_the_setting() {
    let server = FakeServer::start(|asked| {
        if !asked.line.contains("_search") {
            return healthy(asked);
        }
        let reason =
            "[joining] queries cannot be executed when 'search.allow_expensive_queries' is set to false.";
        let cause = format!(r#"{{"type":"exception","reason":"{reason}"}}"#);
        let error = format!(
            r#"{{"error":{{"root_cause":[{cause}],"type":"search_phase_execution_exception","reason":"all shards failed","failed_shards":[{{"shard":0,"reason":{cause}}}]}},"status":400}}"#
        );
        (400, "", error)
    });
    let (store, _) = open_counted(&server, |_| {});
    let question = TraceQuery { tags: vec![("k".to_owned(), "v".to_owned())], ..golden::question() };
    let error = store.reader().find_traces(&context(), &question).await.err().unwrap();
    assert_eq!(error.kind, ReadErrorKind::Invalid);
    assert!(error.to_string().contains("search.allow_expensive_queries"), "{error}");
}

/// The search is whole, and of one of the traces that it found a shard does not tell.
#[tokio::test]
async fn a_failed_part_of_a_multi_search_is_an_error_that_names_the_cause() {
    let failed = [
        r#"{"error":{"type":"es_rejected_execution_exception","reason":"queue full"},"status":503}"#,
        r#"{"timed_out":false,"_shards":{"total":2,"successful":1,"failed":1,"failures":[{"shard":1,"reason":{"type":"x","reason":"queue full"}}]},"hits":{"hits":[]}}"#,
    ];
    for failed in failed {
        let server = FakeServer::start(move |asked| {
            let whole = golden::found_and_goes_on(asked);
            if !asked.line.contains("/_msearch") {
                return whole;
            }
            let (status, headers, body) = whole;
            let mut answer: serde_json::Value = serde_json::from_str(&body).unwrap();
            answer["responses"][1] = serde_json::from_str(failed).unwrap();
            (status, headers, answer.to_string())
        });
        let (store, _) = open_counted(&server, |_| {});
        let reader = store.reader();
        let found: Result<Vec<SpanBatch>, _> = match reader.find_traces(&context(), &golden::question()).await
        {
            Ok(found) => found.try_collect().await,
            Err(error) => Err(error),
        };
        let error = found.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Incomplete, "{error}");
        assert!(error.to_string().contains("queue full"), "{error}");
    }
}

#[tokio::test]
async fn a_slow_store_ends_in_the_callers_deadline() {
    let (hold, server) = held_bulks();
    let (store, registry) = open_counted(&server, |_| {});
    // The time is that of the bulk alone.
    let ready = |state: &Readiness| matches!(state, Readiness::Ready(_));
    store.readiness().wait_for(ready).await.unwrap();
    let context = RequestContext::with_timeout(Duration::from_secs(5));
    let error = store.writer().write(&context, &spans(2)).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.len()), (WriteErrorKind::DeadlineExceeded, 2));
    assert!(error.to_string().contains("did not answer in time"), "{error}");
    // The bulk is given up at the same moment as its writer.
    until("the bulk is counted", || Documents::counted(&registry).all() > 0).await;
    assert_eq!(Documents::counted(&registry), Documents { unfinished: 4, ..Documents::default() });
    let counted = ["jaeger_bulk_index_attempts_total ", "jaeger_bulk_index_errors_total "];
    assert_eq!(counted.map(|name| metric(&registry, name)), [1, 1]);
    assert_eq!(metric(&registry, "spoor_elasticsearch_bulk_slowdowns_total "), 1);
    let patient = open(&server, |config| config.connection.timeout = Duration::from_millis(300));
    patient.readiness().wait_for(ready).await.unwrap();
    let error = write(&patient, 2).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Unavailable, "the caller has time left");
    assert!(error.to_string().contains("--es.timeout"), "{error}");
    drop(hold);
}

#[tokio::test]
async fn a_node_that_is_away_is_passed_over() {
    let away_url = format!("http://user:secret@{}", xtask::servers::free_address().unwrap());
    let server = FakeServer::start(healthy);
    let store = open(&server, |config| config.connection.server_urls.insert(0, away_url.parse().unwrap()));
    for _ in 0..4 {
        assert_eq!(write(&store, 1).await.unwrap().stored, 1);
    }
}

#[tokio::test]
async fn credentials_are_sent_and_never_told() {
    let server = FakeServer::start(|asked| {
        if asked.headers.iter().any(|header| header == "authorization: basic bwu6c2vjcmv0") {
            healthy(asked)
        } else {
            (401, "", r#"{"error":{"type":"security_exception","reason":"missing credentials"}}"#.to_owned())
        }
    });
    let named = open(&server, |config| {
        config.connection.auth.username = "me".to_owned();
        config.connection.auth.password = "secret".into();
    });
    assert_eq!(write(&named, 1).await.unwrap().stored, 1);
    let wrong = open(&server, |config| {
        config.connection.auth.username = "me".to_owned();
        config.connection.auth.password = "other-secret".into();
    });
    let error = write(&wrong, 1).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Unavailable);
    let text = format!("{error} {error:?}");
    assert!(text.contains("check --es.username") && !text.contains("other-secret"), "{text}");
}

#[tokio::test]
async fn a_server_that_does_not_tell_its_version_needs_the_override() {
    let silent = |asked: &Asked| match asked.line.as_str() {
        "GET /" => (405, "", r#"{"error":"Incorrect HTTP method","status":405}"#.to_owned()),
        _ => healthy(asked),
    };
    let server = FakeServer::start(silent);
    let error = write(&open(&server, |_| {}), 1).await.unwrap_err();
    assert!(error.to_string().contains("--es.version"), "{error}");
    let told = open(&server, |config| config.connection.version = 9);
    assert_eq!(write(&told, 1).await.unwrap().stored, 1);
    assert_eq!(server.asked("PUT /_index_template/jaeger-span").len(), 1);
}

#[tokio::test]
async fn the_store_may_come_after_us() {
    let up = Arc::new(AtomicBool::new(false));
    let switch = up.clone();
    let server = FakeServer::start(move |asked| {
        if switch.load(Ordering::Relaxed) { healthy(asked) } else { (503, "", "starting".to_owned()) }
    });
    let store = open(&server, |_| {});
    let error = write(&store, 1).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.as_slice()), (WriteErrorKind::Unavailable, [0].as_slice()));
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let Err(error) = store.reader().trace(&context(), &lookup).await else {
        panic!("an answer from nowhere")
    };
    assert_eq!(error.kind, ReadErrorKind::Unavailable);
    let mut readiness = store.readiness();
    assert!(matches!(&*readiness.borrow(), Readiness::NotReady(reason) if reason.contains("503")));
    up.store(true, Ordering::Relaxed);
    readiness.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    assert_eq!(write(&store, 1).await.unwrap().stored, 1);
    assert_eq!(server.asked("PUT /_template/jaeger-").len(), 2);
}

#[tokio::test]
async fn what_could_not_be_found_again_is_not_sent_and_a_gauge_tells_how_much_is_wrong() {
    let fits = Arc::new(AtomicBool::new(false));
    let switch = fits.clone();
    let server = FakeServer::start(move |asked| match asked.line.as_str() {
        _ if switch.load(Ordering::Relaxed) => healthy(asked),
        line if line.starts_with("GET /_template") => (200, "", "{}".to_owned()),
        // The day's index is not there yet: a write would make it.
        line if line.ends_with("?filter_path=*.aliases") => (404, "", "{}".to_owned()),
        _ => healthy(asked),
    });
    let (store, registry) = open_counted(&server, |config| config.templates.create = false);
    let error = write(&store, 2).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.len()), (WriteErrorKind::Unavailable, 2));
    let text = error.to_string();
    assert!(text.contains("no index template") && text.contains("--es.create-index-templates"), "{text}");
    assert_eq!(metric(&registry, "spoor_elasticsearch_unfit_templates "), 2);
    assert_eq!(Documents::counted(&registry), Documents::default());
    assert_bulks_counted(&registry, &server, 0);
    fits.store(true, Ordering::Relaxed);
    store.readiness().wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    assert_eq!(write(&store, 2).await.unwrap().stored, 2);
    assert_eq!(metric(&registry, "spoor_elasticsearch_unfit_templates "), 0);
    assert_eq!(Documents::counted(&registry), Documents { stored: 4, ..Documents::default() });
}

#[tokio::test]
async fn a_failed_shard_or_item_is_an_error_not_a_shorter_answer() {
    let server = FakeServer::start(|asked| {
        if asked.line.contains("_search") {
            let body = r#"{"timed_out":false,"_shards":{"failed":1,"failures":[{"index":"i","reason":{"type":"t","reason":"disk gone"}}]},"hits":{"hits":[]}}"#;
            return (200, "", body.to_owned());
        }
        healthy(asked)
    });
    let store = open(&server, |_| {});
    let error = store.reader().services(&context()).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Incomplete);
    assert!(error.to_string().contains("disk gone"), "{error}");
}

//! What becomes of dependencies, sampling, locks and metrics when the store answers in ways that a healthy one does not.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use spoor_model::{SpanMetricsQuery, Throughput, TimeRange, UnixNanos};
use spoor_storage::conformance::{context, some_minutes_ago};
use spoor_storage::{
    DependencyStore, LeaseLock, MetricsReader, ReadError, ReadErrorKind, RecordErrorKind, SamplingStore,
};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore};
use support::fake::{Answer, Asked, FakeServer, healthy};

const WHOLE: &str = r#""timed_out":false,"_shards":{"total":1,"successful":1,"failed":0}"#;
const LEASE: Duration = Duration::from_secs(60);

fn open(server: &FakeServer) -> ElasticsearchStore {
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    config.indices.max_doc_count = 2;
    // Whoever took a second turn while it has the first one would never go on.
    config.reading.max_concurrent_searches = 1;
    ElasticsearchStore::open(&config, &mut Registry::default()).unwrap()
}

/// Answers what `answer` knows, and everything else as a healthy server.
fn serve(answer: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> FakeServer {
    FakeServer::start(move |asked| answer(asked).unwrap_or_else(|| healthy(asked)))
}

fn an_hour() -> TimeRange {
    let end = some_minutes_ago();
    TimeRange { start: end.saturating_sub(Duration::from_secs(3_600)), end }
}

/// Every question there is.
async fn ask_all(store: &ElasticsearchStore) -> Vec<ReadError> {
    let query = SpanMetricsQuery {
        services: vec!["shop".to_owned()],
        kinds: Vec::new(),
        by_operation: false,
        range: an_hour(),
        step: LEASE,
        rate_per: LEASE,
    };
    let (sampling, metrics) = (store.sampling(), store.span_metrics());
    vec![
        store.dependencies().dependencies(&context(), an_hour()).await.unwrap_err(),
        sampling.throughput(&context(), an_hour()).await.unwrap_err(),
        sampling.latest_probabilities(&context()).await.unwrap_err(),
        metrics.call_rates(&context(), &query).await.unwrap_err(),
        metrics.error_rates(&context(), &query).await.unwrap_err(),
        metrics.latencies(&context(), &query, 0.5).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn a_part_of_an_answer_is_an_error_that_says_what_is_missing() {
    for (kind, answer, told) in [
        (
            ReadErrorKind::DeadlineExceeded,
            r#"{"timed_out":true,"_shards":{"failed":0}}"#,
            "ran out of time half-way",
        ),
        (
            ReadErrorKind::Incomplete,
            r#"{"timed_out":false,"_shards":{"total":2,"successful":1,"failed":1,"failures":[{"index":"i","reason":{"type":"t","reason":"r"}}]}}"#,
            "1 shards failed; the first, of i: t: r",
        ),
        (
            ReadErrorKind::Incomplete,
            r#"{"timed_out":false,"_shards":{"total":2,"successful":1,"failed":0}}"#,
            "1 of 2 shards have no copy",
        ),
        (ReadErrorKind::Incomplete, r#"{"took":1}"#, "not understood"),
    ] {
        let server =
            serve(move |asked| asked.line.contains("/_search").then(|| (200, "", answer.to_owned())));
        for error in ask_all(&open(&server)).await {
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}

/// A page with two reports, and where it goes on.
fn page(sources: [&str; 2]) -> String {
    let hit = |source: &str| {
        let link = format!(r#"{{"parent":"a","child":"b","callCount":1,"source":"{source}"}}"#);
        format!(r#"{{"_source":{{"dependencies":[{link}]}},"sort":[1]}}"#)
    };
    format!(r#"{{"_scroll_id":"next",{WHOLE},"hits":{{"hits":[{},{}]}}}}"#, hit(sources[0]), hit(sources[1]))
}

#[tokio::test]
async fn a_full_page_is_read_on_to_the_end_and_the_view_is_given_back() {
    let pages = std::sync::Mutex::new(vec![format!(r#"{{"_scroll_id":"next",{WHOLE}}}"#), page(["3", "4"])]);
    let server = serve(move |asked| {
        if asked.line.starts_with("POST /_search/scroll") {
            assert!(asked.body.contains(r#""scroll_id":"next""#), "{}", asked.body);
            return Some((200, "", pages.lock().unwrap().pop().unwrap()));
        }
        asked.line.contains("/_search?").then(|| (200, "", page(["1", "2"])))
    });
    let links = open(&server).dependencies().dependencies(&context(), an_hour()).await.unwrap();
    assert_eq!(links.iter().map(|link| link.source.as_str()).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    let opened = server.asked("_search?scroll=");
    assert!(
        opened.len() == 1 && !opened[0].body.contains("track_total_hits"),
        "servers refuse it in a scroll"
    );
    assert_eq!(server.asked("DELETE /_search/scroll").len(), 1);
}

#[tokio::test]
async fn a_later_page_that_is_not_whole_or_does_not_come_is_an_error() {
    for (status, answer) in
        [(200, r#"{"_scroll_id":"next","timed_out":false,"_shards":{"failed":1}}"#), (404, "{}"), (503, "")]
    {
        let server = serve(move |asked| {
            if asked.line.starts_with("POST /_search/scroll") {
                return Some((status, "", answer.to_owned()));
            }
            asked.line.contains("/_search?").then(|| (200, "", page(["1", "2"])))
        });
        open(&server).dependencies().dependencies(&context(), an_hour()).await.unwrap_err();
        assert_eq!(server.asked("POST /_search/scroll").len(), 1, "a second one would skip a page");
    }
}

#[tokio::test]
async fn throughput_is_stored_only_when_every_document_is() {
    let seen = |operation: &str| Throughput {
        service: "shop".to_owned(),
        operation: operation.to_owned(),
        count: 1,
        probabilities: BTreeSet::new(),
    };
    for (answer, kind) in [
        (
            r#"{"items":[{"index":{"status":201}},{"index":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"why"}}}]}"#,
            RecordErrorKind::Refused,
        ),
        (
            r#"{"items":[{"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"why"}}},{"index":{"status":201}}]}"#,
            RecordErrorKind::Busy,
        ),
        (r#"{"items":[{"index":{"status":201}}],"why":1}"#, RecordErrorKind::Unavailable),
    ] {
        let server =
            serve(move |asked| asked.line.starts_with("POST /_bulk").then(|| (200, "", answer.to_owned())));
        let sampling = open(&server).sampling();
        let seen = [seen("buy"), seen("list")];
        let error = sampling.write_throughput(&context(), UnixNanos::ZERO, &seen).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().starts_with("store the throughput of 2 operations"), "{error}");
        sampling.write_throughput(&context(), UnixNanos::ZERO, &seen).await.unwrap_err();
        let bulks = server.asked("POST /_bulk");
        assert_eq!(bulks[0].body, bulks[1].body, "repeated under the same ids");
        assert_eq!(server.asked("PUT /_template/jaeger-sampling").len(), 1, "installed once");
    }
}

/// A lock that `b` holds, unchanged for ever.
fn held(asked: &Asked) -> Option<Answer> {
    let stored = r#"{"_seq_no":7,"_primary_term":2,"_source":{"Resource":"r","Holder":"b","LeaseMillis":0}}"#;
    asked.line.starts_with("GET /jaeger-spoor-locks/").then(|| (200, "", stored.to_owned()))
}

#[tokio::test]
async fn a_lock_is_changed_as_it_was_seen_and_lost_to_who_was_faster() {
    let server = serve(|asked| {
        held(asked).or_else(|| asked.line.contains("if_seq_no").then(|| (409, "", "{}".to_owned())))
    });
    let sampling = open(&server).sampling();
    assert_eq!(sampling.acquire(&context(), "r", "a", LEASE).await.unwrap(), None);
    let changes = server.asked("if_seq_no=7&if_primary_term=2");
    assert_eq!(changes.len(), 1);
    assert!(changes[0].line.starts_with("PUT /jaeger-spoor-locks/_doc/"), "{}", changes[0].line);
    assert!(
        changes[0].body.contains(r#""Holder":"a""#) && changes[0].body.contains(r#""LeaseMillis":60000"#)
    );
}

#[tokio::test]
async fn a_lock_whose_fate_is_unknown_is_not_held() {
    let server = serve(|asked| {
        held(asked).or_else(|| asked.line.contains("if_seq_no").then(|| (503, "", "{}".to_owned())))
    });
    let sampling = open(&server).sampling();
    let error = sampling.acquire(&context(), "r", "a", LEASE).await.unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::Unavailable, "{error}");
    assert!(error.to_string().starts_with("acquire the lock r: "), "{error}");
    assert_eq!(server.asked("if_seq_no").len(), 1, "not sent twice");
}

#[tokio::test]
async fn a_lock_that_cannot_be_read_is_not_taken() {
    for (status, answer) in
        [(503, "{}"), (200, "{}"), (200, r#"{"_seq_no":7,"_primary_term":2,"_source":{}}"#)]
    {
        let server = serve(move |asked| {
            asked.line.starts_with("GET /jaeger-spoor-locks/").then(|| (status, "", answer.to_owned()))
        });
        open(&server).sampling().acquire(&context(), "r", "a", LEASE).await.unwrap_err();
        assert_eq!(server.asked("PUT /jaeger-spoor-locks").len(), 0);
    }
}

/// Whoever asks while another makes the index of locks finds it without a shard that answers.
#[tokio::test]
async fn a_lock_whose_index_is_only_coming_to_be_is_asked_for_by_a_write_that_waits_for_it() {
    let no_shard = r#"{"error":{"type":"no_shard_available_action_exception","reason":"No shard available for [get [jaeger-spoor-locks]"},"status":503}"#;
    for (created, holder, given, changes) in
        [(201, "-", true, 0), (409, "a", true, 1), (409, "b", false, 0), (503, "-", false, 0)]
    {
        let starting = AtomicBool::new(true);
        let server = serve(move |asked| {
            if asked.line.starts_with("PUT /jaeger-spoor-locks/_create/") {
                return Some((created, "", "{}".to_owned()));
            }
            let stored = format!(
                r#"{{"_seq_no":7,"_primary_term":2,"_source":{{"Holder":"{holder}","LeaseMillis":60000}}}}"#
            );
            asked.line.starts_with("GET /jaeger-spoor-locks/").then(|| {
                if starting.swap(false, Ordering::Relaxed) {
                    (503, "", no_shard.to_owned())
                } else {
                    (200, "", stored)
                }
            })
        });
        let lease = open(&server).sampling().acquire(&context(), "r", "a", LEASE).await;
        assert_eq!(lease.as_ref().is_ok_and(Option::is_some), given, "{created} {holder}: {lease:?}");
        assert_eq!(lease.is_err(), created == 503, "{lease:?}");
        assert_eq!(server.asked("PUT /jaeger-spoor-locks/_create/").len(), 1, "not sent twice");
        assert_eq!(server.asked("if_seq_no=7").len(), changes);
    }
}

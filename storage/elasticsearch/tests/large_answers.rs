//! Answers larger than what is taken at once: spans of a hundred kilobytes make a full page hundreds of megabytes.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use spoor_model::{SpanBatch, TimeRange, TraceLookup, TraceQuery, UnixNanos};
use spoor_storage::conformance::trace_id;
use spoor_storage::{AnswerRoom, DependencyStore, ReadError, ReadErrorKind, RequestContext, SpanReader};
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

/// The sizes of the pages in which a trace of 20,000 spans of so many bytes each is read.
async fn pages_of_spans_of(bytes: usize) -> Vec<u64> {
    let padding = " ".repeat(bytes - hit(1).len());
    let server = FakeServer::start(move |asked| {
        if !asked.line.contains("_search") {
            return healthy(asked);
        }
        let question: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
        let size = usize::try_from(question["size"].as_u64().unwrap()).unwrap();
        let after = question["search_after"][0].as_u64().unwrap_or(0);
        let hits: Vec<String> = (after + 1..=20_000).take(size).map(|at| hit(at) + &padding).collect();
        (200, "", format!(r#"{{{WHOLE},"hits":{{"hits":[{}]}}}}"#, hits.join(",")))
    });
    let store = open(&server);
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let parts: Vec<_> = store.reader().trace(&context(), &lookup).await.unwrap().try_collect().await.unwrap();
    assert_eq!(spans(&parts), (1..=20_000).collect::<Vec<_>>());
    let size = |body: &String| serde_json::from_str::<serde_json::Value>(body).unwrap()["size"].as_u64();
    server.asked("_search").iter().map(|asked| size(&asked.body).unwrap()).collect()
}

#[tokio::test]
async fn a_large_trace_is_read_in_few_pages_as_far_as_there_is_room_for_them() {
    assert_eq!(pages_of_spans_of(500).await, [2_000, 8_000, 10_000, 10_000]);
    // Six megabytes of the sixteen; the first page is not gone below as long as it fits.
    for (bytes, fitting) in [(2_000, 3_130..3_146), (7_000, 2_000..2_001)] {
        let pages = pages_of_spans_of(bytes).await;
        assert!(pages[0] == 2_000 && pages[1..].iter().all(|size| fitting.contains(size)), "{pages:?}");
    }
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

/// Full pages of reports, each of a moment of its own and with 1,000 pairs of services, without an end.
fn endless_reports() -> impl Fn(&Asked) -> Answer {
    let pair = |number: u64| format!(r#"{{"parent":"a","child":"service {number}","callCount":1}}"#);
    let pairs = (0..1_000).map(pair).collect::<Vec<_>>().join(",");
    let moments = AtomicU64::new(0);
    move |asked| {
        if !asked.line.contains("_search") || asked.line.starts_with("DELETE") {
            return healthy(asked);
        }
        let hit = |_| {
            let moment = moments.fetch_add(1, Ordering::SeqCst);
            format!(r#"{{"sort":[{moment}],"_source":{{"dependencies":[{pairs}]}}}}"#)
        };
        let hits: Vec<String> = (0..100).map(hit).collect();
        (200, "", format!(r#"{{{WHOLE},"_scroll_id":"s","hits":{{"hits":[{}]}}}}"#, hits.join(",")))
    }
}

/// Room for so many bytes.
#[derive(Debug)]
struct Narrow(usize);

impl AnswerRoom for Narrow {
    fn takes(&self, bytes: usize) -> Result<(), ReadError> {
        let full = || ReadError::new(ReadErrorKind::Busy, "hold the answer", "there is no room");
        (bytes <= self.0).then_some(()).ok_or_else(full)
    }

    fn is_cut(&self) {}
}

#[tokio::test]
async fn reports_of_dependencies_beyond_the_bound_are_refused_with_what_to_narrow_and_the_store_may_forget_them()
 {
    let server = FakeServer::start(endless_reports());
    let store = open(&server);
    let range = TimeRange { start: UnixNanos(0), end: UnixNanos(1_000_000) };
    let refused = store.dependencies().dependencies(&context(), range).await.unwrap_err();
    assert_eq!(refused.kind, ReadErrorKind::Invalid, "{refused}");
    assert!(refused.to_string().contains("67108864 bytes; ask for a shorter time (lookback"), "{refused}");
    assert!(server.asked("POST /_search/scroll").len() < 10, "nobody read on");
    assert_eq!(server.asked("DELETE /_search/scroll").len(), 1);
}

#[tokio::test]
async fn reports_of_dependencies_count_among_the_answers_that_are_held() {
    let server = FakeServer::start(endless_reports());
    let range = TimeRange { start: UnixNanos(0), end: UnixNanos(1_000_000) };
    let context = RequestContext { room: Some(Arc::new(Narrow(1 << 20))), ..context() };
    let busy = open(&server).dependencies().dependencies(&context, range).await.unwrap_err();
    assert_eq!((busy.kind, busy.attempted.as_str()), (ReadErrorKind::Busy, "hold the answer"));
}

//! What searches may take: so many at a time, so much time each, and answers no larger than there is room for.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::Sender;
use std::time::Duration;

use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use spoor_model::filter::Filter;
use spoor_model::{SpanBatch, TimeRange, TraceLookup, TraceQuery, UnixNanos};
use spoor_storage::conformance::trace_id;
use spoor_storage::{ReadErrorKind, RequestContext, SpanReader};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore};
use support::fake::{Answer, Asked, FakeServer, healthy};

const WHOLE: &str = r#""timed_out":false,"_shards":{"total":1,"successful":1,"failed":0}"#;

fn open(server: &FakeServer, change: impl FnOnce(&mut Config)) -> ElasticsearchStore {
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    change(&mut config);
    ElasticsearchStore::open(&config, &mut Registry::default()).unwrap()
}

fn context(time: Duration) -> RequestContext {
    RequestContext::with_timeout(time)
}

/// Answers searches with nothing, each when the sender is told so or dropped; every search that begins is told to `begun`.
fn held() -> (Sender<()>, tokio::sync::mpsc::Receiver<()>, FakeServer) {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::mpsc::channel(16);
    let held = Mutex::new(held);
    let server = FakeServer::start(move |asked| {
        if asked.line.contains("_search") {
            let _ = begin.blocking_send(());
            let _ = held.lock().unwrap().recv();
            return (200, "", format!("{{{WHOLE}}}"));
        }
        healthy(asked)
    });
    (release, begun, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_searches_than_allowed_are_under_way_and_the_others_wait_or_are_told_so() {
    let (release, mut begun, server) = held();
    let store = Arc::new(open(&server, |config| config.reading.max_concurrent_searches = 2));
    let ask = |time| {
        let store = store.clone();
        tokio::spawn(async move { store.reader().services(&context(time)).await })
    };
    let minute = Duration::from_secs(60);
    let first = [ask(minute), ask(minute)];
    begun.recv().await.unwrap();
    begun.recv().await.unwrap();
    let error = ask(Duration::from_millis(200)).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Busy, "{error}");
    assert!(error.to_string().contains("--es.max-concurrent-searches"), "{error}");
    assert!(begun.try_recv().is_err(), "the store was asked a third time");
    let waiting = ask(minute);
    drop(release);
    for asked in first.into_iter().chain([waiting]) {
        assert_eq!(asked.await.unwrap().unwrap(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_gives_the_turn_back() {
    let (_release, mut begun, server) = held();
    let store = open(&server, |config| config.reading.max_concurrent_searches = 1);
    for _ in 0..3 {
        let (reader, context) = (store.reader(), context(Duration::from_secs(60)));
        tokio::select! {
            answer = reader.services(&context) => panic!("answered: {answer:?}"),
            begun = begun.recv() => begun.unwrap(),
        }
    }
}

fn search() -> TraceQuery {
    TraceQuery {
        service: Some("shop".to_owned()),
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: UnixNanos(0), end: UnixNanos(1_000_000) },
        duration_min: None,
        duration_max: None,
        limit: 20,
        enough_spans: usize::MAX,
        filter: None,
    }
}

/// One trace is found, and has a span.
fn one_trace(asked: &Asked) -> Answer {
    if asked.line.contains("_msearch") {
        let span = r#"{"traceID":"1","spanID":"1","operationName":"GET","startTime":5,"duration":7,"process":{"serviceName":"shop"}}"#;
        let hit = format!(r#"{{"sort":[5,"1"],"_source":{span}}}"#);
        return (200, "", format!(r#"{{"responses":[{{{WHOLE},"hits":{{"hits":[{hit}]}}}}]}}"#));
    }
    if asked.line.contains("_search") {
        let hit = format!(r#"{{"fields":{{"traceID":["{id}"]}},"sort":[5,"{id}"]}}"#, id = trace_id(1));
        return (200, "", format!(r#"{{{WHOLE},"hits":{{"hits":[{hit}]}}}}"#));
    }
    healthy(asked)
}

/// The places found by a search for two traces in 25,600 s of which the last 100 s have so many, and the questions that took.
async fn places_with_newest(in_newest_part: u64) -> (usize, Vec<Asked>) {
    let server = FakeServer::start(move |asked| {
        if !asked.line.contains("_search") {
            return healthy(asked);
        }
        let traces = if asked.body.contains(r#""gte":25500000000"#) { in_newest_part } else { 3 };
        let hit = |number: u64| {
            let (id, start) = (trace_id(number), 25_600_000_000 - number);
            format!(r#"{{"fields":{{"traceID":["{id}"]}},"sort":[{start},"{id}"]}}"#)
        };
        let hits: Vec<String> = (1..=traces).map(hit).collect();
        (200, "", format!(r#"{{{WHOLE},"hits":{{"hits":[{}]}}}}"#, hits.join(",")))
    });
    let store = open(&server, |_| {});
    let start = TimeRange { start: UnixNanos(0), end: UnixNanos(25_600_000_000_000) };
    let question = TraceQuery { start, limit: 2, ..search() };
    let context = context(Duration::from_secs(30));
    let places = store.reader().find_trace_ids(&context, &question, None).await.unwrap();
    (places.len(), server.asked("_search"))
}

#[tokio::test]
async fn the_newest_part_of_a_range_is_looked_at_first_and_the_rest_when_too_few_are_there() {
    let (found, questions) = places_with_newest(3).await;
    assert_eq!((found, questions.len()), (2, 1));
    let (found, questions) = places_with_newest(0).await;
    assert_eq!((found, questions.len()), (2, 2));
    assert!(questions[1].body.contains(r#""startTime":{"gte":0,"#), "{}", questions[1].body);
}

#[tokio::test]
async fn the_store_is_told_how_long_somebody_waits() {
    for (timeout, told) in
        [(Duration::ZERO, r#""timeout":"30s""#), (Duration::from_millis(2_500), r#""timeout":"3s""#)]
    {
        let server = FakeServer::start(one_trace);
        let store = open(&server, |config| config.connection.timeout = timeout);
        let context = context(Duration::from_secs(30));
        let reader = store.reader();
        let found = reader.find_traces(&context, &search()).await.unwrap();
        assert_eq!(found.try_collect::<Vec<SpanBatch>>().await.unwrap().len(), 1);
        let questions = server.asked("search");
        assert_eq!(questions.len(), 2);
        assert!(questions.iter().all(|asked| asked.body.contains(told)), "{questions:?}");
    }
}

/// The text by which a search says which copies it is for.
fn copies(asked: &Asked) -> String {
    // The search has it in its address, the question for its traces in the header of each.
    let text = format!("{} {}", asked.line, asked.body);
    let (_, behind) = text.split_once("preference").expect("it says which copies");
    behind.trim_start_matches(['=', '"', ':']).chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[tokio::test]
async fn all_parts_of_a_question_are_asked_of_the_same_copies_and_questions_of_any() {
    let server = FakeServer::start(one_trace);
    let store = open(&server, |_| {});
    for _ in 0..2 {
        let (reader, context) = (store.reader(), RequestContext::for_question(Duration::from_secs(30)));
        let found = reader.find_traces(&context, &search()).await.unwrap();
        found.try_collect::<Vec<SpanBatch>>().await.unwrap();
    }
    let copies: Vec<String> = server.asked("search").iter().map(copies).collect();
    assert_eq!(copies.len(), 4);
    assert!(copies[0] == copies[1] && copies[2] == copies[3] && copies[0] != copies[2], "{copies:?}");
    assert!(copies[0].starts_with('q'), "{copies:?}");
}

#[tokio::test]
async fn a_page_of_a_question_that_is_asked_for_later_is_asked_of_the_same_copies() {
    let server = FakeServer::start(one_trace);
    let store = open(&server, |_| {});
    for question in [0, 7, u64::MAX] {
        let context = || RequestContext { question: Some(question), ..context(Duration::from_secs(30)) };
        let first = store.reader().find_trace_ids(&context(), &search(), None).await.unwrap();
        let last = first.last().copied();
        assert!(last.is_some());
        store.reader().find_trace_ids(&context(), &search(), last).await.unwrap();
        let copies: BTreeSet<String> = server.asked("search").iter().map(copies).collect();
        assert!(copies.contains(&format!("q{question:016x}")), "{copies:?}");
    }
    let copies: BTreeSet<String> = server.asked("search").iter().map(copies).collect();
    assert_eq!(copies.len(), 3, "one text a question: {copies:?}");
}

#[tokio::test]
async fn a_store_that_ran_out_of_time_is_a_matter_of_the_deadline() {
    let server = FakeServer::start(|asked| {
        if asked.line.contains("_search") {
            let late = WHOLE.replace("false", "true");
            return (200, "", format!(r#"{{{late},"hits":{{"hits":[]}}}}"#));
        }
        healthy(asked)
    });
    let store = open(&server, |_| {});
    let error = store.reader().services(&context(Duration::from_secs(30))).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::DeadlineExceeded, "{error}");
}

#[tokio::test]
async fn a_span_larger_than_a_turn_is_read_with_the_room_of_several() {
    let server = FakeServer::start(|asked| {
        if !asked.line.contains("_search") {
            return healthy(asked);
        }
        let name = "n".repeat(20 << 20);
        let span =
            format!(r#"{{"traceID":"{}","spanID":"1","operationName":"{name}","startTime":5}}"#, trace_id(1));
        (200, "", format!(r#"{{{WHOLE},"hits":{{"hits":[{{"sort":[5,"1"],"_source":{span}}}]}}}}"#))
    });
    for turns in [1, 32] {
        let store = open(&server, |config| config.reading.max_concurrent_searches = turns);
        let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
        let context = context(Duration::from_secs(60));
        let parts: Vec<SpanBatch> =
            store.reader().trace(&context, &lookup).await.unwrap().try_collect().await.unwrap();
        assert_eq!(parts[0].span(0).unwrap().name().len(), 20 << 20);
    }
}

/// As many spans as are asked for, older from page to page, none of them with a duration.
fn page(asked: &Asked) -> Answer {
    if !asked.line.contains("_search") {
        return healthy(asked);
    }
    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    let newest = body["search_after"][0].as_u64().unwrap_or(1_787_227_200_000_000);
    let hits = (1..=body["size"].as_u64().unwrap()).map(|back| {
        let start = newest - back;
        format!(
            r#"{{"_source":{{"traceID":"2a","spanID":"1","operationName":"o","startTime":{start},"span":{{}},"process":{{"serviceName":"s"}}}},"sort":[{start},"2a","1"]}}"#
        )
    });
    (200, "", format!(r#"{{{WHOLE},"hits":{{"hits":[{}]}}}}"#, hits.collect::<Vec<_>>().join(",")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_for_which_too_many_spans_would_have_to_be_read_is_refused_with_what_would_help() {
    let server = FakeServer::start(page);
    let store = open(&server, |_| {});
    let filter = serde_json::json!({ "op": "eq", "args": [
        { "field": { "name": "duration", "level": "span" } },
        { "scalar": { "value": "5000002ns" } },
    ] });
    let filter = Filter::read(&serde_json::from_value(filter).unwrap()).unwrap();
    let start = TimeRange { start: UnixNanos(0), end: UnixNanos(1_787_227_200_000_000_000) };
    let query = TraceQuery { filter: Some(filter), start, ..search() };
    let error =
        store.reader().find_trace_ids(&context(Duration::from_secs(120)), &query, None).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("more than 50000 spans would have to be read"), "{error}");
    assert!(server.asked("_search").len() < 60, "pages grow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_names_ends_at_its_bound_though_the_store_has_ever_more_of_them() {
    let page = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let pages = page.clone();
    let server = FakeServer::start(move |asked| {
        if !asked.line.contains("_search") {
            return healthy(asked);
        }
        let page = page.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = |number: usize| format!("name {:09}", page * 9_000 + number);
        let buckets: Vec<String> =
            (0..9_000).map(|number| format!(r#"{{"key":{{"name":"{}"}}}}"#, name(number))).collect();
        let last = name(8_999);
        let buckets = buckets.join(",");
        let names = format!(r#"{{"after_key":{{"name":"{last}"}},"buckets":[{buckets}]}}"#);
        (200, "", format!(r#"{{{WHOLE},"aggregations":{{"names":{names}}}}}"#))
    });
    let store = open(&server, |_| {});
    let context = context(Duration::from_secs(60));
    let services = store.reader().services(&context).await.unwrap();
    assert_eq!((services.len(), pages.swap(0, std::sync::atomic::Ordering::Relaxed)), (100_000, 12));
    assert!(services.is_sorted());
    let query = spoor_model::OperationQuery { service: "shop".to_owned(), span_kind: None };
    assert_eq!(store.reader().operations(&context, &query).await.unwrap().len(), 100_000);
}

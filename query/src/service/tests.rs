//! Claims about the bounds: time, turns, bytes, spans; and that parts become whole traces.

mod charged;

use std::sync::atomic::Ordering;

use clap::Parser;
use prometheus_client::registry::Registry;
use spoor_model::{TimeRange, UnixNanos, jaeger};

use super::*;
use crate::fixture::{FakeReader, SPAN, Script, Span, batch, plain_trace};

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    query: Config,
}

fn config(args: &[&str]) -> Config {
    Program::parse_from(std::iter::once(&"spoor").chain(args)).query
}

fn service(args: &[&str], script: Script) -> (Service, Arc<FakeReader>) {
    let reader = Arc::new(FakeReader::new(script));
    (
        Service::new(&config(args), Stores::new(reader.clone()), Metrics::register(&mut Registry::default())),
        reader,
    )
}

fn query() -> TraceQuery {
    TraceQuery {
        service: Some("service".to_owned()),
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: UnixNanos::ZERO, end: UnixNanos::MAX },
        duration_min: None,
        duration_max: None,
        limit: 10,
        enough_spans: usize::MAX,
        filter: None,
    }
}

fn lookup(trace: u128) -> TraceLookup {
    TraceLookup { trace_id: TraceId(trace), hint: None }
}

async fn search(service: &Service) -> Result<Traces, ReadError> {
    service.find_traces(&service.context(), &query(), true).await
}

async fn by_id(service: &Service, traces: &[u128]) -> Result<Traces, ReadError> {
    let lookups: Vec<_> = traces.iter().map(|&trace| lookup(trace)).collect();
    service.traces(&service.context(), &lookups, true).await
}

fn sizes(found: &Traces) -> Vec<usize> {
    found.traces.iter().map(SpanBatch::len).collect()
}

fn warned(trace: &SpanBatch) -> bool {
    jaeger::warnings(trace.span(0).unwrap()).iter().any(|warning| warning.contains("larger than the limits"))
}

/// A trace in parts of these sizes.
fn parts(trace: u128, sizes: &[u64]) -> Vec<SpanBatch> {
    sizes.iter().map(|&size| plain_trace(trace, size)).collect()
}

#[tokio::test]
async fn parts_of_a_trace_become_one_and_traces_stay_apart() {
    let script =
        [parts(1, &[3, 2, 4]), parts(2, &[1]), vec![SpanBatch::default()], parts(3, &[2, 2])].concat();
    let (service, _) = service(&[], Script::Parts(script));
    let found = search(&service).await.unwrap();
    assert_eq!(sizes(&found), [9, 1, 4]);
    assert!(!found.omitted && found.missing.is_empty());
    let second = found.traces[0].span(3).unwrap();
    assert_eq!((second.name(), second.service()), ("op", "service"));
}

#[tokio::test]
async fn the_store_is_told_how_many_spans_of_a_trace_are_enough() {
    let (service, reader) = service(&["--query.max-search-trace-spans=3"], Script::Parts(parts(1, &[3])));
    let found = search(&service).await.unwrap();
    assert_eq!((sizes(&found), found.cut), (vec![3], false), "as long as the limit is not cut");
    assert_eq!(reader.searches.lock().unwrap()[0].enough_spans, 4);
}

#[tokio::test]
async fn raw_skips_what_is_adjusted_otherwise() {
    let (service, _) = service(&[], Script::Parts(parts(1, &[2, 2])));
    let raw = by_id(&service, &[1]).await.unwrap();
    assert_eq!(sizes(&raw), [4]);
    drop(raw);
    let adjusted = service.traces(&service.context(), &[lookup(1)], false).await.unwrap();
    assert_eq!(sizes(&adjusted), [2], "equal spans are shown once");
}

#[tokio::test]
async fn a_large_trace_is_adjusted_like_a_small_one() {
    let (service, _) = service(&[], Script::Parts(parts(1, &[3_000, 3_000])));
    let adjusted = service.traces(&service.context(), &[lookup(1)], false).await.unwrap();
    assert_eq!(sizes(&adjusted), [3_000]);
}

#[tokio::test]
async fn many_small_traces_are_adjusted_like_one_and_stay_in_their_order() {
    let script = || Script::Parts((1..=100).flat_map(|trace| parts(trace, &[50, 50])).collect());
    let (service, _) = service(&["--query.max-concurrent-searches=1"], script());
    let query = TraceQuery { limit: 100, ..query() };
    let found = service.find_traces(&service.context(), &query, false).await.unwrap();
    let ids: Vec<_> = found.traces.iter().map(|trace| trace.span(0).unwrap().trace_id().0).collect();
    assert_eq!(ids, (1..=100).collect::<Vec<_>>());
    assert_eq!(sizes(&found), [50; 100], "equal spans are shown once");
}

#[tokio::test]
async fn adjusting_ends_with_the_time_of_who_asks() {
    let script = Script::Parts((1..=100).flat_map(|trace| parts(trace, &[500])).collect());
    let (service, _) = service(&[], script);
    // Reading takes no time here, so that what there is of it is up when the adjusting begins.
    let context = RequestContext::with_timeout(Duration::ZERO);
    let error = service.find_traces(&context, &query(), false).await.err().unwrap();
    assert_eq!(error.kind, ReadErrorKind::DeadlineExceeded);
    assert!(error.to_string().contains("adjust the traces"), "{error}");
    assert_eq!((service.metrics.running.get(), service.bytes.held()), (0, 0));
}

#[tokio::test]
async fn a_search_cuts_a_giant_trace_and_says_so_but_its_id_brings_it_whole() {
    let script = || Script::Parts([parts(1, &[3, 4, 5]), parts(2, &[4]), parts(3, &[5])].concat());
    let (service, _) = service(&["--query.max-search-trace-spans=4"], script());
    let found = search(&service).await.unwrap();
    assert_eq!(sizes(&found), [4, 4, 4]);
    assert_eq!(found.traces.iter().map(warned).collect::<Vec<_>>(), [true, false, true]);
    assert!(!found.omitted);
    assert_eq!(service.metrics.cut.get(), 1);
    drop(found);
    assert_eq!(sizes(&by_id(&service, &[1]).await.unwrap()), [12]);
}

#[tokio::test]
async fn a_trace_by_its_id_is_cut_where_the_operator_wants_it_but_not_a_raw_one() {
    let settings = ["--query.max-trace-spans=2"];
    let (service, _) = service(&settings, Script::Parts(vec![batch(&[&[]], &distinct(5))]));
    let cut = service.traces(&service.context(), &[lookup(1)], false).await.unwrap();
    assert_eq!((sizes(&cut), cut.cut, warned(&cut.traces[0])), (vec![2], true, true));
    drop(cut);
    assert_eq!(sizes(&by_id(&service, &[1]).await.unwrap()), [5], "raw");
}

/// Spans of trace 1 that nobody takes for duplicates.
fn distinct(count: u64) -> Vec<Span<'static>> {
    (1..=count).map(|id| Span { id, ..SPAN }).collect()
}

#[tokio::test]
async fn an_answer_over_its_bytes_leaves_out_traces_and_says_so() {
    let script =
        || Script::Parts([parts(1, &[2_000, 2_000]), parts(2, &[2_000; 8]), parts(3, &[1])].concat());
    let (service, _) = service(&["--query.max-answer-bytes=1MiB"], script());
    let found = search(&service).await.unwrap();
    assert_eq!(found.traces[0].len(), 4_000);
    assert!(found.traces[1].len() < 16_000 && warned(&found.traces[1]));
    let held: usize = found.traces.iter().map(SpanBatch::memory_bytes).sum();
    assert!(held <= 2 << 20, "{held}");
    assert!(found.omitted && found.traces.len() == 2);
    drop(found);
    let found = by_id(&service, &[2, 3]).await.unwrap();
    assert!(warned(&found.traces[0]) && found.omitted && found.missing.is_empty());
}

#[tokio::test]
async fn a_search_takes_so_many_bytes_of_each_trace_and_goes_on_with_the_next() {
    let script = || Script::Parts([parts(1, &[2_000; 20]), parts(2, &[50_000]), parts(3, &[1])].concat());
    let (service, _) = service(&["--query.max-search-trace-bytes=1MiB"], script());
    let found = search(&service).await.unwrap();
    assert_eq!(found.traces.iter().map(warned).collect::<Vec<_>>(), [true, true, false]);
    assert!(found.traces.iter().all(|trace| trace.memory_bytes() <= 2 << 20) && !found.omitted);
    drop(found);
    assert_eq!(sizes(&by_id(&service, &[1]).await.unwrap()), [40_000], "by its id it is whole");
}

#[tokio::test]
async fn a_search_ends_where_its_answer_has_enough_spans_and_says_so() {
    let script = || Script::Parts([parts(1, &[6]), parts(2, &[3, 3]), parts(3, &[1])].concat());
    let (service, _) = service(&["--query.max-search-spans=10"], script());
    let found = search(&service).await.unwrap();
    assert_eq!((sizes(&found), found.omitted), (vec![6, 4], true));
    assert!(warned(&found.traces[1]) && !warned(&found.traces[0]));
    drop(found);
    assert_eq!(sizes(&by_id(&service, &[1, 2]).await.unwrap()), [6, 6]);
}

#[tokio::test]
async fn even_one_huge_part_gives_a_first_span() {
    let (service, _) = service(&["--query.max-answer-bytes=1MiB"], Script::Parts(parts(1, &[50_000])));
    let found = by_id(&service, &[1]).await.unwrap();
    let spans = found.traces[0].len();
    assert!(spans > 0 && spans < 50_000 && warned(&found.traces[0]));
}

#[tokio::test]
async fn all_answers_together_hold_no_more_than_they_may() {
    let limit = plain_trace(1, 8_000).memory_bytes() * 3 / 2;
    let limit = format!("--query.max-bytes-in-flight={limit}");
    let (service, _) = service(&[&limit], Script::Parts(parts(1, &[8_000])));
    let first = search(&service).await.unwrap();
    let error = search(&service).await.err().unwrap();
    assert_eq!(error.kind, ReadErrorKind::Busy);
    assert!(error.to_string().contains("--query.max-bytes-in-flight"), "{error}");
    drop(first);
    assert!(search(&service).await.is_ok());
    assert_eq!(service.bytes.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_question_too_many_waits_a_moment_and_is_told_to_come_back() {
    let (service, _) = service(&["--query.max-concurrent-searches=1"], Script::Parts(parts(1, &[1])));
    let asking = service.turn().await.unwrap();
    let error = by_id(&service, &[1]).await.err().unwrap();
    assert_eq!(error.kind, ReadErrorKind::Busy);
    let (second, ()) = tokio::join!(search(&service), async { drop(asking) });
    assert!(second.is_ok(), "a turn that comes free within the second is taken");
    assert_eq!(service.metrics.running.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_being_sent_takes_room_and_nobodys_turn() {
    let (service, _) = service(&["--query.max-concurrent-searches=1"], Script::Parts(parts(1, &[1])));
    let slow = search(&service).await.unwrap();
    assert_eq!(service.metrics.running.get(), 0);
    assert!(service.bytes.held() > 0);
    drop((search(&service).await.unwrap(), slow));
    assert_eq!(service.bytes.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_raw_trace_waits_for_its_turn_again_and_is_not_broken_off() {
    let (service, _) = service(&["--query.max-concurrent-searches=1"], Script::Parts(parts(1, &[1; 9])));
    let service = Arc::new(service);
    let mut live = service.live_trace(&service.context(), &lookup(1)).await.unwrap().unwrap();
    let searching = service.turn().await.unwrap();
    let taken = async {
        let mut taken = 0;
        while live.next().await.unwrap().is_some() {
            taken += 1;
        }
        taken
    };
    let searched = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(searching);
    };
    assert_eq!(tokio::join!(taken, searched).0, 9);
    drop(live);
    assert_eq!((service.metrics.running.get(), service.bytes.held()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_names_does_not_wait_for_searches_but_for_others_like_it() {
    let (service, _) = service(&["--query.max-concurrent-searches=1"], Script::Hang);
    let searching = service.turn().await.unwrap();
    let listing = service.turn_among(&service.lists).await.unwrap();
    let error = service.services(&service.context()).await.err().unwrap();
    assert_eq!(error.kind, ReadErrorKind::Busy);
    drop(listing);
    assert!(service.services(&service.context()).await.is_ok());
    drop(searching);
}

#[tokio::test]
async fn lists_of_names_count_among_the_bytes_of_answers() {
    let mut reader = FakeReader::new(Script::Hang);
    reader.services = vec!["a".repeat(400 << 10)];
    let config = config(&["--query.max-bytes-in-flight=1MiB"]);
    let metrics = Metrics::register(&mut Registry::default());
    let service = Service::new(&config, Stores::new(Arc::new(reader)), metrics);
    let sending = service.services(&service.context()).await.unwrap();
    assert!(service.bytes.held() >= 800 << 10);
    let error = service.services(&service.context()).await.err().unwrap();
    assert_eq!(error.kind, ReadErrorKind::Busy);
    drop(sending);
    assert_eq!(service.bytes.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_given_up_at_the_deadline() {
    let (service, reader) = service(&["--query.request-timeout=3s"], Script::Hang);
    let error = search(&service).await.err().unwrap();
    assert_eq!(error.kind, ReadErrorKind::DeadlineExceeded);
    assert!(error.to_string().contains("3s (--query.request-timeout)"), "{error}");
    assert_eq!(reader.working.load(Ordering::SeqCst), 0, "its work has been dropped");
}

#[tokio::test]
async fn a_failure_in_the_middle_is_no_shorter_answer() {
    let (service, _) = service(&[], Script::FailAfter(parts(1, &[2]), ReadErrorKind::Incomplete));
    assert_eq!(search(&service).await.err().unwrap().kind, ReadErrorKind::Incomplete);
    assert_eq!(by_id(&service, &[1]).await.err().unwrap().kind, ReadErrorKind::Incomplete);
    assert_eq!((service.bytes.held(), service.metrics.running.get()), (0, 0));
}

#[tokio::test]
async fn unknown_ids_are_named_and_no_id_is_not_asked_for() {
    let (service, reader) = service(&[], Script::Parts(parts(1, &[1])));
    let found = by_id(&service, &[7, 1, 0]).await.unwrap();
    assert_eq!(found.missing, [TraceId(7), TraceId(0)]);
    assert_eq!(sizes(&found), [1]);
    assert_eq!(*reader.lookups.lock().unwrap(), [lookup(7), lookup(1)]);
}

#[tokio::test]
async fn questions_are_counted_under_jaegers_names() {
    let mut registry = Registry::default();
    let reader = Arc::new(FakeReader::new(Script::Parts(parts(1, &[1]))));
    let service = Service::new(&config(&[]), Stores::new(reader), Metrics::register(&mut registry));
    drop(search(&service).await.unwrap());
    drop(by_id(&service, &[7]).await.unwrap());
    service.services(&service.context()).await.unwrap();
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        r#"jaeger_query_requests_total{operation="find_traces",result="ok"} 1"#,
        r#"jaeger_query_requests_total{operation="get_services",result="ok"} 1"#,
        r#"jaeger_query_latency_count{operation="get_trace",result="ok"} 1"#,
        r#"jaeger_query_responses_sum{operation="get_trace"} 0.0"#,
        r#"jaeger_query_responses_sum{operation="find_traces"} 1.0"#,
        "spoor_query_running 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

//! Claims about what an answer of Prometheus may take: it counts while it comes, it has a bound, and it is given up when the time is up or
//! nobody waits.
#![expect(clippy::unwrap_used, reason = "what the tests stand on must be there")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use clap::Parser;
use futures::{Stream, StreamExt, stream};
use spoor_model::{MetricSeries, SpanKind, SpanMetricsQuery, TimeRange, UnixNanos};
use spoor_storage::{AnswerRoom, MetricsReader, ReadError, ReadErrorKind, RequestContext};
use spoor_storage_prometheus::{Config, PrometheusMetrics};

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    config: Config,
}

/// A Prometheus whose answer begins so, goes on with so many pieces of 64 KiB of nothing, and ends so, or never.
#[derive(Clone)]
struct Script {
    pieces: usize,
    end: Option<&'static str>,
    sent: Arc<AtomicUsize>,
}

const BEGINNING: &str = r#"{"status":"success","data":{"resultType":"matrix","result":["#;
const ONE_SERIES: &str = r#"{"metric":{"service_name":"shop"},"values":[[10,"1.5"]]}]}}"#;

async fn reader(pieces: usize, end: Option<&'static str>) -> (PrometheusMetrics, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let script = Script { pieces, end, sent: Arc::clone(&sent) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("--prometheus.server-url=http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(move || async move { Body::from_stream(body(script)) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = Program::parse_from(["spoor", &url]).config;
    (PrometheusMetrics::open(&config).unwrap(), sent)
}

fn body(script: Script) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let Script { pieces, end, sent } = script;
    let nothing = Bytes::from(" ".repeat(64 << 10));
    let middle = (0..pieces).map(move |_| {
        sent.fetch_add(nothing.len(), Ordering::SeqCst);
        nothing.clone()
    });
    let begun = stream::iter(std::iter::once(Bytes::from_static(BEGINNING.as_bytes())).chain(middle));
    let end = match end {
        Some(end) => stream::iter([Bytes::from_static(end.as_bytes())]).left_stream(),
        None => stream::pending().right_stream(),
    };
    begun.chain(end).map(Ok)
}

fn query() -> SpanMetricsQuery {
    SpanMetricsQuery {
        services: vec!["shop".to_owned()],
        kinds: vec![SpanKind::Server],
        by_operation: false,
        range: TimeRange { start: UnixNanos::from_millis(10_000), end: UnixNanos::from_millis(11_000) },
        step: Duration::from_millis(500),
        rate_per: Duration::from_secs(60),
    }
}

/// Room for so many bytes, and what was said of it.
#[derive(Debug)]
struct Room {
    limit: usize,
    told: Mutex<Vec<usize>>,
}

impl AnswerRoom for Room {
    fn takes(&self, bytes: usize) -> Result<(), ReadError> {
        self.told.lock().unwrap().push(bytes);
        if bytes <= self.limit {
            return Ok(());
        }
        Err(ReadError::new(ReadErrorKind::Busy, "hold the answer", "there is no room"))
    }

    fn is_cut(&self) {}
}

async fn ask(
    reader: &PrometheusMetrics,
    time: Duration,
    limit: usize,
) -> (Result<Vec<MetricSeries>, ReadError>, Vec<usize>) {
    let room = Arc::new(Room { limit, told: Mutex::default() });
    let context = RequestContext { room: Some(room.clone()), ..RequestContext::with_timeout(time) };
    let answer = reader.call_rates(&context, &query()).await;
    drop(context);
    let told = room.told.lock().unwrap().clone();
    (answer, told)
}

const TIME: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_answer_counts_while_it_comes_and_what_is_made_of_it_counts_beside_it() {
    let (reader, sent) = reader(20, Some(ONE_SERIES)).await;
    let (answer, told) = ask(&reader, TIME, usize::MAX).await;
    let series = answer.unwrap();
    assert_eq!(series[0].points[0].value, Some(1.5));
    assert!(told.len() > 2 && told.is_sorted(), "{told:?}");
    assert!(*told.last().unwrap() > sent.load(Ordering::SeqCst), "the points beside the body: {told:?}");
}

#[tokio::test]
async fn without_room_an_answer_is_not_read_on() {
    let (reader, sent) = reader(1_000, Some(ONE_SERIES)).await;
    let (answer, told) = ask(&reader, TIME, 1 << 20).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.attempted.as_str()), (ReadErrorKind::Busy, "hold the answer"));
    assert!(*told.last().unwrap() < 4 << 20, "{told:?}");
    assert!(sent.load(Ordering::SeqCst) < 40 << 20, "the connection is closed");
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_told_with_a_way_out() {
    let (reader, _) = reader(1_100, Some(ONE_SERIES)).await;
    let (answer, told) = ask(&reader, TIME, usize::MAX).await;
    let error = answer.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Invalid);
    assert!(error.to_string().contains("67108864 bytes; ask for fewer services, a shorter time"), "{error}");
    assert!(told.iter().all(|&told| told <= 64 << 20), "no more than the bound is held");
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_given_up_at_the_deadline() {
    let (reader, _) = reader(3, None).await;
    let (answer, _) = ask(&reader, Duration::from_millis(300), usize::MAX).await;
    assert_eq!(answer.unwrap_err().kind, ReadErrorKind::DeadlineExceeded);
}

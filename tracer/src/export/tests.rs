//! Claims about the way out, over real sockets.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use clap::Parser;
use http::{HeaderMap, StatusCode};
use opentelemetry::trace::SpanKind;
use tokio::net::TcpListener;

use super::*;
use crate::{OwnSpan, Parent};

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    otel: OtelConfig,
}

/// A tracer that records all and sends by HTTP to that address, soon.
fn start(address: &str, more: &[&str], registry: &mut Registry) -> (Tracer, Exporter) {
    let args = [
        "--otel.exporter.otlp.protocol=http/protobuf",
        &format!("--otel.exporter.otlp.endpoint=http://{address}"),
        "--otel.traces.sampler=parentbased_always_on",
        "--otel.bsp.schedule.delay=20",
    ];
    let program = Program::parse_from(std::iter::once(&"spoor").chain(&args).chain(more));
    Exporter::start(&program.otel, "spoor-test", &LoadedCertificates::default(), registry).unwrap()
}

/// What an endpoint was sent.
type Sent = Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>;

async fn take(State(sent): State<Sent>, headers: HeaderMap, body: Bytes) -> StatusCode {
    sent.lock().unwrap().push((headers, ExportTraceServiceRequest::decode(body).unwrap()));
    StatusCode::OK
}

async fn endpoint() -> (String, Sent) {
    let sent = Sent::default();
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&sent));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, sent)
}

fn metric(registry: &Registry, sample: &str) -> u64 {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {sample} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn what_has_ended_is_sent_at_the_end_marked_and_with_its_family() {
    let (address, sent) = endpoint().await;
    let mut registry = Registry::default();
    let (tracer, exporter) = start(&address, &[], &mut registry);
    let headers = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
    let headers = headers.map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
    let server = tracer.server(Parent::of(&HeaderMap::from_iter(headers)).as_ref(), "GET");
    let client = server.child(SpanKind::Client, "search", Vec::new);
    server.rename("GET /api/services");
    client.end();
    server.end();
    exporter.finish(PATIENCE).await;
    let sent = sent.lock().unwrap();
    assert!(sent.iter().all(|(headers, _)| crate::is_marked(headers)), "every request is marked");
    let resources = sent.iter().flat_map(|(_, request)| &request.resource_spans);
    let spans: Vec<_> =
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["search", "GET /api/services"]);
    assert_eq!(spans[0].parent_span_id, spans[1].span_id);
    assert_eq!(spans[1].parent_span_id, [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
    assert!(spans.iter().all(|span| span.trace_id[..4] == [0x0a, 0xf7, 0x65, 0x19]));
    assert_eq!(metric(&registry, "spoor_own_traces_spans_exported_total"), 2);
}

#[tokio::test]
async fn one_that_was_taken_back_is_not_sent_and_one_that_is_not_sampled_is_nothing() {
    let (address, sent) = endpoint().await;
    let (tracer, exporter) = start(&address, &[], &mut Registry::default());
    tracer.server(None, "POST").take_back();
    let headers = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")];
    let headers = headers.map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
    let unsampled = tracer.server(Parent::of(&HeaderMap::from_iter(headers)).as_ref(), "GET");
    assert!(!unsampled.is_recorded() && unsampled.ids().is_none() && unsampled.traceparent().is_none());
    exporter.finish(PATIENCE).await;
    assert!(sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn nobody_waits_for_an_endpoint_that_is_away_and_every_span_is_accounted_for() {
    // A port that nobody listens on any more.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let mut registry = Registry::default();
    let (tracer, exporter) = start(&address, &["--otel.bsp.max.queue.size=8"], &mut registry);
    let begun = Instant::now();
    // Nothing is sent meanwhile: this thread does not let go. They are so many that even a short wait for each would
    // take longer than a busy machine does.
    (0..10_000).for_each(|_| tracer.server(None, "GET").end());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    exporter.finish(PATIENCE).await;
    let lost =
        |reason| metric(&registry, &format!("spoor_own_traces_spans_dropped_total{{reason=\"{reason}\"}}"));
    assert_eq!((lost("queue-full"), lost("not-taken")), (9_992, 8));
    assert_eq!(metric(&registry, "spoor_own_traces_spans_exported_total"), 0);
}

#[test]
fn without_a_tracer_everything_is_nothing() {
    let span = Tracer::default().server(None, "GET");
    assert!(!span.is_recorded());
    let child = span.child(SpanKind::Client, "search", || unreachable!("nobody asks for its attributes"));
    assert!(!child.is_recorded());
    assert!(!OwnSpan::of(&http::Extensions::new()).is_recorded());
}

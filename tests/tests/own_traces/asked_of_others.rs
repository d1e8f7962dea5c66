//! What a process asks of Kafka and of Prometheus for a request is a part of that request's trace.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Verdict;
use reqwest::Client;
use spoor_tests::topic::Topic;
use spoor_tests::{Role, Spoor};
use xtask::servers::Kafka;

use crate::endpoint::{Endpoint, attribute, hex};
use crate::{SPAN, TRACE, ask_within, span_of, within};

/// A server's span of a request that the caller's span is behind.
fn continues_the_callers(span: &Span) -> Result<()> {
    ensure!(span.kind() == SpanKind::Server, "{span:?}");
    ensure!(
        (hex(&span.trace_id), hex(&span.parent_span_id)) == (TRACE.to_owned(), SPAN.to_owned()),
        "{span:?}"
    );
    Ok(())
}

fn is_a_part_of(child: &Span, parent: &Span) -> Result<()> {
    let continues = child.trace_id == parent.trace_id && child.parent_span_id == parent.span_id;
    ensure!(continues, "{child:?} is no part of {parent:?}");
    Ok(())
}

fn failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == Verdict::Error)
}

#[tokio::test(flavor = "multi_thread")]
async fn records_in_kafka_are_sent_within_the_trace_of_who_brought_their_spans() -> Result<()> {
    let mut kafka = tokio::task::spawn_blocking(Kafka::start).await??;
    let topic = Topic::create(kafka.brokers(), "own-traces", 1).await?;
    let endpoint = Endpoint::start().await?;
    // Time enough for the first record that a fresh broker takes, on a busy machine, too.
    let own = ["--collector.enable-tracing".to_owned(), "--collector.write-timeout=20s".to_owned()];
    let flags = [&topic.producer_flags()[..], &endpoint.flags(), &own].concat();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &flags).await?;
    collector.ready().await?;
    let bring = async |trace| -> Result<StatusCode> {
        let request = Client::new().post(format!("{}/v1/traces", collector.url("otlp-http")));
        let body = span_of(trace, &[("service.name", "shop")]);
        Ok(request.header("traceparent", within()).json(&body).send().await?.status())
    };

    ensure!(bring(1).await? == StatusCode::OK);
    let (brought, sent) = (endpoint.next("POST /v1/traces").await?, endpoint.next("send own-traces").await?);
    continues_the_callers(&brought)?;
    is_a_part_of(&sent, &brought)?;
    ensure!(sent.kind() == SpanKind::Producer && !failed(&sent), "{sent:?}");
    for (key, value) in [
        ("messaging.system", "kafka"),
        ("messaging.destination.name", "own-traces"),
        ("messaging.batch.message_count", "1"),
    ] {
        ensure!(attribute(&sent, key).as_deref() == Some(value), "{key}: {sent:?}");
    }

    let _stopped = tokio::task::spawn_blocking(move || kafka.stop().map(|()| kafka)).await??;
    ensure!(bring(2).await? == StatusCode::SERVICE_UNAVAILABLE);
    let (brought, sent) = (endpoint.next("POST /v1/traces").await?, endpoint.next("send own-traces").await?);
    is_a_part_of(&sent, &brought)?;
    ensure!(failed(&brought) && failed(&sent), "{brought:?} {sent:?}");
    Ok(())
}

/// The `traceparent` of each question so far; and what the next ones are answered with, instead of a result.
#[derive(Default)]
struct Script {
    told: Vec<String>,
    refusals: Vec<StatusCode>,
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, headers: HeaderMap) -> Response {
    let mut script = script.lock().expect("nobody panics");
    let told = headers.get("traceparent").and_then(|told| told.to_str().ok()).unwrap_or_default();
    script.told.push(told.to_owned());
    match script.refusals.pop() {
        Some(status) => status.into_response(),
        None => r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.into_response(),
    }
}

async fn prometheus() -> Result<(String, Arc<Mutex<Script>>)> {
    let script = Arc::new(Mutex::new(Script::default()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((address, script))
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_is_asked_within_the_trace_of_who_asks_for_metrics() -> Result<()> {
    let (endpoint, (prometheus, script)) = (Endpoint::start().await?, prometheus().await?);
    let more = [
        "--query.enable-tracing".to_owned(),
        "--metrics-storage.type=prometheus".to_owned(),
        format!("--prometheus.server-url=http://ann:hush@{prometheus}/prom"),
    ];
    let flags = [&endpoint.flags()[..], &more].concat();
    let spoor = Spoor::start(Role::AllInOne, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    spoor.ready().await?;
    let question = "/api/metrics/calls?service=shop&step=60000&ratePer=600000&lookback=600000";
    let served = "GET /api/metrics/calls";

    ask_within(&spoor, question).await?;
    let (asked, sent) = (endpoint.next(served).await?, endpoint.next("POST").await?);
    continues_the_callers(&asked)?;
    is_a_part_of(&sent, &asked)?;
    ensure!(sent.kind() == SpanKind::Client && !failed(&sent), "{sent:?}");
    let url = format!("http://{prometheus}/prom/api/v1/query_range");
    ensure!(attribute(&sent, "url.full") == Some(url), "no user, and nothing of the question: {sent:?}");
    ensure!(attribute(&sent, "http.response.status_code").as_deref() == Some("200"), "{sent:?}");
    let told = script.lock().expect("nobody panics").told.pop().context("it was asked")?;
    ensure!(
        told == format!("00-{TRACE}-{}-01", hex(&sent.span_id)),
        "Prometheus is told whose part it is: {told}"
    );

    // Something in between takes no POST, and then Prometheus is away.
    script.lock().expect("nobody panics").refusals =
        vec![StatusCode::SERVICE_UNAVAILABLE, StatusCode::METHOD_NOT_ALLOWED];
    ensure!(ask_within(&spoor, question).await.is_err(), "the question has no answer");
    let asked = endpoint.next(served).await?;
    for (method, status) in [("POST", "405"), ("GET", "503")] {
        let sent = endpoint.next(method).await?;
        is_a_part_of(&sent, &asked)?;
        ensure!(failed(&sent) && attribute(&sent, "error.type").as_deref() == Some(status), "{sent:?}");
    }
    Ok(())
}

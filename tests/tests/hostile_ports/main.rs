//! Story: whatever comes to the ports of Jaeger's Thrift (14268) and Zipkin's spans (9411) gets its documented code and text, none of which is
//! 500; the good request behind each is stored, as are those of senders beside it, and the process lives.

mod attacks;
mod bodies;
mod port;

use std::time::Duration;

use anyhow::{Result, ensure};
use reqwest::Client;
use spoor_load::{GenerateConfig, Protocol, Requests, SendConfig};
use spoor_tests::accounts::Accounts;
use spoor_tests::traffic::{now, send, to};
use spoor_tests::{Role, Spoor};
use tokio_util::sync::CancellationToken;

use attacks::{Attack, thrift_attacks, zipkin_attacks, zipkin_formats};
use bodies::{batch, v2_json};
use port::{Port, throw};

const THRIFT: &str = "application/x-thrift";
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const SENDERS_SPANS: u64 = 5_000;

/// That it lives, that its accounts add up, and that memory stayed bounded.
async fn lives(spoor: Spoor) -> Result<()> {
    let accounts = Accounts::of(&spoor).await?;
    ensure!(accounts.add_up() && accounts.returned == 0.0 && accounts.in_flight == 0.0, "{accounts:?}");
    let peak = spoor.metrics().await?.sum("process_peak_resident_memory_bytes", "");
    ensure!(peak < 500.0 * 1024.0 * 1024.0, "memory stayed bounded: the peak was {peak} bytes");
    ensure!(!spoor.log().contains("panicked"), "{}", spoor.log());
    let ended = spoor.stop().await?;
    ensure!(ended.status.success(), "{}", ended.log);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_to_jaegers_thrift_port_gets_its_code_and_costs_nobody_else_anything() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let config = GenerateConfig { seed: 3, ..GenerateConfig::default() }.with_spans(SENDERS_SPANS);
    let requests: Vec<_> = Requests::new(&config, now(), Protocol::JaegerHttp).collect();
    // An answer that others cost it is not to be had by asking again.
    let sender = SendConfig { retry_for: Duration::ZERO, ..to(&spoor, Protocol::JaegerHttp, 1) };
    let honest = tokio::spawn(async move { send(&sender, requests).await });
    let good = |trace| batch("honest", &[trace]);
    let base = spoor.url("jaeger-http");
    let mut port =
        Port { client: Client::new(), base, path: "/api/traces", content_type: THRIFT, good: &good, sent: 0 };
    port.attacked(&thrift_attacks()).await?;
    let texts = ["Unable to process request body: ", "Cannot submit Jaeger batch: 1 of 1 spans"];
    port.mutated("/api/traces", THRIFT, &batch("attacks", &[80]), &texts).await?;
    port.other_methods().await?;
    port.long_heads().await?;
    let report = honest.await??;
    ensure!(report.acknowledged.spans == SENDERS_SPANS, "a sender beside it is served: {report}");
    port.nothing_is_lost(&spoor, "honest").await?;
    lives(spoor).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_to_zipkins_port_gets_its_code_and_costs_nobody_else_anything() -> Result<()> {
    let args = ["--span-storage.type=memory", "--collector.zipkin.host-port=127.0.0.1:0"];
    let spoor = Spoor::start(Role::AllInOne, &args).await?;
    let (base, stop) = (spoor.url("zipkin"), CancellationToken::new());
    let honest = tokio::spawn(beside(base.clone(), stop.clone()));
    let good = |trace| v2_json("honest", trace);
    let mut port =
        Port { client: Client::new(), base, path: "/api/v2/spans", content_type: JSON, good: &good, sent: 0 };
    port.attacked(&zipkin_attacks()).await?;
    for (_, path, content_type, whole, _) in zipkin_formats() {
        port.mutated(path, content_type, &whole, &["cannot decode ", "\"Bad Request\""]).await?;
    }
    port.other_methods().await?;
    port.long_heads().await?;
    stop.cancel();
    let sent = honest.await??;
    let saved = spoor
        .metrics()
        .await?
        .sum("jaeger_collector_spans_saved_by_svc_total", r#"svc="beside",debug="false",result="ok""#);
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let is_all = sent > 0 && (saved - sent as f64).abs() < 0.5;
    ensure!(is_all, "{saved} of {sent} spans of a sender beside it are saved");
    port.nothing_is_lost(&spoor, "honest").await?;
    lives(spoor).await
}

/// A sender of one span after the other; answers how many were taken, which is all.
async fn beside(base: String, stop: CancellationToken) -> Result<u64> {
    let client = Client::new();
    let mut sent = 0;
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        sent += 1;
        let body = v2_json("beside", 2_000_000 + sent);
        let span = Attack::of("beside", "/api/v2/spans", JSON, body);
        let answer = throw(&client, &base, &span).await?;
        ensure!(answer == (202, String::new()), "{answer:?}");
    }
    Ok(sent)
}

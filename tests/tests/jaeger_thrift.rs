//! Story: a service of the time before OTLP posts its spans in Thrift to port 14268, is answered as Jaeger answers, and finds them.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use spoor_load::{GenerateConfig, Protocol, Requests, SendConfig};
use spoor_tests::traffic::{now, send, to};
use spoor_tests::{Role, Spoor};

/// A batch in Thrift's binary protocol, by hand: a field is its type (8 `i32`, 10 `i64`, 11 text, 12 struct, 15 list), its number in two
/// bytes, and its value.
const BATCH: &[&[u8]] = &[
    b"\x0c\0\x01\x0b\0\x01\0\0\0\x04shop\0", // 1 process: 1 serviceName
    b"\x0f\0\x02\x0c\0\0\0\x01",             // 2 spans: one
    b"\x0a\0\x01\0\0\0\0\0\0\0\xab\x0a\0\x02\0\0\0\0\0\0\0\0", // 1 traceIdLow, 2 traceIdHigh
    b"\x0a\0\x03\0\0\0\0\0\0\0\xcd\x0a\0\x04\0\0\0\0\0\0\0\xef", // 3 spanId, 4 parentSpanId
    b"\x0b\0\x05\0\0\0\x08checkout\x08\0\x07\0\0\0\x01", // 5 operationName, 7 flags
    b"\x0a\0\x08\0\x05\xf5\xe1\0\0\0\0\x0a\0\x09\0\0\0\0\0\0\x03\xe8", // 8 startTime, 9 duration 1000 us
    b"\x0f\0\x0a\x0c\0\0\0\x01",             // 10 tags: one
    b"\x0b\0\x01\0\0\0\x04cart\x08\0\x02\0\0\0\x03\x0a\0\x06\0\0\0\0\0\0\0\x2a\0", // cart, LONG 42
    b"\0\0",
];

async fn post(spoor: &Spoor, content_type: &str, body: Vec<u8>) -> Result<(u16, String)> {
    let url = format!("{}/api/traces", spoor.url("jaeger-http"));
    let request = reqwest::Client::new().post(url).header("content-type", content_type).body(body);
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

#[tokio::test]
async fn a_batch_posted_by_hand_is_found_with_all_it_says() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let answer = post(&spoor, "application/x-thrift", BATCH.concat()).await?;
    ensure!(answer == (202, String::new()), "{answer:?}");
    let found: Value =
        reqwest::get(format!("{}/api/traces/ab", spoor.url("query-http"))).await?.json().await?;
    let trace = &found["data"][0];
    let span = &trace["spans"][0];
    ensure!(trace["processes"]["p1"]["serviceName"] == "shop", "{found}");
    ensure!(span["operationName"] == "checkout" && span["duration"] == 1_000, "{span}");
    ensure!(span["references"][0]["spanID"] == "00000000000000ef", "{span}");
    ensure!(span["tags"][0]["key"] == "cart" && span["tags"][0]["value"] == 42, "{span}");

    let broken = BATCH.concat()[..40].to_vec();
    for (content_type, body, code, begins) in [
        ("", BATCH.concat(), 400, "Cannot parse content type: mime: no media type"),
        ("application/json", BATCH.concat(), 400, "Unsupported content type: application/json"),
        ("application/x-thrift", broken, 400, "Unable to process request body: "),
    ] {
        let (status, text) = post(&spoor, content_type, body).await?;
        ensure!(status == code && text.starts_with(begins), "{status} {text}");
    }
    let get = reqwest::get(format!("{}/api/traces", spoor.url("jaeger-http"))).await?;
    ensure!(get.status() == 405, "{}", get.status());
    let sampling = format!("{}/api/sampling?service=shop", spoor.url("jaeger-http"));
    let strategy: Value = reqwest::get(sampling).await?.json().await?;
    ensure!(strategy["strategyType"].is_string() || strategy["strategyType"].is_number(), "{strategy}");
    ensure!(spoor.stop().await?.status.success(), "it drains");
    Ok(())
}

#[tokio::test]
async fn everything_that_many_services_post_is_counted_and_stored() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let config = GenerateConfig { seed: 7, ..GenerateConfig::default() }.with_spans(3_000);
    let requests: Vec<_> = Requests::new(&config, now(), Protocol::JaegerHttp).collect();
    // What is sent twice is counted twice.
    let config = SendConfig { retry_for: Duration::ZERO, ..to(&spoor, Protocol::JaegerHttp, 4) };
    let report = send(&config, requests).await?;
    ensure!(report.acknowledged.spans == 3_000, "{report}");
    let metrics = spoor.metrics().await?;
    let stored = metrics.sum("spoor_collector_spans_stored_total", "");
    let labelled =
        metrics.sum("jaeger_collector_spans_received_total", r#"format="jaeger",transport="http""#);
    ensure!((stored, labelled) == (3_000.0, 3_000.0), "{stored} stored, {labelled} under Jaeger's name");
    Ok(())
}

//! Story: a service of the time before OTLP posts its spans in Thrift to port 14268, is answered as Jaeger answers, and finds them.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_tests::traffic::{now, send, to};
use spoor_tests::{Role, Spoor};
use tokio::process::Command;

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
    let report = send(&to(&spoor, Protocol::JaegerHttp, 4), requests).await?;
    ensure!(report.acknowledged.spans == 3_000, "{report}");
    let metrics = spoor.metrics().await?;
    let stored = metrics.sum("spoor_collector_spans_stored_total", "");
    let labelled =
        metrics.sum("jaeger_collector_spans_received_total", r#"format="jaeger",transport="http""#);
    ensure!((stored, labelled) == (3_000.0, 3_000.0), "{stored} stored, {labelled} under Jaeger's name");
    Ok(())
}

/// OpenTelemetry's SDK for Python at 1.21, the last with an exporter for Jaeger, unmodified.
#[tokio::test]
async fn spans_of_the_python_sdks_exporter_for_jaeger_come_back_complete() -> Result<()> {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/jaeger_thrift");
    let python = spoor_tests::python_environment("jaeger_thrift", &scenario.join("requirements.txt")).await?;
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let sent = Command::new(python)
        .args(["-W", "ignore"])
        .arg(scenario.join("send.py"))
        .args(["http", &spoor.url("jaeger-http"), "old shop/ü"])
        .output()
        .await?;
    ensure!(sent.status.success(), "{}\n{}", String::from_utf8_lossy(&sent.stderr), spoor.log());
    let recorded: Value = serde_json::from_slice(&sent.stdout)?;
    let trace_id = recorded["traceID"].as_str().unwrap_or_default();
    let url = format!("{}/api/traces/{trace_id}", spoor.url("query-http"));
    let found: Value = reqwest::get(url).await?.json().await?;
    let trace = &found["data"][0];
    ensure!(trace["processes"]["p1"]["serviceName"] == "old shop/ü", "{found}");
    ensure!(trace["spans"].as_array().map(Vec::len) == Some(2), "{found}");
    for span in trace["spans"].as_array().into_iter().flatten() {
        let recorded = &recorded["spans"][span["spanID"].as_str().unwrap_or_default()];
        ensure!(span["operationName"] == recorded["name"], "{span}");
        let value = |key: &str| {
            let tags = span["tags"].as_array().into_iter().flatten();
            tags.filter(|tag| tag["key"] == key).map(|tag| tag["value"].clone()).next().unwrap_or_default()
        };
        if recorded["parent"].is_null() {
            let values = ["http.route", "items", "total", "vip", "span.kind"].map(value);
            ensure!(json!(values) == json!(["/cart", 3, 12.5, true, "server"]), "{span}");
            ensure!(span["logs"][0]["fields"][0]["value"] == 7, "{span}");
        } else {
            // The exporter writes a link to the parent, and Jaeger keeps one reference to a span.
            let reference = &span["references"][0];
            ensure!(reference["spanID"] == recorded["parent"] && reference["traceID"] == trace_id, "{span}");
            let values = ["error", "otel.status_description", "span.kind"].map(value);
            ensure!(json!(values) == json!([true, "no money", "client"]), "{span}");
        }
    }
    Ok(())
}

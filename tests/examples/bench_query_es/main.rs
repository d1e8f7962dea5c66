//! Benchmark of a whole query process on OpenSearch: what each kind of question takes, and one trace of 50,000 spans by id in each API.
//! Prints its figures as JSON lines; run it with `cargo xtask bench query_es`, which brings the server and a release build.

mod giant;
mod questions;

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use spoor_load::{Protocol, SendConfig};
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, unique_prefix};

const SPANS: u64 = 122_880;
const SPANS_PER_REQUEST: u32 = 512;
const GIANT_SPANS: usize = 50_000;
const LARGE_SPANS: usize = 1_000;
const PART: usize = 1_000;
const GIANT: &str = "00000000000000000000000000c0ffee";
const LARGE: &str = "0000000000000000000000000000cafe";
/// Of the large traces.
const SERVICE: &str = "giant";
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("bench");
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    fill(&settings).await?;
    let http = reqwest::Client::new();
    http.post(format!("{server}/{prefix}*/_refresh")).send().await?.error_for_status()?;

    giant::measure(&settings).await?;
    questions::measure(&settings, &http).await?;
    delete_indices(&server, &prefix).await
}

/// Generated spans, and the large traces.
async fn fill(settings: &[&str]) -> Result<()> {
    let collector = Spoor::start(Role::Collector, settings).await?;
    collector.ready().await?;
    let config = SendConfig {
        record: false,
        deadline: Duration::from_secs(60),
        retry_for: Duration::from_secs(120),
        ..to(&collector, Protocol::OtlpGrpc, 4)
    };
    let report = send(&config, requests(1, SPANS, SPANS_PER_REQUEST)).await?;
    ensure!(report.acknowledged.spans == SPANS, "everything was acknowledged: {report}");
    let http = reqwest::Client::new();
    for (trace, spans) in [(GIANT, GIANT_SPANS), (LARGE, LARGE_SPANS)] {
        write_trace(&collector, &http, trace, spans).await?;
    }
    collector.stop().await?;
    Ok(())
}

async fn write_trace(collector: &Spoor, http: &reqwest::Client, trace: &str, spans: usize) -> Result<()> {
    let now = spoor_tests::traffic::now().0;
    for first in (0..spans).step_by(PART) {
        let spans: Vec<_> = (first..first + PART).map(|number| span(trace, now, number)).collect();
        let service = json!({"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}},
            {"key": "host.name", "value": {"stringValue": "node-17.example.org"}}]});
        let request = json!({"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": spans}]}]});
        let url = format!("{}/v1/traces", collector.url("otlp-http"));
        http.post(url).json(&request).send().await?.error_for_status()?;
    }
    Ok(())
}

fn span(trace: &str, now: u64, number: usize) -> serde_json::Value {
    let start = now - 60_000_000_000 + number as u64 * 1_000_000;
    let text = |key: &str, value: String| json!({"key": key, "value": {"stringValue": value}});
    let attributes = [
        text("http.method", "GET".to_owned()),
        text("http.url", format!("https://shop.example.org/cart/{number}/items")),
        text("db.statement", format!("SELECT * FROM items WHERE cart = {number}")),
        text("thread.name", format!("worker-{}", number % 16)),
        json!({"key": "http.status_code", "value": {"intValue": "200"}}),
        json!({"key": "retry", "value": {"boolValue": false}}),
    ];
    let parent = if number == 0 { String::new() } else { format!("{:016x}", number / 10 + 1) };
    json!({
        "traceId": trace, "spanId": format!("{:016x}", number + 1), "parentSpanId": parent, "kind": 2,
        "name": format!("operation {}", number % 50), "attributes": attributes,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 5_000_000).to_string(),
    })
}

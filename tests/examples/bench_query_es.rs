//! Benchmark of a whole query process on OpenSearch: searches of 20 traces, and one trace of 50,000 spans by id.
//! Prints its figures as JSON lines; run it with `cargo xtask bench query_es`, which brings the server and a release build.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use spoor_load::{Protocol, SendConfig};
use spoor_tests::figures::print_figure;
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, delete_indices, unique_prefix};

const SPANS: u64 = 122_880;
const SPANS_PER_REQUEST: u32 = 512;
const TRACES: usize = 20;
const WARM_UP_SEARCHES: usize = 20;
const SEARCHES: usize = 100;
const GIANT_SPANS: usize = 50_000;
const GIANT_PART: usize = 1_000;
const GIANT: &str = "00000000000000000000000000c0ffee";
/// CPU milliseconds a search (Jaeger v2.20 on data of this shape: 45).
const SEARCH_BAR: f64 = 13.0;
/// MiB above idle (Jaeger v2.20: 780).
const GIANT_MEMORY_BAR: f64 = 64.0;
/// CPU seconds (Jaeger v2.20: 6.6).
const GIANT_CPU_BAR: f64 = 1.0;
/// Seconds (Jaeger v2.20: 6.2).
const GIANT_WALL_BAR: f64 = 2.5;

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

    let query = Spoor::start(Role::Query, &settings).await?;
    query.ready().await?;
    measure_giant(&query, &http).await?;
    measure_searches(&query, &http).await?;
    delete_indices(&server, &prefix).await
}

/// Generated spans, and the giant trace.
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
    let now = spoor_tests::traffic::now().0;
    for first in (0..GIANT_SPANS).step_by(GIANT_PART) {
        let spans: Vec<_> = (first..first + GIANT_PART).map(|number| giant_span(now, number)).collect();
        let service = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "giant"}},
            {"key": "host.name", "value": {"stringValue": "node-17.example.org"}}]});
        let request = json!({"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": spans}]}]});
        let url = format!("{}/v1/traces", collector.url("otlp-http"));
        http.post(url).json(&request).send().await?.error_for_status()?;
    }
    collector.stop().await?;
    Ok(())
}

fn giant_span(now: u64, number: usize) -> serde_json::Value {
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
        "traceId": GIANT, "spanId": format!("{:016x}", number + 1), "parentSpanId": parent, "kind": 2,
        "name": format!("operation {}", number % 50), "attributes": attributes,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 5_000_000).to_string(),
    })
}

async fn measure_searches(query: &Spoor, http: &reqwest::Client) -> Result<()> {
    let (_, services) = query.query("/api/services").await?;
    let services: Vec<String> =
        serde_json::from_value(services["data"].clone()).context("a list of names")?;
    let services: Vec<&String> = services.iter().filter(|name| *name != "giant").collect();
    let limit = TRACES.to_string();
    let mut asked = services.iter().cycle();
    let mut found = 0;
    let mut before = 0.0;
    for number in 0..WARM_UP_SEARCHES + SEARCHES {
        if number == WARM_UP_SEARCHES {
            (found, before) = (0, query.cpu_seconds()?);
        }
        let service = asked.next().context("some service")?;
        let parameters = [("service", service.as_str()), ("limit", limit.as_str())];
        let url =
            reqwest::Url::parse_with_params(&format!("{}/api/traces", query.url("query-http")), parameters)?;
        let answer: serde_json::Value = http.get(url).send().await?.error_for_status()?.json().await?;
        found += answer["data"].as_array().map_or(0, Vec::len);
    }
    let spent = query.cpu_seconds()? - before;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let per_search = spent * 1e3 / SEARCHES as f64;
    let method = format!(
        "{SEARCHES} searches by service, one after the other, for {TRACES} traces of 8 to 30 spans, {found} found, after a \
         warm-up; user and system time of the query process"
    );
    print_figure("query_search_cpu_ms", per_search, "CPU ms", SEARCH_BAR, SPANS, &method);
    Ok(())
}

async fn measure_giant(query: &Spoor, http: &reqwest::Client) -> Result<()> {
    let (idle, before, started) = (query.peak_mib()?, query.cpu_seconds()?, Instant::now());
    let url = format!("{}/api/traces/{GIANT}", query.url("query-http"));
    let answer = http.get(url).send().await?.error_for_status()?.bytes().await?;
    let wall = started.elapsed().as_secs_f64();
    let (spent, grown) = (query.cpu_seconds()? - before, query.peak_mib()? - idle);
    let spans = answer.windows(10).filter(|window| *window == b"\"spanID\":\"").count();
    ensure!(spans >= GIANT_SPANS, "{spans} of {GIANT_SPANS} spans came");
    let method = format!(
        "one trace of {GIANT_SPANS} spans by id, {} MiB of JSON, the first question to the process",
        answer.len() >> 20
    );
    print_figure(
        "query_giant_rss_mib",
        grown,
        "MiB",
        GIANT_MEMORY_BAR,
        GIANT_SPANS as u64,
        &format!("{method}; growth of VmHWM"),
    );
    print_figure(
        "query_giant_cpu_s",
        spent,
        "CPU s",
        GIANT_CPU_BAR,
        GIANT_SPANS as u64,
        &format!("{method}; user and system time"),
    );
    print_figure(
        "query_giant_wall_s",
        wall,
        "s",
        GIANT_WALL_BAR,
        GIANT_SPANS as u64,
        &format!("{method}; with the store beside it"),
    );
    Ok(())
}

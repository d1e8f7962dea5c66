//! The story of rates and latencies: computed from the spans in the store, fetched from Prometheus, or not there at all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::State;
use serde_json::{Value, json};
use spoor_tests::traffic::now;
use spoor_tests::{Role, Spoor, delete_indices, eventually, unique_prefix};

const PATIENCE: Duration = Duration::from_secs(60);

/// Sends ten spans of `AT&T (test)` that a server took 100 ms for, two of them failed.
async fn send(spoor: &Spoor) -> Result<()> {
    let start = now().0;
    let spans: Vec<Value> = (1..=10)
        .map(|number| {
            json!({"traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": "GET /", "kind": 2,
                   "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 100_000_000).to_string(),
                   "status": {"code": if number <= 2 { 2 } else { 0 }}})
        })
        .collect();
    let name = json!([{"key": "service.name", "value": {"stringValue": "AT&T (test)"}}]);
    let body =
        json!({"resourceSpans": [{"resource": {"attributes": name}, "scopeSpans": [{"spans": spans}]}]});
    let url = format!("{}/v1/traces", spoor.url("otlp-http"));
    reqwest::Client::new().post(url).json(&body).send().await?.error_for_status()?;
    Ok(())
}

/// The last number of the only series, as the UI asks for it: the service's name is not escaped.
async fn last(spoor: &Spoor, metric: &str) -> Result<f64> {
    let path =
        format!("/api/metrics/{metric}service=AT&T%20(test)&step=60000&ratePer=600000&lookback=600000");
    let end = now().millis() + 120_000;
    let (status, answer) = spoor.query(&format!("{path}&endTs={end}")).await?;
    ensure!(status == 200, "{answer}");
    ensure!(
        answer["metrics"][0]["labels"][0] == json!({"name": "service_name", "value": "AT&T (test)"}),
        "{answer}"
    );
    let points = answer["metrics"][0]["metricPoints"].as_array().context("points")?;
    let numbers = points.iter().rev().filter_map(|point| point["gaugeValue"]["doubleValue"].as_f64());
    numbers.into_iter().find(|number| *number > 0.0).with_context(|| format!("no number in {answer}"))
}

async fn shows_what_was_sent(spoor: &Spoor) -> Result<()> {
    eventually("the spans are counted", PATIENCE, || async {
        let rate = last(spoor, "calls?").await?;
        ensure!((rate - 10.0 / 600.0).abs() < 1e-9, "{rate} a second");
        Ok(())
    })
    .await?;
    let latency = last(spoor, "latencies?quantile=0.95&").await?;
    ensure!((latency - 100.0).abs() < 1.0, "{latency} ms");
    let failed = last(spoor, "errors?").await?;
    ensure!((failed - 0.2).abs() < 1e-9, "{failed} failed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_computed_from_the_spans_in_the_store() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("span-metrics");
    let settings = [
        "--span-storage.type=opensearch".to_owned(),
        "--metrics-storage.type=opensearch".to_owned(),
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-replicas=0".to_owned(),
        "--es.num-shards=1".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let spoor = Spoor::start(Role::AllInOne, &settings).await?;
    spoor.ready().await?;
    send(&spoor).await?;
    shows_what_was_sent(&spoor).await?;
    spoor.stop().await?;
    delete_indices(&server, &prefix).await
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_computed_from_the_spans_in_memory_and_are_off_unless_asked_for() -> Result<()> {
    let spoor = Spoor::start_with(Role::AllInOne, &[], &[("METRICS_STORAGE_TYPE", "memory")]).await?;
    spoor.ready().await?;
    send(&spoor).await?;
    shows_what_was_sent(&spoor).await?;
    spoor.stop().await?;
    let off = Spoor::start(Role::AllInOne, &[]).await?;
    let (status, answer) = off.query("/api/metrics/minstep").await?;
    ensure!(
        status == 501 && answer["errors"][0]["msg"] == "metrics querying is currently disabled",
        "{answer}"
    );
    Ok(())
}

/// Notes the questions, and answers each with one series.
async fn prometheus(State(asked): State<Arc<Mutex<Vec<String>>>>, body: String) -> String {
    let start = body.split('&').find_map(|pair| pair.strip_prefix("start="));
    let start: f64 = start.and_then(|start| start.replace("%2E", ".").parse().ok()).unwrap_or_default();
    asked.lock().expect("nobody panics").push(body);
    let series = json!({"metric": {"service_name": "AT&T (test)"}, "values": [[start, "2.5"]]});
    json!({"status": "success", "data": {"resultType": "matrix", "result": [series]}}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_come_from_prometheus_where_that_is_set() -> Result<()> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("--prometheus.server-url=http://{}/prom", listener.local_addr()?);
    let router = Router::new()
        .route("/prom/api/v1/query_range", axum::routing::post(prometheus))
        .with_state(Arc::clone(&asked));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let args = ["--metrics-storage.type=prometheus", &url, "--prometheus.query.duration-unit=s"];
    let spoor = Spoor::start(Role::AllInOne, &args).await?;
    spoor.ready().await?;
    ensure!(last(&spoor, "calls?").await? == 2.5, "a rate is told as it is");
    ensure!(last(&spoor, "latencies?quantile=0.5&").await? == 2_500.0, "a latency is told in ms");
    let asked = asked.lock().expect("nobody panics").concat();
    ensure!(asked.contains("AT%26T%20%5C%5C%28test%5C%5C%29"), "the name means itself: {asked}");
    Ok(())
}

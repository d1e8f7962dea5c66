//! Story: what watches others is watched by itself. A query that is asked within somebody's trace tells of it in its own trace, its lines and its metrics; and own traces
//! beget no own traces.

mod asked_of_others;
mod endpoint;
mod prometheus;
mod secured;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use spoor_tests::server::response;
use spoor_tests::traffic::now;
use spoor_tests::{Role, Spoor, delete_indices, eventually, refresh, unique_prefix};
use xtask::servers::free_port;

use prometheus::Prometheus;

const PATIENCE: Duration = Duration::from_secs(60);
const EXPORTED: &str = "spoor_own_traces_spans_exported_total";
const SOON: &str = "--otel.bsp.schedule.delay=20";
/// The trace of somebody who asks, and the span in which they do.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A span in OTLP's JSON, of a process with these attributes.
fn span_of(trace: u128, attributes: &[(&str, &str)]) -> Value {
    let attribute = |(key, value): &(&str, &str)| json!({"key": key, "value": {"stringValue": value}});
    let attributes: Vec<Value> = attributes.iter().map(attribute).collect();
    let time = now().0.to_string();
    let span = json!({"traceId": format!("{trace:032x}"), "spanId": "eee19b7ec3c1b174", "name": "work", "startTimeUnixNano": time, "endTimeUnixNano": time});
    json!({"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [span]}]}]})
}

/// Sends it.
async fn send(spoor: &Spoor, trace: u128, attributes: &[(&str, &str)]) -> Result<()> {
    let body = span_of(trace, attributes);
    let request = Client::new().post(format!("{}/v1/traces", spoor.url("otlp-http"))).json(&body);
    response(request).await?.error_for_status()?;
    Ok(())
}

async fn exported(spoor: &Spoor, at_least: f64) -> Result<f64> {
    eventually("own spans are taken", PATIENCE, || async {
        let count = spoor.metrics().await?.sum(EXPORTED, "");
        ensure!(count >= at_least, "{count} of {at_least}");
        Ok(count)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_sends_its_own_traces_to_itself_comes_to_rest() -> Result<()> {
    let port = free_port()?;
    let otlp = format!("--collector.otlp.grpc.host-port=127.0.0.1:{port}");
    let endpoint = format!("--otel.exporter.otlp.endpoint=http://127.0.0.1:{port}");
    let sampler = "--otel.traces.sampler=parentbased_always_on";
    let flags = ["--span-storage.type=memory", "--collector.enable-tracing", &otlp, &endpoint, sampler, SOON];
    let spoor = Spoor::start(Role::AllInOne, &flags).await?;
    spoor.ready().await?;
    for trace in 1..=3 {
        send(&spoor, trace, &[("service.name", "shop")]).await?;
    }
    ensure!(exported(&spoor, 3.0).await? == 3.0, "a span for each request");
    // Were an export recorded in its turn, its span would have ended before this one.
    send(&spoor, 4, &[("service.name", "shop")]).await?;
    ensure!(exported(&spoor, 4.0).await? == 4.0, "and none for those that brought them");
    // Own traces that have lost their mark on the way, as through an agent: known by what they say of themselves.
    send(&spoor, 5, &[("service.name", "spoor-query"), ("telemetry.distro.name", "spoor")]).await?;
    let examples = exemplars(&spoor).await?;
    send(&spoor, 6, &[("service.name", "shop")]).await?;
    ensure!(exported(&spoor, 5.0).await? == 5.0, "nor for those of another Spoor");

    let (_, found) = spoor.query("/api/traces?service=spoor-all-in-one&limit=50").await?;
    let names = |trace: &Value| trace["spans"][0]["operationName"].as_str().map(str::to_owned);
    let mut named: Vec<_> = found["data"].as_array().into_iter().flatten().filter_map(names).collect();
    named.dedup();
    let ids = found["data"].as_array().into_iter().flatten().filter_map(|trace| trace["traceID"].as_str());
    let ids: BTreeSet<String> = ids.map(str::to_owned).collect();
    ensure!(
        !examples.is_empty() && examples.is_subset(&ids),
        "no example is a trace that was taken back: {examples:?} {ids:?}"
    );
    ensure!(named == ["POST /v1/traces"], "they are stored like any other: {named:?}");
    ensure!(spoor.metrics().await?.sum("spoor_own_traces_spans_dropped_total", "") == 0.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_away_costs_one_line_and_no_answer() -> Result<()> {
    let endpoint = format!("--otel.exporter.otlp.endpoint=http://127.0.0.1:{}", free_port()?);
    let sampler = "--otel.traces.sampler=always_on";
    let flags = ["--span-storage.type=memory", "--query.enable-tracing", &endpoint, sampler, SOON];
    let spoor = Spoor::start(Role::AllInOne, &flags).await?;
    spoor.ready().await?;
    let lost = || async {
        ensure!(spoor.query("/api/services").await?.0 == 200, "questions are answered as ever");
        let lost = spoor.metrics().await?.sum("spoor_own_traces_spans_dropped_total", "reason=\"not-taken\"");
        ensure!(lost > 20.0, "{lost} spans are lost so far");
        Ok(())
    };
    eventually("several requests of spans are given up", PATIENCE, lost).await?;
    let ended = spoor.stop().await?;
    ensure!(ended.status.success(), "{ended:?}");
    let told = ended.log.matches("own traces cannot be sent").count();
    ensure!(told == 1, "told {told} times:\n{}", ended.log);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_not_asked_to_traces_nothing_and_looks_at_no_setting_of_it() -> Result<()> {
    let nonsense = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
    ];
    let spoor = Spoor::start_with(Role::AllInOne, &["--span-storage.type=memory"], &nonsense).await?;
    spoor.ready().await?;
    send(&spoor, 1, &[("service.name", "shop")]).await?;
    ensure!(!spoor.metrics().await?.has(EXPORTED), "nothing of it is there");
    Ok(())
}

/// A question within the trace of who asks.
async fn ask_within(query: &Spoor, path: &str) -> Result<()> {
    let asked = Client::new().get(format!("{}{path}", query.url("query-http")));
    asked.header("traceparent", within()).send().await?.error_for_status()?;
    Ok(())
}

/// As [`ask_within`], until the store, which other tests load, too, has room for it; how often it was asked.
async fn ask_a_shared_store(query: &Spoor, path: &str) -> Result<f64> {
    let times = Cell::new(0.0);
    let status = |error: &anyhow::Error| error.downcast_ref::<reqwest::Error>()?.status();
    eventually("the store has room for a question", PATIENCE, || async {
        times.set(times.get() + 1.0);
        match ask_within(query, path).await {
            Err(full) if status(&full) == Some(StatusCode::TOO_MANY_REQUESTS) => Err(full),
            asked => Ok(asked),
        }
    })
    .await??;
    Ok(times.get())
}

/// The header of a request within the trace of who asks, who samples it.
fn within() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}

/// The metrics in OpenMetrics.
async fn open_metrics(spoor: &Spoor) -> Result<String> {
    let metrics = Client::new().get(format!("{}/metrics", spoor.url("admin")));
    let open = metrics.header("accept", "application/openmetrics-text; version=1.0.0").send().await?;
    Ok(open.text().await?)
}

/// The traces that its metrics name as examples.
async fn exemplars(spoor: &Spoor) -> Result<BTreeSet<String>> {
    let open = open_metrics(spoor).await?;
    let of_line = |line: &str| Some(line.split_once("# {trace_id=\"")?.1.split_once('"')?.0.to_owned());
    Ok(open.lines().filter_map(of_line).collect())
}

fn tag<'a>(span: &'a Value, key: &str) -> &'a Value {
    let mut tags = span["tags"].as_array().into_iter().flatten();
    tags.find(|tag| tag["key"] == key).map_or(&Value::Null, |tag| &tag["value"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_found_in_its_own_trace_in_its_line_and_in_the_metrics() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("own-traces");
    let store = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-replicas=0".to_owned(),
        "--es.num-shards=1".to_owned(),
        SOON.to_owned(),
    ];
    let store: Vec<&str> = store.iter().map(String::as_str).collect();
    let collector = collector_that_records_all(&store).await?;
    let endpoint = format!("--otel.exporter.otlp.endpoint={}", collector.url("otlp-http"));
    // Callers that sample decide; nobody else does.
    let sampler = "--otel.traces.sampler=parentbased_always_off";
    let protocol = "--otel.exporter.otlp.protocol=http/protobuf";
    let own = ["--query.enable-tracing", "--query.access-log", sampler, protocol, &endpoint];
    let query = Spoor::start(Role::Query, &[&store[..], &own].concat()).await?;
    query.ready().await?;
    let watching = Prometheus::start(&query.address("admin")).await?;

    let own = 2.0 * ask_a_shared_store(&query, "/api/services").await?;
    ensure!(exported(&query, own).await? == own, "the question, and what it asked the store");
    refresh(&server, &prefix).await?;
    its_trace_is_found(&query).await?;
    its_line_bears_the_trace(&query).await?;
    its_exemplar_names_the_trace(&query).await?;
    watching.finds_the_exemplar("jaeger_query_latency_bucket", TRACE).await?;

    ensure!(exported(&query, own).await? == own, "later questions, of no such caller, recorded nothing");
    send(&collector, 7, &[("service.name", "shop")]).await?;
    let recorded = exported(&collector, 3.0).await?;
    // A bulk that the shared store has no room for is sent again, at worst by who brought the span: that is recorded, too.
    let refused = collector.metrics().await?.sum("jaeger_bulk_index_errors_total", "");
    ensure!(
        (3.0..=3.0 + 3.0 * refused).contains(&recorded),
        "a request, its bulk, the store: nothing of what brought own traces, but {recorded}, {refused} bulks refused"
    );
    delete_indices(&server, &prefix).await
}

/// It sends what it records to itself.
async fn collector_that_records_all(store: &[&str]) -> Result<Spoor> {
    let port = free_port()?;
    let otlp = format!("--collector.otlp.grpc.host-port=127.0.0.1:{port}");
    let endpoint = format!("--otel.exporter.otlp.endpoint=http://127.0.0.1:{port}");
    let sampler = "--otel.traces.sampler=always_on";
    let flags = ["--collector.enable-tracing", sampler, &otlp, &endpoint];
    let collector = Spoor::start(Role::Collector, &[store, &flags].concat()).await?;
    collector.ready().await?;
    Ok(collector)
}

async fn its_trace_is_found(query: &Spoor) -> Result<()> {
    let question = Client::new().get(format!("{}/api/traces/{TRACE}", query.url("query-http")));
    let found: Value = response(question).await?.error_for_status()?.json().await?;
    let spans = found["data"][0]["spans"].as_array().context("a trace has spans")?;
    let of_kind = |kind: &'static str| spans.iter().filter(move |span| tag(span, "span.kind") == kind);
    let asked = of_kind("server").find(|asked| tag(asked, "http.response.status_code") == 200);
    let asked = asked.with_context(|| format!("{found}"))?;
    ensure!(asked["operationName"] == "GET /api/services", "{asked}");
    ensure!(asked["references"][0]["spanID"] == SPAN, "it goes on with the caller's trace: {asked}");
    let store = of_kind("client").find(|store| store["references"][0]["spanID"] == asked["spanID"]);
    let store = store.with_context(|| format!("{found}"))?;
    let (operation, system) = (tag(store, "db.operation.name"), tag(store, "db.system.name"));
    ensure!(operation == "search" && system == "elasticsearch", "{store}");
    ensure!(found["data"][0]["processes"]["p1"]["serviceName"] == "spoor-query", "{found}");
    Ok(())
}

async fn its_line_bears_the_trace(query: &Spoor) -> Result<()> {
    eventually("the line of the access log", PATIENCE, || async {
        let log = query.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let line = lines.find(|line| line["message"] == "access" && line["path"] == "/api/services");
        let line = line.context("it is not there")?;
        ensure!(line["trace_id"] == TRACE && line["span_id"].as_str().is_some_and(|id| id != SPAN), "{line}");
        Ok(())
    })
    .await
}

async fn its_exemplar_names_the_trace(query: &Spoor) -> Result<()> {
    let open = open_metrics(query).await?;
    let of_it = format!(" # {{trace_id=\"{TRACE}\"}} ");
    let bucket = open.lines().find(|line| line.contains(&of_it)).context("no bucket has the exemplar")?;
    ensure!(bucket.starts_with("jaeger_query_latency_bucket{"), "{bucket}");
    let (_, exemplar) = bucket.split_once(&of_it).context("it has one")?;
    let numbers: Vec<f64> = exemplar.split(' ').map(str::parse::<f64>).collect::<Result<_, _>>()?;
    ensure!(
        matches!(numbers[..], [seconds, when] if seconds > 0.0 && when > 1.7e9),
        "value and time: {bucket}"
    );
    let classic = reqwest::get(format!("{}/metrics", query.url("admin"))).await?.text().await?;
    ensure!(!classic.contains(TRACE), "the classic form has none");
    Ok(())
}

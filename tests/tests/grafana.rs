//! The story of Grafana's Jaeger data source: the requests that its backend sends (`grafana/grafana-jaeger-datasource pkg/jaeger`), answered
//! so that its Go structs take them: integers where it wants integers, no trace without spans, nothing null where it looks.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_tests::traffic::now;
use spoor_tests::{Role, Spoor, eventually};
use std::time::Duration;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
/// Services whose names are hard to say in a path.
const SERVICES: [&str; 3] = ["shop", "shop/eu", "café 100%"];

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_the_data_source_is_answered_as_it_reads_answers() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--query.dependencies.interval=1s"]).await?;
    spoor.ready().await?;
    let start = now().0 / 1_000 - 60_000_000;
    send(&spoor, start).await?;
    lists(&spoor).await?;
    searches(&spoor, start).await?;
    traces(&spoor, start).await?;
    eventually("calls are counted", Duration::from_secs(60), || dependencies(&spoor)).await?;
    for (path, code) in [("/api/traces", 400), ("/api/traces/xyz", 400), ("/api/traces/abc", 404)] {
        let (status, _) = get(&spoor, path).await?;
        ensure!(status == code, "{path}: {status}");
    }
    Ok(())
}

/// A trace of three services with an error, events, a link and every type of attribute, and two more traces.
async fn send(spoor: &Spoor, start: u64) -> Result<()> {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let attributes = json!([
        text("http.method", "GET"), {"key": "size", "value": {"intValue": "9007199254740993"}},
        {"key": "ratio", "value": {"doubleValue": 0.5}}, {"key": "cached", "value": {"boolValue": true}},
        {"key": "raw", "value": {"bytesValue": "AAEC"}},
        {"key": "list", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}},
    ]);
    let span = |trace: &str, number: usize| {
        let begin = start + number as u64 * 1_000;
        json!({
            "traceId": trace, "spanId": format!("{number:016x}"), "name": format!("op {number}"), "kind": 2,
            "parentSpanId": if number == 1 { String::new() } else { format!("{:016x}", number - 1) },
            "startTimeUnixNano": (begin * 1_000).to_string(), "endTimeUnixNano": ((begin + 500) * 1_000).to_string(),
            "attributes": attributes, "status": {"code": if number == 2 { 2 } else { 0 }},
            "events": [{"timeUnixNano": (begin * 1_000).to_string(), "name": "event", "attributes": [text("k", "v")]}],
            "links": [{"traceId": "0000000000000000000000000000beef", "spanId": "00000000000000aa"}],
        })
    };
    let others = ["1b8efff798038103d269b633813fc60c", "2b8efff798038103d269b633813fc60c"];
    let of = |service: &str, spans: Vec<Value>| {
        json!({"resource": {"attributes": [text("service.name", service), text("host.name", "a")]},
            "scopeSpans": [{"scope": {"name": "lib"}, "spans": spans}]})
    };
    let resources = json!([
        of(SERVICES[0], vec![span(TRACE, 1), span(others[0], 1), span(others[1], 1)]),
        of(SERVICES[1], vec![span(TRACE, 2)]),
        of(SERVICES[2], vec![span(TRACE, 3)]),
    ]);
    let url = format!("{}/v1/traces", spoor.url("otlp-http"));
    let request = json!({ "resourceSpans": resources });
    reqwest::Client::new().post(url).json(&request).send().await?.error_for_status()?;
    Ok(())
}

async fn get(spoor: &Spoor, path: &str) -> Result<(u16, Value)> {
    let answer = reqwest::get(format!("{}{path}", spoor.url("query-http"))).await?;
    let status = answer.status().as_u16();
    let text = answer.text().await?;
    Ok((status, serde_json::from_str(&text).with_context(|| format!("{path}: {text}"))?))
}

/// The `data` of a good answer.
async fn data(spoor: &Spoor, path: &str) -> Result<Value> {
    let (status, answer) = get(spoor, path).await?;
    ensure!(status == 200 && answer["errors"].is_null(), "{path}: {status} {answer}");
    Ok(answer["data"].clone())
}

async fn lists(spoor: &Spoor) -> Result<()> {
    let services = data(spoor, "/api/services").await?;
    let mut expected = SERVICES.to_vec();
    expected.sort_unstable();
    ensure!(services == json!(expected), "{services}");
    // A slash stands in the path as it is, the rest as Go escapes it.
    for (path, operation) in [("shop", "op 1"), ("shop/eu", "op 2"), ("caf%C3%A9%20100%25", "op 3")] {
        let operations = data(spoor, &format!("/api/services/{path}/operations")).await?;
        ensure!(operations == json!([operation]), "{path}: {operations}");
    }
    let (_, services) = get(spoor, "/api/v3/services").await?;
    ensure!(services["services"] == json!(expected), "{services}");
    let (_, operations) = get(spoor, "/api/v3/operations?service=shop").await?;
    ensure!(operations["operations"] == json!([{"name": "op 1", "spanKind": "server"}]), "{operations}");
    Ok(())
}

async fn searches(spoor: &Spoor, start: u64) -> Result<()> {
    let (from, to) = (start - 1_000_000, start + 1_000_000);
    let tags = "%7B%22http.method%22%3A%22GET%22%7D";
    for (query, found) in [
        ("service=shop".to_owned(), 3),
        (
            format!(
                "service=shop&operation=op%201&tags={tags}&minDuration=100us&maxDuration=1s&limit=20&start={from}&end={to}"
            ),
            3,
        ),
        (format!("service=shop&limit=2&start={from}&end={to}"), 2),
        (format!("service=shop%2Feu&tags=%7B%22error%22%3A%22true%22%7D&start={from}&end={to}"), 1),
        (format!("service=shop&start={to}&end={}", to + 1), 0),
    ] {
        let traces = data(spoor, &format!("/api/traces?{query}")).await?;
        let traces = traces.as_array().context("a list, even when nothing is found")?;
        ensure!(traces.len() == found, "{query}: {} traces", traces.len());
        traces.iter().try_for_each(check_trace)?;
    }
    Ok(())
}

async fn traces(spoor: &Spoor, start: u64) -> Result<()> {
    // The data source sends ms where µs are meant.
    let hint = format!("start={}&end={}", start / 1_000 - 3_600_000, start / 1_000 + 3_600_000);
    for path in [format!("/api/traces/{TRACE}"), format!("/api/traces/{TRACE}?{hint}")] {
        let traces = data(spoor, &path).await?;
        let trace = &traces[0];
        check_trace(trace)?;
        ensure!(trace["spans"].as_array().map(Vec::len) == Some(3), "{path}: {trace}");
    }
    // Not encoded, so that the plus of the offset arrives as a space.
    let times = "start_time=2020-01-01T00:00:00.000+02:00&end_time=2060-01-01T00:00:00.000+02:00";
    let (status, trace) = get(spoor, &format!("/api/v3/traces/{TRACE}?{times}")).await?;
    ensure!(status == 200, "{trace}");
    let resources = trace["result"]["resourceSpans"].as_array().context("resources")?;
    ensure!(resources.len() == 3, "{trace}");
    Ok(())
}

async fn dependencies(spoor: &Spoor) -> Result<()> {
    let now = now().0 / 1_000_000;
    let links = data(spoor, &format!("/api/dependencies?endTs={now}&lookback={}", 86_400_000)).await?;
    let links = links.as_array().context("a list")?;
    ensure!(links.len() == 2, "{links:?}");
    for link in links {
        ensure!(
            link["callCount"].is_u64() && link["parent"].is_string() && link["child"].is_string(),
            "{link}"
        );
    }
    Ok(())
}

/// What the data source's structs take.
fn check_trace(trace: &Value) -> Result<()> {
    ensure!(trace["traceID"].as_str().is_some_and(|id| !id.is_empty()), "{trace}");
    let spans = trace["spans"].as_array().context("spans")?;
    ensure!(!spans.is_empty(), "a trace without spans breaks the comparison of traces");
    for span in spans {
        for number in ["startTime", "duration"] {
            ensure!(span[number].is_u64(), "{number} is an integer: {span}");
        }
        ensure!(span.get("flags").is_none_or(Value::is_u64), "{span}");
        for text in ["traceID", "spanID", "operationName", "processID"] {
            ensure!(span[text].is_string(), "{text} is a text: {span}");
        }
        ensure!(span["warnings"].is_null() || span["warnings"].is_array(), "{span}");
        let process = &trace["processes"][span["processID"].as_str().unwrap_or_default()];
        ensure!(process["serviceName"].is_string(), "the process is there: {span}");
        check_tags(&process["tags"])?;
        check_tags(&span["tags"])?;
        for log in span["logs"].as_array().context("logs")? {
            ensure!(log["timestamp"].is_u64(), "{log}");
            check_tags(&log["fields"])?;
        }
        let references = span["references"].as_array().context("references")?;
        let parent = references.iter().find(|reference| reference["refType"] == "CHILD_OF");
        let is_root = span["spanID"] == "0000000000000001";
        ensure!(parent.is_some() != is_root, "the parent is the first CHILD_OF: {span}");
    }
    Ok(())
}

fn check_tags(tags: &Value) -> Result<()> {
    for tag in tags.as_array().context("tags are a list, never null")? {
        ensure!(tag["key"].is_string() && tag["type"].is_string() && !tag["value"].is_null(), "{tag}");
    }
    Ok(())
}

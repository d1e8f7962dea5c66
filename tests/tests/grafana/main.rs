//! The story of Grafana's Jaeger data source: the requests that its backend sends (`grafana/grafana-jaeger-datasource pkg/jaeger`), answered
//! so that its Go structs take them: integers where it wants integers, no trace without spans, nothing null where it looks.

mod reading;

use std::collections::BTreeSet;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING};
use serde_json::{Value, json};
use spoor_tests::traffic::now;
use spoor_tests::{Role, Spoor, eventually};

use reading::{check_trace, name, span_ids, v3_span_ids};

/// Of three services, with an attribute of every type.
const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const OTHER: &str = "1b8efff798038103d269b633813fc60c";
/// Its attributes are texts.
const PLAIN: &str = "2b8efff798038103d269b633813fc60c";
const UNKNOWN: &str = "3b8efff798038103d269b633813fc60c";
/// Services whose names are hard to say in a path.
const SERVICES: [&str; 3] = ["shop", "shop/eu", "café 100%"];

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_the_data_source_is_answered_as_it_reads_answers() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--query.dependencies.interval=1s"]).await?;
    spoor.ready().await?;
    nothing_is_there_yet(&spoor).await?;
    let start = now().0 / 1_000 - 60_000_000;
    send(&spoor, start).await?;
    lists(&spoor).await?;
    searches(&spoor, start).await?;
    traces(&spoor, start).await?;
    traces_by_v3(&spoor, start).await?;
    eventually("calls are counted", Duration::from_secs(60), || dependencies(&spoor)).await?;
    // Of a failure the data source shows the status alone.
    for (path, code) in [
        ("/api/traces", 400),
        ("/api/traces/xyz", 400),
        (&*format!("/api/traces/{UNKNOWN}"), 404),
        (&*format!("/api/v3/traces/{UNKNOWN}"), 404),
        ("/api/v3/traces/xyz", 400),
        // What is left of a service's name `..`, which the client cleans away.
        ("/api/operations", 400),
    ] {
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
            "attributes": if trace == PLAIN { json!([text("http.method", "GET")]) } else { attributes.clone() }, "status": {"code": if number == 2 { 2 } else { 0 }},
            "events": [{"timeUnixNano": (begin * 1_000).to_string(), "name": "event", "attributes": [text("k", "v")]}],
            "links": [{"traceId": "0000000000000000000000000000beef", "spanId": "00000000000000aa"}],
        })
    };
    let of = |service: &str, spans: Vec<Value>| {
        json!({"resource": {"attributes": [text("service.name", service), text("host.name", "a")]},
            "scopeSpans": [{"scope": {"name": "lib"}, "spans": spans}]})
    };
    let resources = json!([
        of(SERVICES[0], vec![span(TRACE, 1), span(OTHER, 1), span(PLAIN, 1)]),
        of(SERVICES[1], vec![span(TRACE, 2)]),
        of(SERVICES[2], vec![span(TRACE, 3)]),
    ]);
    let url = format!("{}/v1/traces", spoor.url("otlp-http"));
    let request = json!({ "resourceSpans": resources });
    reqwest::Client::new().post(url).json(&request).send().await?.error_for_status()?;
    Ok(())
}

/// As Go's client asks, with the credentials and headers of a data source. It reads gzip, and no compression that it did not ask for.
async fn get(spoor: &Spoor, path: &str) -> Result<(u16, Value)> {
    let request = reqwest::Client::new().get(format!("{}{path}", spoor.url("query-http")));
    let request = request.header(ACCEPT_ENCODING, "gzip").header(AUTHORIZATION, "Basic Z3JhZmFuYTpzZWNyZXQ=");
    let answer = request.header("x-grafana-user", "ann").send().await?;
    let status = answer.status().as_u16();
    let encoding = answer.headers().get(CONTENT_ENCODING).cloned();
    let bytes = answer.bytes().await?;
    let text = match encoding {
        None => String::from_utf8(bytes.into())?,
        Some(encoding) => {
            ensure!(encoding == "gzip", "{path}: {encoding:?}");
            let mut text = String::new();
            GzDecoder::new(&*bytes).read_to_string(&mut text)?;
            text
        }
    };
    Ok((status, serde_json::from_str(&text).with_context(|| format!("{path}: {text}"))?))
}

/// The `data` of a good answer.
async fn data(spoor: &Spoor, path: &str) -> Result<Value> {
    let (status, answer) = get(spoor, path).await?;
    ensure!(status == 200, "{path}: {status} {answer}");
    Ok(reading::data(&answer).context(path.to_owned())?.clone())
}

/// The panel's range, in ms.
fn of_a_day(end: u64) -> String {
    format!("/api/dependencies?endTs={end}&lookback={}", 86_400_000)
}

/// An empty store is healthy, and its service graph is empty and no failure.
async fn nothing_is_there_yet(spoor: &Spoor) -> Result<()> {
    ensure!(data(spoor, "/api/services").await? == json!([]), "healthy");
    let (status, services) = get(spoor, "/api/v3/services").await?;
    ensure!(status == 200 && services["services"] == json!([]), "{services}");
    ensure!(data(spoor, "/api/services/nobody/operations").await?.is_null(), "null is no operations");
    let (status, operations) = get(spoor, "/api/v3/operations?service=nobody").await?;
    ensure!(status == 200 && operations["operations"] == json!([]), "{operations}");
    let links = data(spoor, &of_a_day(now().millis())).await?;
    ensure!(links == json!([]), "{links}");
    Ok(())
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
    for (service, operation) in [("shop", "op 1"), ("shop%2Feu", "op 2"), ("caf%C3%A9+100%25", "op 3")] {
        let (_, operations) = get(spoor, &format!("/api/v3/operations?service={service}")).await?;
        let expected = json!([{"name": operation, "spanKind": "server"}]);
        ensure!(operations["operations"] == expected, "{service}: {operations}");
    }
    Ok(())
}

/// Parameters in the order and the escapes of Go's `url.Values`; those without a value are not sent.
async fn searches(spoor: &Spoor, start: u64) -> Result<()> {
    let (from, to) = (start - 1_000_000, start + 1_000_000);
    let (method, error) = ("%7B%22http.method%22%3A%22GET%22%7D", "%7B%22error%22%3A%22true%22%7D");
    let all = [TRACE, OTHER, PLAIN];
    for (query, found) in [
        ("service=shop".to_owned(), &all[..]),
        (
            format!(
                "end={to}&limit=20&maxDuration=1s&minDuration=100us&operation=op+1&service=shop&start={from}&tags={method}"
            ),
            &all,
        ),
        (format!("end={to}&service=shop%2Feu&start={from}&tags={error}"), &[TRACE]),
        (format!("end={to}&service=caf%C3%A9+100%25&start={from}"), &[TRACE]),
        // The front end of older versions, through Grafana's proxy.
        (format!("service=shop&operation=op%201&limit=20&start={from}&end={to}&lookback=custom"), &all),
        (format!("end={}&service=shop&start={to}", to + 1), &[]),
    ] {
        let traces = data(spoor, &format!("/api/traces?{query}")).await?;
        let traces = traces.as_array().context("a list, even when nothing is found")?;
        let ids: BTreeSet<&str> = traces.iter().filter_map(|trace| trace["traceID"].as_str()).collect();
        ensure!(ids == found.iter().copied().collect() && traces.len() == found.len(), "{query}: {ids:?}");
        traces.iter().try_for_each(check_whole)?;
    }
    let two = data(spoor, &format!("/api/traces?end={to}&limit=2&service=shop&start={from}")).await?;
    ensure!(two.as_array().is_some_and(|traces| traces.len() == 2), "{two}");
    Ok(())
}

fn spans_of(trace: &str) -> BTreeSet<String> {
    let spans = if trace == TRACE { 3 } else { 1 };
    (1..=spans).map(|number| format!("{number:016x}")).collect()
}

/// A trace with all its spans, and its row in the table.
fn check_whole(trace: &Value) -> Result<()> {
    check_trace(trace)?;
    let id = trace["traceID"].as_str().unwrap_or_default();
    ensure!(span_ids(trace) == spans_of(id), "{id}: {trace}");
    ensure!(name(trace).as_deref() == Some("shop: op 1"), "{trace}");
    Ok(())
}

async fn traces(spoor: &Spoor, start: u64) -> Result<()> {
    // The data source sends ms where µs are meant.
    let hint = format!("end={}&start={}", start / 1_000 + 3_600_000, start / 1_000 - 3_600_000);
    for path in [format!("/api/traces/{TRACE}"), format!("/api/traces/{TRACE}?{hint}")] {
        let traces = data(spoor, &path).await?;
        ensure!(
            traces.as_array().is_some_and(|traces| traces.len() == 1),
            "the first one is shown: {traces}"
        );
        check_whole(&traces[0]).context(path)?;
    }
    Ok(())
}

async fn traces_by_v3(spoor: &Spoor, start: u64) -> Result<()> {
    // Not encoded, so that the plus of the offset arrives as a space.
    let times = "start_time=2020-01-01T00:00:00.000+02:00&end_time=2060-01-01T00:00:00.000+02:00";
    for trace in [TRACE, PLAIN] {
        for path in [format!("/api/v3/traces/{trace}"), format!("/api/v3/traces/{trace}?{times}")] {
            let (status, answer) = get(spoor, &path).await?;
            ensure!(status == 200, "{path}: {status} {answer}");
            ensure!(v3_span_ids(&answer).context(path.clone())? == spans_of(trace), "{path}: {answer}");
            let has_others =
                ["boolValue", "doubleValue"].iter().any(|kind| answer.to_string().contains(kind));
            ensure!(
                has_others == (trace == TRACE),
                "a trace whose attributes are texts can be read: {answer}"
            );
        }
    }
    // Prepared in the data source, and not sent yet.
    let times =
        times.replace("start_time", "query.start_time_min").replace("end_time", "query.start_time_max");
    let search = "query.attributes=%7B%22http.method%22%3A%22GET%22%7D&query.duration_min=100us&query.service_name=shop";
    let (status, found) = get(spoor, &format!("/api/v3/traces?{search}&{times}")).await?;
    ensure!(status == 200 && found.to_string().contains(PLAIN), "from {start} on: {status} {found}");
    v3_span_ids(&found).map(drop)
}

/// The service graph: a node for each service, an edge `parent--child` for each link, with its count.
async fn dependencies(spoor: &Spoor) -> Result<()> {
    let links = data(spoor, &of_a_day(now().millis())).await?;
    let links = links.as_array().context("a list")?;
    let mut edges = Vec::new();
    for link in links {
        let (parent, child) = link["parent"].as_str().zip(link["child"].as_str()).context("names")?;
        edges.push(format!("{parent}--{child}: {}", link["callCount"].as_u64().context("an integer")?));
    }
    edges.sort_unstable();
    ensure!(edges == ["shop--shop/eu: 1", "shop/eu--café 100%: 1"], "{links:?}");
    Ok(())
}

//! What each kind of question takes, asked of one process, one after the other.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use reqwest::Url;
use serde_json::Value;
use spoor_tests::figures::print_figure;
use spoor_tests::{Role, Spoor};

use crate::{GIANT, GIANT_SPANS, LARGE, LARGE_SPANS, SERVICE, SPANS};

const TRACES: usize = 20;
/// CPU milliseconds a search (Jaeger v2.20 on data of this shape: 45).
const SEARCH_BAR: f64 = 13.0;

/// Questions of one kind.
struct Kind {
    name: &'static str,
    what: String,
    /// Asked in turns.
    urls: Vec<Url>,
    /// Pieces that each answer must have: names, or spans.
    least: usize,
    warm_up: usize,
    measured: usize,
    cpu_bar: Option<f64>,
}

pub(crate) async fn measure(settings: &[&str], http: &reqwest::Client) -> Result<()> {
    let query = Spoor::start(Role::Query, settings).await?;
    query.ready().await?;
    for kind in kinds(&query, http).await? {
        measure_kind(&query, http, &kind).await?;
    }
    let method = "VmHWM of the query process after all these questions";
    print_figure("query_peak_rss_mib", query.peak_mib()?, "MiB", None, SPANS, method);
    query.stop().await.map(drop)
}

async fn kinds(query: &Spoor, http: &reqwest::Client) -> Result<Vec<Kind>> {
    let base = query.url("query-http");
    let (_, services) = query.query("/api/services").await?;
    let services: Vec<String> =
        serde_json::from_value(services["data"].clone()).context("a list of names")?;
    let search = |service: &String| {
        let parameters = [("service", service.as_str()), ("limit", &TRACES.to_string())];
        Ok(Url::parse_with_params(&format!("{base}/api/traces"), parameters)?)
    };
    let searches: Vec<Url> =
        services.iter().filter(|name| *name != SERVICE).map(search).collect::<Result<_>>()?;
    let by_id = |id: &str| Ok(Url::parse(&format!("{base}/api/traces/{id}"))?);
    let first = ask(http, searches.first().context("some service")?).await?;
    let found = first["data"].as_array().context("traces")?;
    let small: Vec<Url> = found
        .iter()
        .map(|trace| by_id(trace["traceID"].as_str().context("an id")?))
        .collect::<Result<_>>()?;
    let kind = |name, what: &str, urls, least, measured| Kind {
        name,
        what: what.to_owned(),
        urls,
        least,
        warm_up: measured / 5,
        measured,
        cpu_bar: None,
    };
    let names = vec![Url::parse(&format!("{base}/api/services"))?];
    let searching = format!("searches by service for {TRACES} traces of 8 to 30 spans");
    let large = format!("a trace of {LARGE_SPANS} spans by id");
    let giant = format!("a trace of {GIANT_SPANS} spans by id");
    Ok(vec![
        kind("services", "lists of the services", names, services.len(), 200),
        kind("trace", "traces of 8 to 30 spans by id", small, 8, 200),
        kind("trace_1000", &large, vec![by_id(LARGE)?], LARGE_SPANS, 50),
        Kind { cpu_bar: Some(SEARCH_BAR), ..kind("search", &searching, searches, 8, 100) },
        kind("trace_50000", &giant, vec![by_id(GIANT)?], GIANT_SPANS, 10),
    ])
}

async fn measure_kind(query: &Spoor, http: &reqwest::Client, kind: &Kind) -> Result<()> {
    let mut urls = kind.urls.iter().cycle();
    let mut times = Vec::with_capacity(kind.measured);
    let mut before = 0.0;
    for number in 0..kind.warm_up + kind.measured {
        if number == kind.warm_up {
            times.clear();
            before = query.cpu_seconds()?;
        }
        let url = urls.next().context("some question")?;
        let began = Instant::now();
        let body = http.get(url.clone()).send().await?.error_for_status()?.bytes().await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let pieces = pieces(&serde_json::from_slice(&body)?);
        ensure!(pieces >= kind.least, "{url}: {pieces} of {} pieces came", kind.least);
    }
    let spent = query.cpu_seconds()? - before;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let each = spent * 1e3 / kind.measured as f64;
    times.sort_by(f64::total_cmp);
    let method =
        format!("{} {}, one after the other, after {} to warm up", kind.measured, kind.what, kind.warm_up);
    let print = |figure: &str, value, unit, bar, how: &str| {
        let name = format!("query_{}_{figure}", kind.name);
        print_figure(&name, value, unit, bar, SPANS, &format!("{method}; {how}"));
    };
    print("cpu_ms", each, "CPU ms", kind.cpu_bar, "user and system time of the query process");
    print(
        "p50_ms",
        percentile(&times, 50),
        "ms",
        None,
        "until the last byte, with the store on the same machine",
    );
    print("p99_ms", percentile(&times, 99), "ms", None, "the same; nearest rank");
    Ok(())
}

async fn ask(http: &reqwest::Client, url: &Url) -> Result<Value> {
    Ok(http.get(url.clone()).send().await?.error_for_status()?.json().await?)
}

/// Names, or spans of all traces.
fn pieces(answer: &Value) -> usize {
    let data = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
    let spans = |piece: &Value| piece["spans"].as_array().map_or(1, Vec::len);
    data.iter().map(spans).sum()
}

/// Of sorted times, by nearest rank.
fn percentile(times: &[f64], percent: usize) -> f64 {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}

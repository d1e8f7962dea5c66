//! The story of who calls whom: counted from the spans in the store, by a command and by a job that one of two query processes leads,
//! and shown by the API.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_tests::traffic::now;
use spoor_tests::{Role, Spoor, binary, delete_indices, eventually, refresh, unique_prefix};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(90);

/// An OTLP request with traces of these numbers: in each, `shop` calls `cart`, which calls the database that its span names.
fn requests(numbers: std::ops::Range<u64>) -> Value {
    let start = now().0;
    let span = |number: u64, id: u64, parent: &str, kind: u64, attributes: Value| {
        json!({"traceId": format!("{number:032x}"), "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": "op", "kind": kind,
               "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 1_000).to_string(), "attributes": attributes})
    };
    let resource = |service: &str, spans: Vec<Value>| {
        let name = json!([{"key": "service.name", "value": {"stringValue": service}}]);
        json!({"resource": {"attributes": name}, "scopeSpans": [{"spans": spans}]})
    };
    let peer = json!([{"key": "peer.service", "value": {"stringValue": "postgres"}}]);
    let shop = numbers.clone().map(|number| span(number, 1, "", 3, json!([]))).collect();
    let cart = numbers
        .flat_map(|number| {
            let server = span(number, 2, "0000000000000001", 2, json!([]));
            [server, span(number, 3, "0000000000000002", 3, peer.clone())]
        })
        .collect();
    json!({"resourceSpans": [resource("shop", shop), resource("cart", cart)]})
}

async fn send(collector: &Spoor, numbers: std::ops::Range<u64>) -> Result<()> {
    let url = format!("{}/v1/traces", collector.url("otlp-http"));
    reqwest::Client::new().post(url).json(&requests(numbers)).send().await?.error_for_status()?;
    Ok(())
}

/// The links that the API tells when `shop` was called so often.
fn links(calls: u64) -> Value {
    let link = |parent: &str, child: &str| json!({"parent": parent, "child": child, "callCount": calls});
    json!([link("cart", "cart"), link("cart", "postgres"), link("shop", "cart")])
}

async fn shown(spoor: &Spoor) -> Result<Value> {
    let (status, mut answer) = spoor.query("/api/dependencies?lookback=172800000").await?;
    ensure!(status == 200, "{answer}");
    Ok(answer["data"].take())
}

async fn eventually_shown(spoor: &Spoor, expected: &Value) -> Result<()> {
    eventually("the calls are counted", PATIENCE, || async {
        let shown = shown(spoor).await?;
        ensure!(shown == *expected, "{shown} instead of {expected}");
        Ok(())
    })
    .await
}

fn settings(server: &str, prefix: &str) -> Vec<String> {
    vec![
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-replicas=0".to_owned(),
        "--es.num-shards=1".to_owned(),
    ]
}

async fn clean_up(server: &str, prefix: &str) -> Result<()> {
    let client = reqwest::Client::new();
    for what in [
        format!("{prefix}-jaeger-dependencies-*?ignore_unavailable=true"),
        format!("{prefix}-*lock*?ignore_unavailable=true"),
        format!("_template/{prefix}-jaeger-dependencies"),
        format!("_index_template/{prefix}-jaeger-dependencies"),
    ] {
        // The template is of one kind or the other; the server answers 404 for the kind it is not.
        client.delete(format!("{server}/{what}")).send().await?;
    }
    delete_indices(server, prefix).await
}

async fn leads(spoor: &Spoor) -> Result<bool> {
    Ok(spoor.metrics().await?.sum("spoor_dependencies_leading", "") == 1.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_query_processes_counts_and_the_other_goes_on_when_it_stops() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("dependencies-job");
    let settings = settings(&server, &prefix);
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &settings).await?;
    collector.ready().await?;
    send(&collector, 1..31).await?;
    refresh(&server, &prefix).await?;
    let with_job = [&settings[..], &["--query.dependencies.interval=200ms"]].concat();
    let first = Spoor::start(Role::Query, &with_job).await?;
    eventually_shown(&first, &links(30)).await?;
    let second = Spoor::start(Role::Query, &with_job).await?;
    second.ready().await?;
    send(&collector, 31..41).await?;
    eventually_shown(&second, &links(40)).await?;
    ensure!(leads(&first).await? && !leads(&second).await?, "one counts, and no other");

    first.stop().await?;
    send(&collector, 41..46).await?;
    eventually_shown(&second, &links(45)).await?;
    ensure!(leads(&second).await?, "the other has taken over");
    second.stop().await?;
    clean_up(&server, &prefix).await
}

/// Who is killed gives nothing back: the other sees the lead unchanged for as long as it lasts, a minute, and takes it.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_counts_when_the_one_that_did_is_killed() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("dependencies-killed");
    let settings = settings(&server, &prefix);
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &settings).await?;
    collector.ready().await?;
    send(&collector, 1..21).await?;
    refresh(&server, &prefix).await?;
    let with_job = [&settings[..], &["--query.dependencies.interval=200ms"]].concat();
    let first = Spoor::start(Role::Query, &with_job).await?;
    eventually_shown(&first, &links(20)).await?;
    let second = Spoor::start(Role::Query, &with_job).await?;
    second.ready().await?;
    ensure!(leads(&first).await? && !leads(&second).await?, "one counts, and no other");

    first.kill().await?;
    send(&collector, 21..31).await?;
    eventually("the other has taken over", 2 * PATIENCE, || async {
        ensure!(leads(&second).await?, "it does not count");
        Ok(())
    })
    .await?;
    eventually_shown(&second, &links(30)).await?;
    second.stop().await?;
    clean_up(&server, &prefix).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_counts_a_day_and_doing_it_again_counts_nothing_twice() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("dependencies-command");
    let settings = settings(&server, &prefix);
    let flags: Vec<&str> = settings.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &flags).await?;
    let query = Spoor::start(Role::Query, &flags).await?;
    collector.ready().await?;
    query.ready().await?;
    send(&collector, 1..26).await?;
    refresh(&server, &prefix).await?;
    ensure!(shown(&query).await? == json!([]), "nobody has counted yet");
    let count = async |day: &str| {
        let day = format!("--day={day}");
        let run =
            Command::new(binary()?).args(["query", "dependencies", &day]).args(&settings).output().await;
        let output = run.context("run the command")?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        anyhow::Ok((output.status.success(), format!("{out}{err}")))
    };
    for _ in 0..2 {
        let (done, told) = count("today").await?;
        ensure!(done && told.contains("3 links from 75 spans in 25 traces"), "{told}");
        refresh(&server, &prefix).await?;
        ensure!(shown(&query).await? == links(25), "{}", shown(&query).await?);
    }
    let (done, told) = count("2001-01-01").await?;
    ensure!(done && told.contains("2001-01-01: no traces"), "{told}");
    let (done, told) = count("tomorrow").await?;
    ensure!(!done && told.contains("YYYY-MM-DD") || told.contains("2026-08-20"), "{told}");
    let (_, of_one) = query.query("/api/dependencies?lookback=172800000&service=shop").await?;
    ensure!(of_one["data"].as_array().map(Vec::len) == Some(1), "{of_one}");
    clean_up(&server, &prefix).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_all_in_one_in_memory_counts_by_itself() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--query.dependencies.interval=100ms"]).await?;
    spoor.ready().await?;
    send(&spoor, 1..11).await?;
    eventually_shown(&spoor, &links(10)).await?;
    ensure!(spoor.stop().await?.status.success(), "it drains");
    Ok(())
}

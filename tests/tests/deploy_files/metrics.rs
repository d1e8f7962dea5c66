//! Names of metrics in rules and dashboards are names that running processes expose.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_load::Protocol;
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, binary};
use tokio::process::Command;

use crate::{files, name};

/// Series that are there only after trouble that this story does not make: requests over the limits.
const AFTER_TROUBLE: [&str; 2] = ["spoor_collector_requests_refused_total", "spoor_query_refused_total"];
/// Whose names they are.
const OURS: [&str; 3] = ["spoor_", "jaeger_", "process_"];

/// Names in PromQL: letters, digits, `_` and `:`.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(|byte: char| !(byte.is_ascii_alphanumeric() || byte == '_' || byte == ':'))
}

/// All names of a role's exposition: of samples, and of families that have none yet.
async fn exposed(spoor: &Spoor) -> Result<BTreeSet<String>> {
    let text =
        reqwest::get(format!("{}/metrics", spoor.url("admin"))).await?.error_for_status()?.text().await?;
    Ok(named(&text))
}

/// What a run of retention tells in its file, here of having found no store.
async fn told_by_retention() -> Result<BTreeSet<String>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("spoor_retention.prom");
    let mut retention = Command::new(binary()?);
    retention.args(["retention", "clean", "--retention.days=1", "--es.server-urls=http://127.0.0.1:9"]);
    retention.args(["--retention.timeout=1s", &format!("--retention.metrics-file={}", file.display())]);
    let ended = retention.output().await?;
    ensure!(ended.status.code() == Some(1), "there is no store: {ended:?}");
    Ok(named(&std::fs::read_to_string(&file)?))
}

fn named(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        match line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            Some((family, "histogram")) => {
                found.extend(["_bucket", "_sum", "_count"].map(|end| format!("{family}{end}")));
            }
            Some((family, _)) => drop(found.insert(family.to_owned())),
            None if line.starts_with('#') => {}
            None => drop(found.insert(line.split(['{', ' ']).next().unwrap_or_default().to_owned())),
        }
    }
    found
}

/// Settings by which a port speaks TLS, with a certificate in this folder: when it ends is a metric of who has any.
fn certificate(folder: &Path, port: &str) -> Result<[String; 3]> {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let (cert, key) = (folder.join("server.crt"), folder.join("server.key"));
    std::fs::write(&cert, certified.cert.pem())?;
    std::fs::write(&key, certified.signing_key.serialize_pem())?;
    let file = |setting: &str, path: &Path| format!("--{port}.tls.{setting}={}", path.display());
    Ok([format!("--{port}.tls.enabled"), file("cert", &cert), file("key", &key)])
}

/// Spans that are stored, one that is refused, and every kind of question.
async fn exercise(spoor: &Spoor) -> Result<()> {
    send(&to(spoor, Protocol::OtlpGrpc, 1), requests(1, 200, 50)).await?;
    let span = json!({"traceId": "00000000000000000000000000000000", "spanId": "0000000000000001", "name": "no trace"});
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    reqwest::Client::new().post(format!("{}/v1/traces", spoor.url("otlp-http"))).json(&body).send().await?;
    let (_, services) = spoor.query("/api/services").await?;
    let service = services["data"][0].as_str().context("a service is there")?;
    for path in [format!("/api/operations?service={service}"), format!("/api/traces?service={service}")] {
        spoor.query(&path).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_dashboards_name_metrics_that_are_there() -> Result<()> {
    let nowhere = ["--es.server-urls=http://127.0.0.1:9"];
    let whole = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    whole.ready().await?;
    exercise(&whole).await?;
    let folder = tempfile::tempdir()?;
    let certificate = certificate(folder.path(), "collector.otlp.grpc")?;
    let certificate: Vec<&str> = certificate.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &[&nowhere, &certificate[..]].concat()).await?;
    let ingester =
        Spoor::start(Role::Ingester, &["--kafka.consumer.brokers=127.0.0.1:9", nowhere[0]]).await?;
    let mut there = exposed(&whole).await?;
    there.extend(exposed(&collector).await?);
    there.extend(exposed(&ingester).await?);
    there.extend(told_by_retention().await?);
    there.extend(AFTER_TROUBLE.map(str::to_owned));

    let mut recorded = BTreeSet::new();
    let mut expressions = Vec::new();
    for file in files("prometheus/rules", "yml")? {
        let text = std::fs::read_to_string(&file)?;
        for line in text.lines() {
            let code = line.trim();
            match code.strip_prefix("- record: ") {
                Some(record) => drop(recorded.insert(record.to_owned())),
                None if code.starts_with(['#', 's', 'd']) && code.contains("tion: ") => {}
                None => expressions.push((name(&file), code.to_owned())),
            }
        }
    }
    for file in files("grafana/dashboards", "json")? {
        let board: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        for panel in board["panels"].as_array().context("a board has panels")? {
            for target in panel["targets"].as_array().context("a panel has targets")? {
                expressions.push((name(&file), target["expr"].as_str().unwrap_or_default().to_owned()));
            }
        }
    }
    let mut checked = BTreeSet::new();
    for (file, expression) in &expressions {
        for found in names(expression) {
            if found.starts_with("job:") {
                ensure!(recorded.contains(found), "{file}: nothing records {found}");
            } else if OURS.iter().any(|prefix| found.starts_with(prefix)) {
                ensure!(there.contains(found), "{file}: no role exposes {found}, in `{expression}`");
                checked.insert(found.to_owned());
            }
        }
    }
    ensure!(checked.len() > 40, "so few names can only be a mistake of this test: {checked:?}");
    Ok(())
}

//! Story: an application with Jaeger's own client for Python (4.8.0, its last), unmodified, beside an agent in front of a collector: its trace
//! arrives complete by UDP, and it is told how to sample.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_tests::{Role, Spoor, eventually};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(30);

fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/jaeger_client_python")
}

#[tokio::test]
async fn a_trace_of_jaegers_python_client_arrives_complete_and_the_client_is_told_how_to_sample() -> Result<()>
{
    let folder = tempfile::tempdir()?;
    let strategies = folder.path().join("strategies.json");
    std::fs::write(&strategies, r#"{"default_strategy":{"type":"probabilistic","param":0.75}}"#)?;
    let strategies = format!("--sampling.strategies-file={}", strategies.display());
    let collector = Spoor::start(Role::AllInOne, &[&strategies]).await?;
    let target = format!("--reporter.grpc.host-port={}", collector.address("jaeger-grpc"));
    let agent = Spoor::start(Role::Agent, &[&target]).await?;
    let told = run(&agent).await?;
    ensure!(told["rate"] == json!(0.75), "the client was told: {told}");
    let id = told["traceID"].as_str().context("the script prints the trace's id")?;
    let trace = eventually("the trace", PATIENCE, || async {
        let (_, answer) = collector.query(&format!("/api/traces/{id}")).await?;
        let trace = answer["data"][0].clone();
        ensure!(trace["spans"].as_array().map_or(0, Vec::len) == 2, "{answer}");
        Ok(trace)
    })
    .await?;
    check(&trace).with_context(|| format!("{trace:#}"))
}

async fn run(agent: &Spoor) -> Result<Value> {
    let python =
        spoor_tests::python_environment("jaeger_client_python", &scenario().join("requirements.txt")).await?;
    let port = |listener: &str| agent.address(listener).rsplit(':').next().unwrap_or_default().to_owned();
    let output = Command::new(python)
        .arg(scenario().join("send.py"))
        .args(["127.0.0.1", &port("jaeger-compact"), &port("sampling-http"), "py shop"])
        .output()
        .await
        .context("run the instrumented application")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn check(trace: &Value) -> Result<()> {
    let process = &trace["processes"]["p1"];
    ensure!(process["serviceName"] == "py shop");
    let version = tag(&process["tags"], "jaeger.version");
    ensure!(version == Some(json!("Python-4.8.0")), "{version:?}");
    let spans = trace["spans"].as_array().context("spans")?;
    let of_name = |name: &str| spans.iter().find(|span| span["operationName"] == name).context("a span");
    let (parent, child) = (of_name("parent")?, of_name("child")?);
    for (key, value) in [
        ("text", json!("é")),
        ("truth", json!(true)),
        ("number", json!(42)),
        ("ratio", json!(0.5)),
        ("sampler.type", json!("const")),
    ] {
        ensure!(tag(&parent["tags"], key) == Some(value), "{key}");
    }
    let log = &parent["logs"][0]["fields"];
    ensure!(tag(log, "event") == Some(json!("cache miss")) && tag(log, "key") == Some(json!("k1")));
    ensure!(child["references"][0]["spanID"] == parent["spanID"] && parent["flags"] == 1);
    ensure!(tag(&child["tags"], "span.kind") == Some(json!("client")));
    Ok(())
}

fn tag(tags: &Value, key: &str) -> Option<Value> {
    tags.as_array()?.iter().find(|tag| tag["key"] == key).map(|tag| tag["value"].clone())
}

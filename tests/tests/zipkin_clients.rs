//! Story: applications that report to Zipkin, with clients from their registries as they are, send to Spoor's port instead; what they
//! recorded comes back through Jaeger's API. Each script prints what must be seen of its trace.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_tests::{Role, Spoor, jars, node_modules, python_environment, recorded};
use tokio::process::Command;
use tokio::sync::OnceCell;

async fn start() -> Result<Spoor> {
    let args = ["--span-storage.type=memory", "--collector.zipkin.host-port=127.0.0.1:0"];
    Spoor::start(Role::AllInOne, &args).await
}

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

async fn python() -> Result<PathBuf> {
    static MADE: OnceCell<PathBuf> = OnceCell::const_new();
    let requirements = scenario("zipkin_python").join("requirements.txt");
    MADE.get_or_try_init(|| python_environment("zipkin_python", &requirements)).await.cloned()
}

/// Runs the client, which must succeed, and looks for what it has printed.
async fn sends_and_reads_back(spoor: &Spoor, client: &mut Command) -> Result<()> {
    let (expected, trace) = recorded::sent_and_shown(spoor, client).await?;
    check(&trace, &expected).with_context(|| format!("expected {expected:#}, found {trace:#}"))
}

fn check(trace: &Value, expected: &Value) -> Result<()> {
    for span in trace["spans"].as_array().context("spans")? {
        let name = span["operationName"].as_str().context("operationName")?;
        let wanted = expected["spans"].get(name).with_context(|| format!("span {name} was not sent"))?;
        has_tags(span, &wanted["tags"]).with_context(|| format!("span {name}"))?;
        let parent = &span["references"][0]["spanID"];
        ensure!(*parent == wanted["parent"], "the parent of {name} is {parent}");
        let logs: Vec<&Value> = span["logs"].as_array().context("logs")?.iter().map(event).collect();
        ensure!(json!(logs) == wanted["logs"], "logs of {name}: {logs:?}");
        let process = &trace["processes"][span["processID"].as_str().context("processID")?];
        ensure!(process["serviceName"] == expected["service"], "the service of {name}");
        has_tags(process, &expected["process"]).with_context(|| format!("the process of {name}"))?;
        ensure!(span["startTime"].as_u64().is_some_and(|start| start > 1_600_000_000_000_000), "its start");
    }
    Ok(())
}

fn event(log: &Value) -> &Value {
    let fields = log["fields"].as_array().into_iter().flatten();
    fields.into_iter().find(|field| field["key"] == "event").map_or(&Value::Null, |field| &field["value"])
}

fn has_tags(owner: &Value, wanted: &Value) -> Result<()> {
    let tags = owner["tags"].as_array().context("tags")?;
    for (key, value) in wanted.as_object().context("tags to be there")? {
        ensure!(
            tags.iter().any(|tag| tag["key"] == *key && tag["value"] == *value),
            "no tag {key} of the value {value}"
        );
    }
    Ok(())
}

async fn by_opentelemetry(format: &str) -> Result<()> {
    let spoor = start().await?;
    let mut client = Command::new(python().await?);
    client.arg(scenario("zipkin_python").join("send_opentelemetry.py")).args([format, &spoor.url("zipkin")]);
    sends_and_reads_back(&spoor, &mut client).await
}

/// Everything of its spans is compared.
async fn by_py_zipkin(format: &str) -> Result<()> {
    let spoor = start().await?;
    let mut client = Command::new(python().await?);
    client.arg(scenario("zipkin_python").join("send_py_zipkin.py")).args([format, &spoor.url("zipkin")]);
    recorded::sends_and_reads_back(&spoor, &mut client).await.map(drop)
}

#[tokio::test]
async fn opentelemetrys_json_exporter_for_python_sends_v1() -> Result<()> {
    by_opentelemetry("v1").await
}

#[tokio::test]
async fn opentelemetrys_json_exporter_for_python_sends_v2() -> Result<()> {
    by_opentelemetry("v2").await
}

#[tokio::test]
async fn opentelemetrys_protobuf_exporter_for_python_sends() -> Result<()> {
    by_opentelemetry("proto").await
}

#[tokio::test]
async fn py_zipkin_sends_v1_json() -> Result<()> {
    by_py_zipkin("v1").await
}

#[tokio::test]
async fn py_zipkin_sends_v2_json() -> Result<()> {
    by_py_zipkin("v2").await
}

#[tokio::test]
async fn py_zipkin_sends_v2_protobuf() -> Result<()> {
    by_py_zipkin("proto").await
}

#[tokio::test]
async fn opentelemetrys_exporter_for_node_sends() -> Result<()> {
    let spoor = start().await?;
    let modules = node_modules("zipkin_node", &scenario("zipkin_node")).await?;
    let mut client = Command::new("node");
    client.arg(scenario("zipkin_node").join("send.js")).arg(spoor.url("zipkin")).env("NODE_PATH", modules);
    sends_and_reads_back(&spoor, &mut client).await
}

#[tokio::test]
async fn brave_sends_json_and_protobuf_compressed() -> Result<()> {
    let spoor = start().await?;
    let jars = jars("zipkin_brave", &scenario("zipkin_brave")).await?;
    for encoding in ["JSON", "PROTO3"] {
        let mut client = Command::new("java");
        client.args(["-Xmx64m", "-cp"]).arg(jars.join("*")).arg(scenario("zipkin_brave").join("Send.java"));
        client.args([encoding, &spoor.url("zipkin")]);
        sends_and_reads_back(&spoor, &mut client).await?;
    }
    Ok(())
}

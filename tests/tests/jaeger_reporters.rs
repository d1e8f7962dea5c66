//! Story: applications with clients and exporters made for Jaeger, from their registries as they are, report to Spoor instead, by every wire
//! that they know; what they recorded comes back complete through Jaeger's API.
//!
//! Each script prints what must be seen of its trace: `{"traceID", "service", "process", "spans": {operation: {"start", "duration", "flags",
//! "tags", "logs": [{"at", "fields"}], "references"}}}`. Times are in µs; tags and fields are `{key: [type, value]}`, a reference is
//! `[type, trace, span]`. `process` names tags that must be there, all else is whole: what is more, or less, is a fault.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use spoor_tests::{Role, Spoor, eventually, jars, node_modules, python_environment};
use tokio::process::Command;
use tokio::sync::OnceCell;

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

async fn collector() -> Result<Spoor> {
    Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await
}

async fn agent_of(collector: &Spoor) -> Result<Spoor> {
    let target = format!("--reporter.grpc.host-port={}", collector.address("jaeger-grpc"));
    Spoor::start(Role::Agent, &[&target]).await
}

/// Runs the client, which must succeed, and looks for what it has printed.
async fn sends_and_reads_back(collector: &Spoor, client: &mut Command) -> Result<()> {
    let output = client.output().await.with_context(|| format!("run {client:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{client:?} got no success: {errors}\nlog:\n{}", collector.log());
    let expected: Value = serde_json::from_slice(&output.stdout).context("the client prints JSON")?;
    let count = expected["spans"].as_object().context("spans")?.len();
    let path = format!("/api/traces/{}", expected["traceID"].as_str().context("the trace's id")?);
    let trace = eventually("the trace is readable", Duration::from_secs(30), || async {
        let (status, body) = collector.query(&path).await?;
        let trace = body["data"][0].clone();
        if status != 200 || trace["spans"].as_array().map_or(0, Vec::len) != count {
            bail!("{status}: {body}");
        }
        Ok(trace)
    })
    .await?;
    check(&trace, &expected).with_context(|| format!("expected {expected:#}, found {trace:#}"))
}

fn check(trace: &Value, expected: &Value) -> Result<()> {
    ensure!(trace["traceID"] == expected["traceID"], "the trace's id");
    for span in trace["spans"].as_array().context("spans")? {
        let name = span["operationName"].as_str().context("operationName")?;
        let wanted = expected["spans"].get(name).with_context(|| format!("span {name} was not sent"))?;
        for (what, found, wanted) in [
            ("startTime", &span["startTime"], &wanted["start"]),
            ("duration", &span["duration"], &wanted["duration"]),
            ("flags", &span["flags"], &wanted["flags"]),
            ("tags", &typed(&span["tags"]), &wanted["tags"]),
            ("logs", &logs(span), &wanted["logs"]),
            ("references", &references(span), &wanted["references"]),
        ] {
            ensure!(same(found, wanted), "{what} of {name}: found {found:#}, expected {wanted:#}");
        }
        let process = &trace["processes"][span["processID"].as_str().context("processID")?];
        ensure!(process["serviceName"] == expected["service"], "the service of {name}");
        let tags = typed(&process["tags"]);
        for (key, wanted) in expected["process"].as_object().context("process")? {
            ensure!(same(&tags[key], wanted), "{key} of the process: {}, expected {wanted}", tags[key]);
        }
    }
    Ok(())
}

fn typed(tags: &Value) -> Value {
    let tags = tags.as_array().into_iter().flatten();
    let pairs = tags.map(|tag| (tag["key"].as_str().unwrap_or_default(), json!([tag["type"], tag["value"]])));
    json!(pairs.collect::<BTreeMap<_, _>>())
}

fn logs(span: &Value) -> Value {
    let logs = span["logs"].as_array().into_iter().flatten();
    logs.map(|log| json!({"at": log["timestamp"], "fields": typed(&log["fields"])})).collect()
}

fn references(span: &Value) -> Value {
    let references = span["references"].as_array().into_iter().flatten();
    references
        .map(|reference| json!([reference["refType"], reference["traceID"], reference["spanID"]]))
        .collect()
}

/// Equal, but for whole numbers, which may be written `3` or `3.0`.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || ((a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

async fn by_node(name: &str, args: &[&str]) -> Result<Command> {
    let modules = node_modules(name, &scenario(name)).await?;
    let mut client = Command::new("node");
    client.env("NODE_PATH", modules).arg(scenario(name).join("send.cjs")).args(args);
    Ok(client)
}

async fn by_python(wire: &str, address: &str) -> Result<Command> {
    static MADE: OnceCell<PathBuf> = OnceCell::const_new();
    let scenario = scenario("jaeger_exporter_python");
    let requirements = scenario.join("requirements.txt");
    let python = MADE.get_or_try_init(|| python_environment("jaeger_exporter_python", &requirements)).await?;
    let mut client = Command::new(python);
    client.args(["-W", "ignore"]).arg(scenario.join("send.py"));
    client.args([wire, address, &format!("python {wire}/ü")]);
    Ok(client)
}

#[tokio::test]
async fn jaegers_node_client_sends_by_udp_and_by_http() -> Result<()> {
    from_node("jaeger_client_node").await
}

#[tokio::test]
async fn opentelemetrys_node_exporter_for_jaeger_sends_by_udp_and_by_http() -> Result<()> {
    from_node("jaeger_exporter_node").await
}

async fn from_node(name: &str) -> Result<()> {
    let collector = collector().await?;
    let agent = agent_of(&collector).await?;
    let address = agent.address("jaeger-binary");
    let (host, port) = address.rsplit_once(':').context("HOST:PORT")?;
    let mut client = by_node(name, &["udp", host, port, "node udp/ü"]).await?;
    sends_and_reads_back(&collector, &mut client).await.context("by UDP")?;
    let url = format!("{}/api/traces", collector.url("jaeger-http"));
    let mut client = by_node(name, &["http", &url, "-", "node http/ü"]).await?;
    sends_and_reads_back(&collector, &mut client).await.context("by HTTP")
}

#[tokio::test]
async fn jaegers_java_client_sends_by_udp_and_by_http() -> Result<()> {
    let scenario = scenario("jaeger_client_java");
    let jars = jars("jaeger_client_java", &scenario).await?;
    let collector = collector().await?;
    let agent = agent_of(&collector).await?;
    let address = agent.address("jaeger-compact");
    let (host, port) = address.rsplit_once(':').context("HOST:PORT")?;
    let url = format!("{}/api/traces", collector.url("jaeger-http"));
    for args in [["udp", host, port, "java udp/ü"], ["http", &url, "-", "java http/ü"]] {
        let mut client = Command::new("java");
        client.args(["-Xmx64m", "-cp"]).arg(jars.join("*")).arg(scenario.join("Send.java")).args(args);
        sends_and_reads_back(&collector, &mut client).await.with_context(|| format!("by {}", args[0]))?;
    }
    Ok(())
}

#[tokio::test]
async fn opentelemetrys_python_exporter_sends_thrift_by_http() -> Result<()> {
    let collector = collector().await?;
    let mut client = by_python("http", &collector.url("jaeger-http")).await?;
    sends_and_reads_back(&collector, &mut client).await
}

#[tokio::test]
async fn opentelemetrys_python_exporter_sends_thrift_by_udp() -> Result<()> {
    let collector = collector().await?;
    let agent = agent_of(&collector).await?;
    let mut client = by_python("udp", &agent.address("jaeger-compact")).await?;
    sends_and_reads_back(&collector, &mut client).await
}

#[tokio::test]
async fn opentelemetrys_python_exporter_sends_protobuf_by_grpc() -> Result<()> {
    let collector = collector().await?;
    let mut client = by_python("grpc", &collector.address("jaeger-grpc")).await?;
    sends_and_reads_back(&collector, &mut client).await
}

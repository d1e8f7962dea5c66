//! Story: an application instrumented with the OpenTelemetry SDK for Python, unmodified, sends by each of OTLP's three wires; what it
//! recorded comes back complete through Jaeger's API, from memory and from OpenSearch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use spoor_tests::recorded::same;
use spoor_tests::{Role, Spoor, delete_indices, eventually, unique_prefix};
use tokio::process::Command;

const WIRES: [(&str, &str); 3] = [("grpc", "otlp-grpc"), ("http", "otlp-http"), ("json", "otlp-http")];

#[tokio::test]
async fn traces_of_the_python_sdk_come_back_complete_from_memory() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    spoor.ready().await?;
    for (wire, listener) in WIRES {
        sends_and_reads_back(&spoor, &spoor, wire, listener).await?;
    }
    Ok(())
}

#[tokio::test]
async fn traces_of_the_python_sdk_come_back_complete_from_opensearch() -> Result<()> {
    let server = xtask::servers::opensearch_url()?;
    let prefix = unique_prefix("python");
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={prefix}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let collector = Spoor::start(Role::Collector, &settings).await?;
    let query = Spoor::start(Role::Query, &settings).await?;
    collector.ready().await?;
    query.ready().await?;
    for (wire, listener) in WIRES {
        sends_and_reads_back(&collector, &query, wire, listener).await?;
    }
    delete_indices(&server, &prefix).await
}

async fn sends_and_reads_back(collector: &Spoor, query: &Spoor, wire: &str, listener: &str) -> Result<()> {
    let service = format!("python {wire}/ü");
    let output = Command::new(python().await?)
        .arg(scenario().join("send.py"))
        .args([wire, &collector.url(listener), &service])
        .output()
        .await
        .context("run the instrumented application")?;
    ensure!(
        output.status.success(),
        "the exporter got no success by {wire}: {}\ncollector's log:\n{}",
        String::from_utf8_lossy(&output.stderr),
        collector.log()
    );
    let expected: Value = serde_json::from_slice(&output.stdout)?;
    let trace_id = expected["traceID"].as_str().context("the script prints the trace's id")?;
    let count = expected["spans"].as_object().context("the script prints spans")?.len();
    let trace = eventually("the trace is readable", Duration::from_secs(60), || async {
        let (status, body) = query.query(&format!("/api/traces/{trace_id}")).await?;
        let trace = body["data"][0].clone();
        if status != 200 || trace["spans"].as_array().map_or(0, Vec::len) != count {
            bail!("{status}: {body}");
        }
        Ok(trace)
    })
    .await?;
    check(&trace, &expected, &service).with_context(|| format!("by {wire}: {trace:#}"))
}

fn check(trace: &Value, expected: &Value, service: &str) -> Result<()> {
    ensure!(trace["traceID"] == expected["traceID"], "the trace's id");
    for span in trace["spans"].as_array().context("spans")? {
        let name = span["operationName"].as_str().context("operationName")?;
        let wanted = expected["spans"].get(name).with_context(|| format!("span {name} was not sent"))?;
        let tags = as_map(&span["tags"]);
        ensure!(
            same(&json!(tags), &wanted["tags"]),
            "tags of {name}: {tags:#?}, expected {:#}",
            wanted["tags"]
        );
        let logs: Vec<_> = span["logs"]
            .as_array()
            .context("logs")?
            .iter()
            .map(|log| json!(as_map(&log["fields"])))
            .collect();
        ensure!(json!(logs) == wanted["logs"], "logs of {name}: {logs:#?}");
        ensure!(json!(references(span)) == json!(wanted_references(wanted, trace)), "references of {name}");
        let process = &trace["processes"][span["processID"].as_str().context("processID")?];
        ensure!(process["serviceName"] == service, "service of {name}");
        let process_tags = as_map(&process["tags"]);
        ensure!(
            process_tags.get("deployment.environment") == Some(&json!(["string", "tést"])),
            "process tags"
        );
        ensure!(process_tags.get("replica") == Some(&json!(["int64", 3])), "process tags");
        ensure!(span["startTime"].is_u64() && span["duration"].is_u64(), "times are integers in µs");
    }
    Ok(())
}

fn as_map(tags: &Value) -> BTreeMap<String, Value> {
    let tags = tags.as_array().into_iter().flatten();
    tags.map(|tag| (tag["key"].as_str().unwrap_or_default().to_owned(), json!([tag["type"], tag["value"]])))
        .collect()
}

fn references(span: &Value) -> Vec<Value> {
    let references = span["references"].as_array().into_iter().flatten();
    references
        .map(|reference| json!([reference["refType"], reference["traceID"], reference["spanID"]]))
        .collect()
}

fn wanted_references(wanted: &Value, trace: &Value) -> Vec<Value> {
    let parent = wanted["parent"].as_str().map(|parent| json!(["CHILD_OF", trace["traceID"], parent]));
    parent.into_iter().chain(wanted["references"].as_array().into_iter().flatten().cloned()).collect()
}

fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/python_sdk")
}

/// The interpreter of a virtual environment with the SDK in it, made once and kept in the cache for as long as the requirements stay the same.
async fn python() -> Result<PathBuf> {
    static MADE: tokio::sync::OnceCell<PathBuf> = tokio::sync::OnceCell::const_new();
    MADE.get_or_try_init(|| async {
        let requirements = scenario().join("requirements.txt");
        spoor_tests::python_environment("python_sdk", &requirements).await
    })
    .await
    .cloned()
}

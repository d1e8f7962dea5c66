//! What a client has recorded, against what Jaeger's API shows of it: everything, so that what is more, or less, is a fault.
//!
//! Scripts of clients print what must be seen of their trace: `{"traceID", "service", "process", "spans": {operation: {"start", "duration",
//! "flags", "tags", "logs": [{"at", "fields"}], "references"}}}`. Times are in µs; tags and fields are `{key: [type, value]}`, a reference is
//! `[type, trace, span]`. `process` has the value of each tag, or `null` for one whose value only the machine knows.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{Spoor, eventually};

/// Runs a client, which must succeed, and compares its trace, as `query` shows it, with what it has printed, which is answered.
///
/// # Errors
/// When the client fails, the trace does not come within 30 s, or anything of it is not as printed.
pub async fn sends_and_reads_back(query: &Spoor, client: &mut Command) -> Result<Value> {
    let (expected, trace) = sent_and_shown(query, client).await?;
    compare(&trace, &expected).with_context(|| format!("expected {expected:#}, found {trace:#}"))?;
    Ok(expected)
}

/// Runs a client, which must succeed: what it has printed, and its trace as `query` shows it, with as many spans.
///
/// # Errors
/// When the client fails, or the trace does not come within 30 s.
pub async fn sent_and_shown(query: &Spoor, client: &mut Command) -> Result<(Value, Value)> {
    let output = client.output().await.with_context(|| format!("run {client:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{client:?} got no success: {errors}\nlog:\n{}", query.log());
    let expected: Value = serde_json::from_slice(&output.stdout).context("the client prints JSON")?;
    let count = expected["spans"].as_object().context("spans")?.len();
    let path = format!("/api/traces/{}", expected["traceID"].as_str().context("the trace's id")?);
    let trace = eventually("the trace is readable", Duration::from_secs(30), || async {
        let (status, body) = query.query(&path).await?;
        let trace = body["data"][0].clone();
        if status != 200 || trace["spans"].as_array().map_or(0, Vec::len) != count {
            bail!("{status}: {body}");
        }
        Ok(trace)
    })
    .await?;
    Ok((expected, trace))
}

fn compare(trace: &Value, expected: &Value) -> Result<()> {
    ensure!(trace["traceID"] == expected["traceID"], "the trace's id");
    for span in trace["spans"].as_array().context("spans")? {
        let name = span["operationName"].as_str().context("operationName")?;
        let wanted = expected["spans"].get(name).with_context(|| format!("span {name} was not sent"))?;
        for (what, found, wanted) in [
            ("startTime", &span["startTime"], &wanted["start"]),
            ("duration", &span["duration"], &wanted["duration"]),
            ("flags", &span["flags"], &wanted["flags"]),
            ("tags", &typed(&span["tags"])?, &wanted["tags"]),
            ("logs", &logs(span)?, &wanted["logs"]),
            ("references", &references(span), &wanted["references"]),
            ("warnings", &span["warnings"], &Value::Null),
        ] {
            ensure!(same(found, wanted), "{what} of {name}: found {found:#}, expected {wanted:#}");
        }
        let process = &trace["processes"][span["processID"].as_str().context("processID")?];
        ensure!(process["serviceName"] == expected["service"], "the service of {name}");
        let mut wanted = expected["process"].clone();
        let found = typed(&process["tags"])?;
        for (key, value) in wanted.as_object_mut().context("process")?.iter_mut().filter(|(_, v)| v.is_null())
        {
            *value = found[key].clone();
            ensure!(!value.is_null(), "the process of {name} has no {key}");
        }
        ensure!(same(&found, &wanted), "process of {name}: found {found:#}, expected {wanted:#}");
    }
    Ok(())
}

/// Tags or fields by their keys, of which none may be there twice.
fn typed(tags: &Value) -> Result<Value> {
    let mut pairs = BTreeMap::new();
    for tag in tags.as_array().into_iter().flatten() {
        let key = tag["key"].as_str().context("a tag has a key")?;
        ensure!(pairs.insert(key, json!([tag["type"], tag["value"]])).is_none(), "{key} is there twice");
    }
    Ok(json!(pairs))
}

fn logs(span: &Value) -> Result<Value> {
    let logs = span["logs"].as_array().into_iter().flatten();
    logs.map(|log| Ok(json!({"at": log["timestamp"], "fields": typed(&log["fields"])?}))).collect()
}

fn references(span: &Value) -> Value {
    let references = span["references"].as_array().into_iter().flatten();
    references
        .map(|reference| json!([reference["refType"], reference["traceID"], reference["spanID"]]))
        .collect()
}

/// Equal, but for whole numbers, which may be written `3` or `3.0`.
#[must_use]
pub fn same(left: &Value, right: &Value) -> bool {
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

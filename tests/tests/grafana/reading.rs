//! What the data source makes of an answer: its Go structs and the rules by which it draws from them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The envelope of API v1: `data` is a list, or null where nothing is listed.
pub(crate) fn data(answer: &Value) -> Result<&Value> {
    for number in ["limit", "offset", "total"] {
        ensure!(answer[number].is_u64(), "{number} is an integer: {answer}");
    }
    ensure!(answer["errors"].is_null(), "any entry is shown as a failure: {answer}");
    let data = &answer["data"];
    ensure!(data.is_array() || data.is_null(), "{answer}");
    Ok(data)
}

/// The ids of a trace's spans.
pub(crate) fn span_ids(trace: &Value) -> BTreeSet<String> {
    let spans = trace["spans"].as_array().into_iter().flatten();
    spans.filter_map(|span| span["spanID"].as_str()).map(str::to_owned).collect()
}

/// The row of a trace in the table: service of the earliest span, and its operation.
pub(crate) fn name(trace: &Value) -> Option<String> {
    let spans = trace["spans"].as_array()?;
    let first = spans.iter().min_by_key(|span| span["startTime"].as_u64())?;
    let service = trace["processes"][first["processID"].as_str()?]["serviceName"].as_str()?;
    Some(format!("{service}: {}", first["operationName"].as_str()?))
}

/// The struct of a trace, and its node graph: every span is a node, and every parent is one of them.
pub(crate) fn check_trace(trace: &Value) -> Result<()> {
    ensure!(trace["traceID"].as_str().is_some_and(|id| !id.is_empty()), "{trace}");
    let spans = trace["spans"].as_array().context("spans")?;
    ensure!(!spans.is_empty(), "a trace without spans breaks the comparison of traces");
    let nodes = span_ids(trace);
    ensure!(nodes.len() == spans.len(), "no two spans are one node: {trace}");
    for span in spans {
        check_span(span)?;
        ensure!(span["traceID"] == trace["traceID"], "{span}");
        let process = &trace["processes"][span["processID"].as_str().unwrap_or_default()];
        ensure!(process["serviceName"].is_string(), "the process is there: {span}");
        check_tags(&process["tags"])?;
        let references = span["references"].as_array().context("references")?;
        for reference in references {
            let is_known =
                ["CHILD_OF", "FOLLOWS_FROM"].contains(&reference["refType"].as_str().unwrap_or_default());
            ensure!(
                is_known && reference["traceID"].is_string() && reference["spanID"].is_string(),
                "{reference}"
            );
        }
        let parent = references.iter().find(|reference| reference["refType"] == "CHILD_OF");
        let parent = parent.and_then(|parent| parent["spanID"].as_str());
        let is_root = span["spanID"] == "0000000000000001";
        ensure!(parent.is_some() != is_root, "the parent is the first CHILD_OF: {span}");
        ensure!(parent.is_none_or(|parent| nodes.contains(parent)), "an edge to nowhere: {span}");
    }
    Ok(())
}

fn check_span(span: &Value) -> Result<()> {
    for number in ["startTime", "duration"] {
        ensure!(span[number].is_u64(), "{number} is an integer: {span}");
    }
    ensure!(span.get("flags").is_none_or(Value::is_u64), "{span}");
    for text in ["traceID", "spanID", "operationName", "processID"] {
        ensure!(span[text].is_string(), "{text} is a text: {span}");
    }
    let warnings = &span["warnings"];
    ensure!(
        warnings.is_null() || warnings.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        "{span}"
    );
    check_tags(&span["tags"])?;
    for log in span["logs"].as_array().context("logs")? {
        ensure!(log["timestamp"].is_u64(), "{log}");
        check_tags(&log["fields"])?;
    }
    Ok(())
}

fn check_tags(tags: &Value) -> Result<()> {
    for tag in tags.as_array().context("tags are a list, never null")? {
        ensure!(tag["key"].is_string() && tag["type"].is_string() && !tag["value"].is_null(), "{tag}");
    }
    Ok(())
}

/// The struct of a trace of API v3, and the ids of its spans. Its truths and doubles are no texts, which the struct wants and OTLP's JSON
/// has not: a trace with any is shown by API v1 alone.
pub(crate) fn v3_span_ids(trace: &Value) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    ensure!(trace.get("error").is_none(), "it would be taken for a failure: {trace}");
    for resource in trace["result"]["resourceSpans"].as_array().context("resources")? {
        let attributes = &resource["resource"]["attributes"];
        check_values(attributes)?;
        let mut named = attributes.as_array().into_iter().flatten();
        let service = named.find(|attribute| attribute["key"] == "service.name");
        ensure!(service.is_some_and(|name| name["value"]["stringValue"].is_string()), "{resource}");
        for scope in resource["scopeSpans"].as_array().context("scopes")? {
            let spans = scope["spans"].as_array().context("spans")?;
            ensure!(!spans.is_empty(), "the first span of a scope is looked at: {scope}");
            for span in spans {
                check_v3_span(span)?;
                ids.insert(span["spanId"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    Ok(ids)
}

fn check_v3_span(span: &Value) -> Result<()> {
    for text in ["traceId", "spanId", "name"] {
        ensure!(span[text].is_string(), "{text} is a text: {span}");
    }
    ensure!(span.get("parentSpanId").is_none_or(Value::is_string), "{span}");
    for nanos in ["startTimeUnixNano", "endTimeUnixNano"] {
        ensure!(
            span[nanos].as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
            "{nanos} is a text: {span}"
        );
    }
    ensure!(span.get("kind").is_none_or(Value::is_i64) && span["status"].is_object(), "{span}");
    ensure!(span["status"].get("code").is_none_or(Value::is_i64), "{span}");
    check_values(&span["attributes"])?;
    for event in span["events"].as_array().into_iter().flatten() {
        ensure!(event["timeUnixNano"].is_string() && event["name"].is_string(), "{event}");
        check_values(&event["attributes"])?;
    }
    for link in span["links"].as_array().into_iter().flatten() {
        ensure!(link["traceId"].is_string() && link["spanId"].is_string(), "{link}");
    }
    Ok(())
}

fn check_values(attributes: &Value) -> Result<()> {
    for attribute in attributes.as_array().into_iter().flatten() {
        ensure!(attribute["key"].is_string(), "{attribute}");
        let value = attribute["value"].as_object().context("a value is an object")?;
        for (kind, value) in value {
            let is_read = match kind.as_str() {
                "stringValue" | "intValue" | "bytesValue" => value.is_string(),
                // Not read as they are here; see above.
                "boolValue" => value.is_boolean(),
                "doubleValue" => value.is_number(),
                "arrayValue" | "kvlistValue" => value.is_object(),
                _ => false,
            };
            ensure!(is_read, "{attribute}");
        }
    }
    Ok(())
}

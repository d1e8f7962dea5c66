//! Sending generated spans to a role, and reading back what a store holds of them.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spoor_load::{GenerateConfig, Outcome, Protocol, Report, Request, Requests, SendConfig, SpanKey};
use spoor_model::{SpanBatch, UnixNanos};
use spoor_proto::convert::jaeger_thrift::{ThriftProtocol, encode_emit_batch};
use tokio_util::sync::CancellationToken;
use xtask::suite::KAFKA_SPANS;

use crate::Spoor;

/// The moment a story's spans end.
#[must_use]
pub fn now() -> UnixNanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// The datagram in which a Jaeger client sends these spans, with the process of the first resource.
#[must_use]
pub fn datagram(protocol: ThriftProtocol, batch: &SpanBatch) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(resource) = batch.resources().next() {
        encode_emit_batch(protocol, &mut out, resource, batch.spans());
    }
    out
}

/// OTLP requests of generated spans.
#[must_use]
pub fn requests(seed: u64, spans: u64, per_request: u32) -> Vec<Request> {
    let defaults = GenerateConfig::default();
    let per_request = per_request.try_into().unwrap_or(defaults.spans_per_request);
    let config = GenerateConfig { seed, spans_per_request: per_request, ..defaults }.with_spans(spans);
    Requests::new(&config, now(), Protocol::OtlpGrpc).collect()
}

/// How long a request is sent again that found the shared store out of room, or too slow for its deadline.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where and how to send; recorded, so that the report names every span. What got no success is sent again for two minutes, as senders
/// do; a story of refusals, or of how often something was sent, sets `retry_for` to zero.
#[must_use]
pub fn to(collector: &Spoor, protocol: Protocol, streams: u32) -> SendConfig {
    let listener = match protocol {
        Protocol::OtlpGrpc => "otlp-grpc",
        Protocol::OtlpHttp | Protocol::OtlpHttpJson => "otlp-http",
        Protocol::JaegerGrpc => "jaeger-grpc",
        Protocol::JaegerHttp => "jaeger-http",
        Protocol::JaegerCompact => "jaeger-compact",
        Protocol::JaegerBinary => "jaeger-binary",
    };
    let defaults = SendConfig::default();
    SendConfig {
        endpoint: Some(collector.url(listener)),
        protocol,
        streams: streams.try_into().unwrap_or(defaults.streams),
        deadline: Duration::from_secs(20),
        // Who hears nothing has nothing to repeat.
        retry_for: if protocol.has_answers() { PATIENCE } else { Duration::ZERO },
        record: true,
        ..defaults
    }
}

/// How many spans a story through Kafka is about: so many, unless `SPOOR_KAFKA_SPANS` says otherwise, as it does in a long run.
///
/// # Errors
/// When that is no number.
pub fn spans_through_kafka(usual: u64) -> Result<u64> {
    let Ok(text) = std::env::var(KAFKA_SPANS) else { return Ok(usual) };
    text.parse().with_context(|| format!("{KAFKA_SPANS} is {text:?}; set it to a number"))
}

/// Sends to the end.
///
/// # Errors
/// When the endpoint cannot be used.
pub async fn send(config: &SendConfig, requests: Vec<Request>) -> Result<Report> {
    spoor_load::run(config, requests, CancellationToken::new()).await.context("send spans")
}

/// Spans of the requests that ended so.
#[must_use]
pub fn keys_of(report: &Report, outcome: impl Fn(&Outcome) -> bool) -> BTreeSet<SpanKey> {
    let requests = report.requests.iter().filter(|request| outcome(&request.outcome));
    requests.flat_map(|request| request.spans.iter().copied()).collect()
}

/// Every span that the store holds under a prefix, asked from the server itself, and how many documents hold them.
///
/// # Errors
/// When the server cannot be asked, or answers in part.
pub async fn stored_keys(server: &str, prefix: &str) -> Result<(BTreeSet<SpanKey>, usize)> {
    crate::refresh(server, prefix).await?;
    // Of all shards or of none: one without room is asked again.
    let options = "ignore_unavailable=true&allow_no_indices=true&allow_partial_search_results=false";
    let url = format!("{server}/{prefix}-jaeger-span-*/_search?{options}");
    let client = reqwest::Client::new();
    let (mut keys, mut documents, mut after) = (BTreeSet::new(), 0, Value::Null);
    loop {
        let mut body = json!({"size": 10_000, "sort": ["traceID", "spanID", "startTime"], "_source": ["traceID", "spanID"]});
        if !after.is_null() {
            body["search_after"] = after;
        }
        let answer = crate::server::answer(client.post(&url).json(&body)).await?;
        ensure!(answer["_shards"]["failed"] == 0, "a shard failed: {answer}");
        let hits = answer["hits"]["hits"].as_array().context("the answer has hits")?;
        let Some(last) = hits.last() else { return Ok((keys, documents)) };
        after = last["sort"].clone();
        documents += hits.len();
        for hit in hits {
            let id = |field: &str| hit["_source"][field].as_str().context("documents have ids");
            keys.insert((id("traceID")?.parse()?, id("spanID")?.parse()?));
        }
    }
}

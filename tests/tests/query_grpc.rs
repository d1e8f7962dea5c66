//! Story: the query's gRPC port, as its clients use it: both services show what was sent, a giant trace comes in messages that every
//! client takes, who cancels is forgotten at once, and a Python client made from our .proto files finds its way by reflection.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use serde_json::{Value, json};
use spoor_load::{GenerateConfig, Protocol, Requests, SpanKey};
use spoor_model::TraceId;
use spoor_proto::jaeger::api_v2::query_service_client::QueryServiceClient as ClientV2;
use spoor_proto::jaeger::api_v3::query_service_client::QueryServiceClient as ClientV3;
use spoor_proto::jaeger::{api_v2, api_v3};
use spoor_tests::traffic::{keys_of, now, requests, send, to};
use spoor_tests::{Role, Spoor, eventually};
use tokio::process::Command;
use tonic::transport::Channel;

/// Spans of the giant trace.
const GIANT: u32 = 50_000;
const MEMORY: [&str; 2] = ["--span-storage.type=memory", "--query.max-search-trace-spans=100000"];

async fn channel(spoor: &Spoor) -> Result<Channel> {
    Ok(Channel::from_shared(spoor.url("query-grpc"))?.connect().await?)
}

/// A process that holds `spans` spans, in traces of that length if one is given, and what it holds.
async fn filled(spans: u64, trace_spans: Option<u32>) -> Result<(Spoor, BTreeSet<SpanKey>)> {
    let spoor = Spoor::start(Role::AllInOne, &MEMORY).await?;
    let sent = match trace_spans.and_then(std::num::NonZeroU32::new) {
        None => requests(21, spans, 50),
        Some(length) => {
            let config = GenerateConfig {
                seed: 22,
                trace_spans_min: length,
                trace_spans_max: length,
                ..Default::default()
            };
            Requests::new(&config.with_spans(spans), now(), Protocol::OtlpGrpc).collect()
        }
    };
    let report = send(&to(&spoor, Protocol::OtlpGrpc, 1), sent).await?;
    let keys = keys_of(&report, |_| true);
    ensure!(keys.len() as u64 == spans, "{} of {spans} spans are there", keys.len());
    Ok((spoor, keys))
}

fn spans_of(message: &TracesData) -> impl Iterator<Item = (&[u8], &[u8])> {
    let scopes = message.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(|span| (&span.trace_id[..], &span.span_id[..]))
}

fn key(trace_id: &[u8], span_id: &[u8]) -> Result<SpanKey> {
    let span_id = spoor_model::SpanId::from_bytes(span_id).context("a span id has 8 bytes")?;
    Ok((TraceId::from_bytes(trace_id).context("a trace id has 16 bytes")?, span_id))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_services_show_what_was_sent() -> Result<()> {
    let (spoor, sent) = filled(400, None).await?;
    let channel = channel(&spoor).await?;
    let (mut v2, mut v3) = (ClientV2::new(channel.clone()), ClientV3::new(channel));
    let traces: BTreeSet<TraceId> = sent.iter().map(|(trace, _)| *trace).collect();
    let (mut by_v2, mut by_v3) = (BTreeSet::new(), BTreeSet::new());
    for trace in traces {
        let request =
            api_v2::GetTraceRequest { trace_id: trace.to_bytes().to_vec().into(), ..Default::default() };
        let mut chunks = v2.get_trace(request).await?.into_inner();
        while let Some(chunk) = chunks.message().await? {
            for span in chunk.spans {
                by_v2.insert(key(&span.trace_id, &span.span_id)?);
            }
        }
        let request = api_v3::GetTraceRequest { trace_id: trace.to_string(), ..Default::default() };
        let mut messages = v3.get_trace(request).await?.into_inner();
        while let Some(message) = messages.message().await? {
            for (trace_id, span_id) in spans_of(&message) {
                by_v3.insert(key(trace_id, span_id)?);
            }
        }
    }
    ensure!(by_v2 == sent && by_v3 == sent, "{} and {} of {} spans", by_v2.len(), by_v3.len(), sent.len());

    let (_, services) = spoor.query("/api/services").await?;
    let names = v3.get_services(api_v3::GetServicesRequest {}).await?.into_inner().services;
    ensure!(json!(names) == services["data"], "{names:?}");
    let ended = spoor.stop().await?;
    ensure!(ended.status.success(), "{}", ended.log);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giant_trace_comes_in_messages_that_every_client_takes_and_who_cancels_is_forgotten_at_once()
-> Result<()> {
    let (spoor, sent) = filled(GIANT.into(), Some(GIANT)).await?;
    let (trace, _) = *sent.first().context("spans were sent")?;
    let channel = channel(&spoor).await?;

    let mut v2 = ClientV2::new(channel.clone());
    let request =
        api_v2::GetTraceRequest { trace_id: trace.to_bytes().to_vec().into(), ..Default::default() };
    let mut chunks = v2.get_trace(request).await?.into_inner();
    let mut seen = BTreeSet::new();
    while let Some(chunk) = chunks.message().await? {
        let size = prost::Message::encoded_len(&chunk);
        ensure!(size <= 256 << 10, "a chunk of {} spans has {size} bytes", chunk.spans.len());
        for span in &chunk.spans {
            seen.insert(key(&span.trace_id, &span.span_id)?);
        }
    }
    ensure!(seen == sent, "{} of {} spans by api_v2", seen.len(), sent.len());

    // The client refuses messages of more than 4 MiB, as it does unless told otherwise.
    let mut v3 = ClientV3::new(channel);
    let end = prost_types::Timestamp::from(std::time::SystemTime::now());
    let query = api_v3::TraceQueryParameters {
        start_time_min: Some(prost_types::Timestamp { seconds: end.seconds - 86_400, nanos: 0 }),
        start_time_max: Some(end),
        ..Default::default()
    };
    let by_id = api_v3::GetTraceRequest { trace_id: trace.to_string(), ..Default::default() };
    for mut messages in [
        v3.get_trace(by_id.clone()).await?.into_inner(),
        v3.find_traces(api_v3::FindTracesRequest { query: Some(query) }).await?.into_inner(),
    ] {
        let mut seen = BTreeSet::new();
        while let Some(message) = messages.message().await? {
            for (trace_id, span_id) in spans_of(&message) {
                seen.insert(key(trace_id, span_id)?);
            }
        }
        ensure!(seen == sent, "{} of {} spans by api_v3", seen.len(), sent.len());
    }

    let raw = api_v3::GetTraceRequest { raw_traces: true, ..by_id };
    a_raw_trace_waits_without_a_turn(&spoor, &mut v3, raw, &sent).await
}

/// Raw, a trace is read while it is sent; while its client is waited for it has no turn, and the rest is there when the client comes.
async fn a_raw_trace_waits_without_a_turn(
    spoor: &Spoor,
    v3: &mut ClientV3<Channel>,
    raw: api_v3::GetTraceRequest,
    sent: &BTreeSet<SpanKey>,
) -> Result<()> {
    let mut messages = v3.get_trace(raw.clone()).await?.into_inner();
    let first = messages.message().await?.context("a first message")?;
    let running = async || anyhow::Ok(spoor.metrics().await?.sum("spoor_query_running", ""));
    let idle = || async {
        ensure!(running().await? == 0.0, "it runs");
        Ok(())
    };
    eventually("the rest waits for its client", Duration::from_secs(60), idle).await?;
    let mut seen: BTreeSet<SpanKey> =
        spans_of(&first).map(|(trace_id, span_id)| key(trace_id, span_id)).collect::<Result<_>>()?;
    while let Some(message) = messages.message().await? {
        for (trace_id, span_id) in spans_of(&message) {
            seen.insert(key(trace_id, span_id)?);
        }
    }
    ensure!(seen == *sent, "{} of {} spans, raw", seen.len(), sent.len());
    let mut messages = v3.get_trace(raw).await?.into_inner();
    messages.message().await?.context("a first message")?;
    drop(messages);
    eventually("nothing runs any more", Duration::from_secs(60), idle).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_of_our_proto_files_reads_traces_by_both_services() -> Result<()> {
    let (spoor, sent) = filled(300, None).await?;
    let (trace, _) = *sent.first().context("spans were sent")?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario = here.join("scenarios/query_grpc");
    let python = spoor_tests::python_environment("query_grpc", &scenario.join("requirements.txt")).await?;
    let idl = here.parent().context("the checkout is around")?.join("proto/idl");
    let output = Command::new(python)
        .arg(scenario.join("read.py"))
        .arg(spoor.address("query-grpc"))
        .arg(idl)
        .arg(trace.to_string())
        .output()
        .await
        .context("run the client")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout)?;
    let mut spans: Vec<String> =
        sent.iter().filter(|(of, _)| *of == trace).map(|(_, span)| span.to_string()).collect();
    spans.sort();
    ensure!(seen["v2"] == json!(spans) && seen["v3"] == json!(spans), "{seen:#}\nexpected {spans:?}");
    ensure!(seen["found"] == true, "{seen:#}");
    ensure!(seen["serving"] == json!([1, 1, 1]), "{seen:#}");
    ensure!(seen["unknown"] == json!(["NOT_FOUND", "trace not found"]), "{seen:#}");
    let served = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "jaeger.api_v2.QueryService",
        "jaeger.api_v3.QueryService",
    ];
    ensure!(seen["reflected"] == json!(served), "{seen:#}");
    let methods =
        ["FindTraceSummaries", "FindTraces", "GetDependencies", "GetOperations", "GetServices", "GetTrace"];
    ensure!(seen["methods"] == json!(methods), "{seen:#}");
    ensure!(seen["span_fields"]["end_time_unix_nano"] == 8, "OTLP's span is described: {seen:#}");
    let (_, services) = spoor.query("/api/services").await?;
    ensure!(seen["services"] == services["data"], "{seen:#}");
    Ok(())
}

//! Stories on the OpenSearch that a test run shares: a poisoned span, a trace across page boundaries, the accounts.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use serde_json::json;
use spoor_load::{Protocol, SendConfig};
use spoor_tests::accounts::Accounts;
use spoor_tests::server::{answer, response};
use spoor_tests::traffic::{now, requests, send, stored_keys, to};
use spoor_tests::{Role, Spoor, delete_indices, eventually, refresh, unique_prefix};

struct Installation {
    server: String,
    prefix: String,
    collector: Spoor,
    query: Spoor,
}

impl Installation {
    async fn start(story: &str, more: &[&str]) -> Result<Self> {
        let server = xtask::servers::opensearch_url()?;
        let prefix = unique_prefix(story);
        let settings = [
            format!("--es.server-urls={server}"),
            format!("--es.index-prefix={prefix}"),
            "--es.num-replicas=0".to_owned(),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let collector = Spoor::start(Role::Collector, &[&settings[..], more].concat()).await?;
        let query = Spoor::start(Role::Query, &settings).await?;
        collector.ready().await?;
        Ok(Self { server, prefix, collector, query })
    }

    async fn end(self) -> Result<()> {
        delete_indices(&self.server, &self.prefix).await
    }
}

fn span(trace: u128, id: u64, parent: u64, name: &str, start: u64) -> Span {
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
        name: name.to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_000_000,
        ..Span::default()
    }
}

fn text(value: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) })
}

fn request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes =
        vec![KeyValue { key: "service.name".to_owned(), value: text(service), ..KeyValue::default() }];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

async fn export(
    collector: &Spoor,
    request: &ExportTraceServiceRequest,
) -> Result<ExportTraceServiceResponse> {
    let url = format!("{}/v1/traces", collector.url("otlp-http"));
    let post = reqwest::Client::new().post(url).header("content-type", "application/x-protobuf");
    let told = response(post.body(request.encode_to_vec())).await?;
    let status = told.status();
    let body = told.bytes().await?;
    ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    Ok(ExportTraceServiceResponse::decode(body)?)
}

#[tokio::test]
async fn a_poisoned_span_is_named_and_the_others_are_stored() -> Result<()> {
    let installation = Installation::start("poison", &[]).await?;
    let start = now().0;
    // A field of one span that the day's index maps otherwise than our documents have it: the store refuses such a document for good.
    let day = export_day(&installation, start).await?;
    let mapping = json!({"properties": {"tag": {"properties": {"error": {"type": "date"}}}}});
    let client = reqwest::Client::new();
    let body = json!({"mappings": mapping});
    answer(client.put(format!("{}/{day}", installation.server)).json(&body)).await?;

    let mut poisoned = span(7, 2, 1, "poisoned", start);
    poisoned.status = Some(Status { code: 2, message: String::new() });
    let spans = vec![span(7, 1, 0, "good root", start), poisoned, span(7, 3, 1, "good child", start)];
    let told = export(&installation.collector, &request("poison", spans)).await?;
    let partial = told.partial_success.context("the refused span is told")?;
    ensure!(partial.rejected_spans == 1, "{partial:?}");
    ensure!(
        partial.error_message.contains("0000000000000002"),
        "the refused span is named: {}",
        partial.error_message
    );

    refresh(&installation.server, &installation.prefix).await?;
    let (status, body) = installation.query.query("/api/traces/7").await?;
    let names: Vec<_> = body["data"][0]["spans"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|span| &span["operationName"])
        .collect();
    ensure!(status == 200 && names.len() == 2 && !names.contains(&&json!("poisoned")), "{body:#}");
    let metrics = installation.collector.metrics().await?;
    ensure!(metrics.sum("spoor_collector_spans_rejected_total", "") == 1.0, "the refused span is counted");
    installation.end().await
}

/// Name of the index that spans of that moment go to.
async fn export_day(installation: &Installation, start: u64) -> Result<String> {
    let probe = request("probe", vec![span(1, 1, 0, "probe", start)]);
    let told = export(&installation.collector, &probe).await?;
    ensure!(told.partial_success.is_none_or(|partial| partial.rejected_spans == 0), "the probe is stored");
    let client = reqwest::Client::new();
    let pattern =
        format!("{}/_cat/indices/{}-jaeger-span-*?format=json", installation.server, installation.prefix);
    let indices = answer(client.get(pattern)).await?;
    let name = indices[0]["index"].as_str().context("the probe made the day's index")?.to_owned();
    answer(client.delete(format!("{}/{name}", installation.server))).await?;
    Ok(name)
}

#[tokio::test]
async fn a_trace_of_25000_spans_comes_back_whole_though_thousands_share_a_microsecond() -> Result<()> {
    const SPANS: u64 = 25_000;
    let installation = Installation::start("giant", &[]).await?;
    let start = now().0;
    let trace = 0xabcd_u128 << 64 | 1;
    for first in (1..=SPANS).step_by(2_500) {
        // Steps of 5,000 spans each within one microsecond, across the borders of pages and requests.
        let spans = (first..first + 2_500)
            .map(|id| span(trace, id, u64::from(id > 1), "step", start + id / 5_000 * 1_000))
            .collect();
        let told = export(&installation.collector, &request("giant", spans)).await?;
        ensure!(told.partial_success.is_none_or(|partial| partial.rejected_spans == 0), "all is stored");
    }
    refresh(&installation.server, &installation.prefix).await?;
    let (status, body) = installation.query.query(&format!("/api/traces/{trace:032x}?raw=true")).await?;
    let spans = body["data"][0]["spans"].as_array().context("the trace has spans")?;
    let mut ids: Vec<&str> = spans.iter().filter_map(|span| span["spanID"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ensure!(
        status == 200 && spans.len() == 25_000 && ids.len() == 25_000,
        "{status}: {} spans, {} ids",
        spans.len(),
        ids.len()
    );
    installation.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_accounts_add_up_over_a_run_with_faults() -> Result<()> {
    // Little room and bad requests among good ones: some spans are stored, some refused, some given back.
    let installation = Installation::start("accounts", &["--collector.max-concurrent-requests=3"]).await?;
    let sending = (0..4_u64).map(|seed| {
        // One that is sent again after it was stored in part is counted twice.
        let retry_for = Duration::ZERO;
        let config = SendConfig { retry_for, ..to(&installation.collector, Protocol::OtlpGrpc, 2) };
        tokio::spawn(async move { send(&config, requests(seed + 10, 5_000, 250)).await })
    });
    let sending: Vec<_> = sending.collect();
    let nameless = vec![span(0, 1, 0, "no trace id", now().0), span(9, 9, 0, "good", now().0)];
    let rejected = eventually("a request finds room", Duration::from_secs(60), || async {
        let told = export(&installation.collector, &request("faults", nameless.clone())).await?;
        Ok(told.partial_success.map_or(0, |partial| partial.rejected_spans))
    })
    .await?;
    ensure!(rejected == 1, "a span without a trace id is refused");
    let mut acknowledged = 0;
    for report in sending {
        acknowledged += report.await??.acknowledged.spans;
    }
    let accounts = Accounts::of(&installation.collector).await?;
    ensure!(accounts.add_up(), "{accounts:?}");
    let Accounts { stored, in_flight, .. } = accounts;
    let (found, _) = stored_keys(&installation.server, &installation.prefix).await?;
    ensure!(found.len() as f64 == stored, "{} spans found, {stored} counted as stored", found.len());
    ensure!(
        stored >= acknowledged as f64 && in_flight == 0.0,
        "acknowledged {acknowledged}, stored {stored}, in flight {in_flight}"
    );
    let metrics = installation.collector.metrics().await?;
    if metrics.sum("spoor_collector_requests_refused_total", "") == 0.0 {
        bail!("the limit on concurrent requests was never met, so this story proved less than it says");
    }
    installation.end().await
}

//! A service that asks how to sample and samples so, as a client of Jaeger does, and tells so in the tags of its spans.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spoor_proto::jaeger::api_v2::sampling_manager_client::SamplingManagerClient;
use spoor_proto::jaeger::api_v2::{SamplingStrategyParameters, SamplingStrategyResponse};
use spoor_tests::Spoor;
use spoor_tests::traffic::now;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// Between two turns of a client: it asks, then sends what it sampled.
const TURN: Duration = Duration::from_millis(250);
/// The operation of the simulated service.
const OPERATION: &str = "buy";

/// Asks on a listener how a service is to sample.
pub(crate) async fn ask(spoor: &Spoor, listener: &str, service: &str) -> Result<SamplingStrategyResponse> {
    ask_at(spoor.url(listener), service).await
}

async fn ask_at(url: String, service: &str) -> Result<SamplingStrategyResponse> {
    let mut client = SamplingManagerClient::new(Channel::from_shared(url)?.connect().await?);
    let parameters = SamplingStrategyParameters { service_name: service.to_owned() };
    Ok(client.get_sampling_strategy(parameters).await?.into_inner())
}

/// What a client makes of it for the operation.
pub(crate) fn probability(told: &SamplingStrategyResponse) -> Result<f64> {
    let Some(rules) = &told.operation_sampling else {
        return Ok(told.probabilistic_sampling.context("a probability")?.sampling_rate);
    };
    let own = rules.per_operation_strategies.iter().find(|rule| rule.operation == OPERATION);
    let own = own.and_then(|rule| rule.probabilistic_sampling).map(|rule| rule.sampling_rate);
    Ok(own.unwrap_or(rules.default_sampling_probability))
}

/// A service in motion.
pub(crate) struct Client {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<()>>,
}

impl Client {
    /// `traffic` requests a second; asks the collectors and sends to them in turn.
    pub(crate) fn start(service: &'static str, traffic: f64, collectors: &[&Spoor]) -> Self {
        let stop = CancellationToken::new();
        let urls = |collector: &&Spoor| (collector.url("jaeger-grpc"), collector.url("otlp-http"));
        let collectors: Vec<_> = collectors.iter().map(urls).collect();
        let stopping = stop.clone();
        let task = tokio::spawn(async move {
            let (mut remainder, mut number, mut began) = (0.0, 0_usize, tokio::time::Instant::now());
            while !stopping.is_cancelled() {
                let (asked, sent_to) = &collectors[number % collectors.len()];
                number += 1;
                let probability = probability(&ask_at(asked.clone(), service).await?)?;
                tokio::time::sleep_until(began + TURN).await;
                let exact = traffic * probability * began.elapsed().as_secs_f64() + remainder;
                began = tokio::time::Instant::now();
                remainder = exact.fract();
                send(sent_to, service, exact, probability).await?;
            }
            Ok(())
        });
        Self { stop, task }
    }

    /// Ends it.
    ///
    /// # Errors
    /// What went wrong on its way.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.task.await?
    }
}

async fn send(url: &str, service: &str, count: f64, probability: f64) -> Result<()> {
    let text = |value: &str| Value::StringValue(value.to_owned());
    let tag = |key: &str, value: Value| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    let span = |sampler: &str| {
        let start = now().0;
        Span {
            trace_id: (u128::from(fastrand::u64(1..)) << 64 | u128::from(start)).to_be_bytes().to_vec(),
            span_id: fastrand::u64(1..).to_be_bytes().to_vec(),
            name: OPERATION.to_owned(),
            start_time_unix_nano: start,
            end_time_unix_nano: start + 1_000_000,
            attributes: vec![
                tag("sampler.type", text(sampler)),
                tag("sampler.param", Value::DoubleValue(probability)),
            ],
            ..Span::default()
        }
    };
    // One more by the lower bound, which only shows the operation.
    let mut spans = vec![span("lowerbound")];
    while f64::from(u32::try_from(spans.len())?) <= count.trunc() {
        spans.push(span("probabilistic"));
    }
    let resource = Resource { attributes: vec![tag("service.name", text(service))], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    let request = ExportTraceServiceRequest { resource_spans };
    let client = reqwest::Client::new().post(format!("{url}/v1/traces"));
    let client = client.header("content-type", "application/x-protobuf");
    let answer = client.body(request.encode_to_vec()).send().await?;
    ensure!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await?);
    Ok(())
}

/// Deletes what the story left on the server.
///
/// # Errors
/// When the server cannot be asked.
pub(crate) async fn delete_indices(server: &str, prefix: &str) -> Result<()> {
    let client = reqwest::Client::new();
    client
        .delete(format!(
            "{server}/{prefix}-jaeger-sampling-*,{prefix}-jaeger-spoor-locks?ignore_unavailable=true"
        ))
        .send()
        .await?;
    for api in ["_template", "_index_template"] {
        client.delete(format!("{server}/{api}/{prefix}-jaeger-sampling")).send().await?;
    }
    spoor_tests::delete_indices(server, prefix).await
}

//! A process with some traces in it, and the good questions that it has to answer all the while.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use spoor_load::Protocol;
use spoor_model::TraceId;
use spoor_proto::jaeger::api_v3::GetTraceRequest;
use spoor_proto::jaeger::api_v3::query_service_client::QueryServiceClient as ClientV3;
use spoor_tests::traffic::{keys_of, requests, send, to};
use spoor_tests::{Spoor, eventually, server};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::PATIENCE;
use crate::values::Known;

/// How long a store that others load, too, may have no room for a question, or be slow.
const NO_ROOM: Duration = Duration::from_secs(120);

/// What answers questions about metrics.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metrics {
    Good,
    Broken,
}

/// Whether traces can be archived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Archive {
    On,
    Off,
}

pub(crate) struct Scene {
    pub(crate) spoor: Spoor,
    pub(crate) metrics: Metrics,
    pub(crate) archive: Archive,
    pub(crate) known: Known,
    pub(crate) client: Client,
    pub(crate) channel: Channel,
    /// The trace that is known, as it is answered.
    trace: Value,
}

impl Scene {
    /// Fills the process, and asks the good questions for the first time.
    pub(crate) async fn of(spoor: Spoor, metrics: Metrics, archive: Archive) -> Result<Self> {
        let report = send(&to(&spoor, Protocol::OtlpGrpc, 1), requests(31, 400, 50)).await?;
        let keys = keys_of(&report, |_| true);
        let (trace_id, _) = *keys.first().context("spans were sent")?;
        let spans = keys.iter().filter(|(trace, _)| *trace == trace_id).count();
        let found = eventually("the trace is found", NO_ROOM, || async {
            let (status, found) = spoor.query(&format!("/api/traces/{trace_id}")).await?;
            let there = found["data"][0]["spans"].as_array().map_or(0, Vec::len);
            ensure!(status == 200 && there == spans, "{status}: {there} of {spans} spans");
            Ok(found)
        })
        .await?;
        let known = eventually("names are listed", NO_ROOM, || known(&spoor, trace_id)).await?;
        let channel = Channel::from_shared(spoor.url("query-grpc"))?.connect().await?;
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { spoor, metrics, archive, known, client, channel, trace: found })
    }

    /// Where traces can be archived the store is the server that all tests share. What it has no room for is asked again; no other store
    /// is an excuse.
    fn shares_its_store(&self) -> bool {
        self.archive == Archive::On
    }

    /// The answer to a question by HTTP.
    pub(crate) async fn by_http(&self, question: RequestBuilder) -> Result<Response> {
        let question = question.timeout(PATIENCE);
        if self.shares_its_store() { server::response(question).await } else { Ok(question.send().await?) }
    }

    /// The answer to a question by gRPC.
    pub(crate) async fn by_grpc<T, F>(&self, ask: impl Fn() -> F) -> Result<Result<T, Status>>
    where
        F: Future<Output = Result<T, Status>>,
    {
        eventually("the store has room for a question", NO_ROOM, || async {
            match tokio::time::timeout(PATIENCE, ask()).await.context("no answer") {
                Ok(Err(full)) if full.code() == Code::ResourceExhausted && self.shares_its_store() => {
                    bail!("{full:?}")
                }
                answer => Ok(answer),
            }
        })
        .await?
    }

    async fn query(&self, path: &str) -> Result<(u16, Value)> {
        let url = format!("{}{path}", self.spoor.url("query-http"));
        let answer = self.by_http(self.client.get(url)).await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// Good questions have their answers.
    pub(crate) async fn good(&self) -> Result<()> {
        let (status, trace) = self.query(&format!("/api/traces/{}", self.known.trace)).await?;
        ensure!(status == 200 && trace == self.trace, "{status}: {trace}");
        let ask = || async {
            let request = GetTraceRequest { trace_id: self.known.trace.to_string(), ..Default::default() };
            ClientV3::new(self.channel.clone()).get_trace(request).await?.into_inner().message().await
        };
        let answer = self.by_grpc(ask).await??;
        ensure!(answer.is_some_and(|trace| !trace.resource_spans.is_empty()), "by gRPC");
        if self.metrics == Metrics::Good {
            let calls = format!("/api/metrics/calls?service={}&step=60000", self.known.service);
            let (status, rates) = self.query(&calls).await?;
            ensure!(status == 200 && rates["metrics"].is_array(), "{status}: {rates}");
        }
        Ok(())
    }

    /// The process is whole at the end.
    pub(crate) async fn stands(self) -> Result<()> {
        self.good().await?;
        let ended = self.spoor.stop().await?;
        ensure!(ended.status.success(), "{}: {}", ended.status, ended.log);
        let broken = ended.log.lines().find(|line| line.contains("panicked") || line.contains("overflow"));
        ensure!(broken.is_none(), "{broken:?}");
        Ok(())
    }
}

/// What is there to be asked for.
async fn known(spoor: &Spoor, trace: TraceId) -> Result<Known> {
    let (_, services) = spoor.query("/api/services").await?;
    let service = services["data"][0].as_str().context("a service")?.to_owned();
    let (_, operations) = spoor.query(&format!("/api/operations?service={service}")).await?;
    let operation = operations["data"][0]["name"].as_str().context("an operation")?.to_owned();
    let page = "/api/v3/trace-summaries?query.startTimeMin=2000-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z";
    let (_, page) = spoor.query(&format!("{page}&query.searchDepth=1")).await?;
    let token = page["nextPageToken"].as_str().with_context(|| format!("a further page: {page}"))?.to_owned();
    Ok(Known { trace, service, operation, token })
}

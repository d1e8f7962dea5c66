//! An agent and a collector for one test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use prometheus_client::registry::Registry;
use spoor_agent::{Agent, Config, Datagram, Format, Protocol, Sockets};
use spoor_model::{ResourceRow, ScopeRow, SpanBatchBuilder, SpanId, SpanRow, TraceId};
use spoor_net::{Listener, ServeOptions};
use spoor_proto::DecodeError;
use spoor_proto::error::Problem;
use spoor_proto::jaeger::api_v2::collector_service_server::{CollectorService, CollectorServiceServer};
use spoor_proto::jaeger::api_v2::sampling_manager_server::{SamplingManager, SamplingManagerServer};
use spoor_proto::jaeger::api_v2::{
    Batch, PostSpansRequest, PostSpansResponse, SamplingStrategyParameters, SamplingStrategyResponse,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    agent: Config,
}

/// A running agent.
pub(crate) struct Running {
    pub(crate) udp: Vec<(&'static str, SocketAddr)>,
    pub(crate) http: SocketAddr,
    registry: Arc<Registry>,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Starts an agent on free ports.
    pub(crate) fn start(collectors: &str, flags: &[&str]) -> Self {
        let config = settings(collectors, flags);
        let sockets = Sockets::bind(&config.ports).unwrap();
        let (udp, http) = (sockets.udp(), sockets.http().unwrap());
        let mut registry = Registry::default();
        let agent = Agent::build(&config, sockets, decode, &mut registry).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(agent.run(stop.clone()));
        Self { udp, http, registry: Arc::new(registry), stop, task }
    }

    /// A metric's value, by the whole head of its line.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    pub(crate) async fn until(&self, metric: &str, value: f64) {
        until(|| self.metric(metric) >= value).await;
        assert!((self.metric(metric) - value).abs() < 0.5, "{metric} is {}", self.metric(metric));
    }

    /// As SIGTERM does.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
    }
}

/// Of an agent on free ports.
fn settings(collectors: &str, flags: &[&str]) -> Config {
    let ports = ["zipkin-compact", "jaeger-compact", "jaeger-binary"]
        .map(|name| format!("--processor.{name}.server-host-port=127.0.0.1:0"));
    let mut args = vec!["spoor".to_owned(), format!("--reporter.grpc.host-port={collectors}")];
    args.push("--http-server.host-port=127.0.0.1:0".to_owned());
    args.extend(ports.into_iter().chain(flags.iter().map(|flag| (*flag).to_owned())));
    let config = Program::parse_from(args).agent;
    config.validate().unwrap();
    config
}

/// An agent that nobody runs yet.
pub(crate) fn built(collectors: &str, flags: &[&str]) -> Agent {
    let config = settings(collectors, flags);
    let sockets = Sockets::bind(&config.ports).unwrap();
    Agent::build(&config, sockets, decode, &mut Registry::default()).unwrap()
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    let come_true = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, come_true).await.expect("it comes true in time");
}

/// A protocol for these tests: `service spans`; `panic` breaks the decoder.
fn decode(_: Protocol, packet: &Bytes) -> Result<Datagram, DecodeError> {
    let error = || DecodeError::new(Problem::Malformed("no such datagram"), 0);
    let text = std::str::from_utf8(packet).map_err(|_| error())?;
    assert_ne!(text, "panic", "a mistake in a decoder");
    let (service, spans) = text.split_once(' ').ok_or_else(error)?;
    let spans: u64 = spans.parse().map_err(|_| error())?;
    let mut builder = SpanBatchBuilder::new();
    let service = builder.text(service);
    let resource = builder.push_resource(ResourceRow { service: Some(service), ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    for id in 1..=spans {
        let name = builder.text("work");
        let (trace_id, span_id) = (TraceId(1), SpanId(id));
        builder.push_span(SpanRow { trace_id, span_id, scope, name, ..SpanRow::default() });
    }
    let spans = builder.finish().map_err(|_| error())?;
    Ok(Datagram { format: Format::Jaeger, spans, sequence: None, stats: None })
}

/// A collector that notes what it gets.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    batches: Arc<Mutex<Vec<Batch>>>,
    strategies: Arc<Mutex<u32>>,
    /// It never answers how to sample.
    is_silent: bool,
}

#[tonic::async_trait]
impl CollectorService for Collector {
    async fn post_spans(
        &self,
        request: Request<PostSpansRequest>,
    ) -> Result<Response<PostSpansResponse>, Status> {
        self.batches.lock().unwrap().extend(request.into_inner().batch);
        Ok(Response::new(PostSpansResponse {}))
    }
}

#[tonic::async_trait]
impl SamplingManager for Collector {
    async fn get_sampling_strategy(
        &self,
        request: Request<SamplingStrategyParameters>,
    ) -> Result<Response<SamplingStrategyResponse>, Status> {
        *self.strategies.lock().unwrap() += 1;
        assert_eq!(request.into_inner().service_name, "shop");
        if self.is_silent {
            std::future::pending::<()>().await;
        }
        let strategy = spoor_sampling::Strategy::probabilistic(0.25);
        Ok(Response::new((&strategy).into()))
    }
}

impl Collector {
    /// One that never answers how to sample.
    pub(crate) fn silent() -> Self {
        Self { is_silent: true, ..Self::default() }
    }

    /// Serves on a port; aborted, the port and its connections are gone.
    pub(crate) fn serve(&self, address: &str) -> (SocketAddr, JoinHandle<std::io::Result<()>>) {
        let listener = Listener::bind("test", &address.parse().unwrap()).unwrap();
        let address = listener.local_addr();
        let mut routes = Routes::builder();
        routes.add_service(CollectorServiceServer::new(self.clone()));
        routes.add_service(SamplingManagerServer::new(self.clone()));
        let router = routes.routes().into_axum_router();
        let options = ServeOptions { http2_only: true, ..ServeOptions::default() };
        (address, tokio::spawn(spoor_net::serve(listener, router, options, CancellationToken::new())))
    }

    pub(crate) fn batches(&self) -> Vec<Batch> {
        self.batches.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> usize {
        self.batches.lock().unwrap().iter().map(|batch| batch.spans.len()).sum()
    }

    pub(crate) fn questions(&self) -> u32 {
        *self.strategies.lock().unwrap()
    }
}

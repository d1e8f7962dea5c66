//! A running collector on free ports, with its metrics at hand.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use spoor_collector::{Collector, Config, Sockets};
use spoor_net::tenancy::{Tenancy, TenancyConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use crate::writer::{Act, FakeWriter};

/// Nothing in these tests takes so long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    config: Config,

    #[command(flatten)]
    tenancy: TenancyConfig,
}

pub(crate) struct Fixture {
    pub(crate) writer: Arc<FakeWriter>,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) jaeger_http: SocketAddr,
    otlp_grpc: SocketAddr,
    jaeger_grpc: SocketAddr,
    registry: Registry,
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<io::Result<()>>,
}

impl Fixture {
    pub(crate) fn start(script: impl IntoIterator<Item = Act>) -> Self {
        Self::with_args(script, &[])
    }

    pub(crate) fn with_args(script: impl IntoIterator<Item = Act>, args: &[&str]) -> Self {
        let fixed = [
            "collector",
            "--collector.otlp.grpc.host-port=127.0.0.1:0",
            "--collector.otlp.http.host-port=127.0.0.1:0",
            "--collector.grpc-server.host-port=127.0.0.1:0",
            "--collector.http-server.host-port=127.0.0.1:0",
        ];
        let Program { config, tenancy } = Program::parse_from(fixed.iter().chain(args));
        let tenancy = Tenancy::new(&tenancy);
        config.validate().unwrap();
        let sockets = Sockets::bind(&config).unwrap();
        let (otlp_grpc, otlp_http) = (sockets.otlp_grpc().unwrap(), sockets.otlp_http().unwrap());
        let (jaeger_grpc, jaeger_http) = (sockets.jaeger_grpc(), sockets.jaeger_http().unwrap());
        let writer = Arc::new(FakeWriter::new(script));
        let mut registry = Registry::default();
        let collector = Collector::build(&config, tenancy, sockets, writer.clone(), "here", &mut registry);
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(collector.run(shutdown.clone()));
        Self { writer, otlp_http, jaeger_http, otlp_grpc, jaeger_grpc, registry, shutdown, running }
    }

    pub(crate) fn otlp_grpc(&self) -> Channel {
        channel(self.otlp_grpc)
    }

    pub(crate) fn jaeger_grpc(&self) -> Channel {
        channel(self.jaeger_grpc)
    }

    pub(crate) fn metrics_text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text
    }

    /// The sum of all samples of a metric whose labels contain `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.metrics_text();
        let samples = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let labels = series.strip_prefix(name)?;
            let whole_name = labels.is_empty() || labels.starts_with('{');
            (whole_name && labels.contains(label)).then(|| value.parse::<f64>().unwrap())
        });
        samples.sum()
    }

    /// Waits until a condition on this collector holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let polling = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, polling)
            .await
            .unwrap_or_else(|_| panic!("{what}\n{}", self.metrics_text()));
    }

    /// The books, when nothing is on its way: every span under exactly one heading.
    pub(crate) async fn accounts_add_up(&self) {
        self.until("nothing stays in flight", |this| {
            this.metric("spoor_collector_spans_in_flight", "") == 0.0
                && this.metric("spoor_collector_requests_in_flight", "") == 0.0
                && this.metric("spoor_collector_bytes_in_flight", "") == 0.0
        })
        .await;
        let count = |what: &str| self.metric(&format!("spoor_collector_spans_{what}_total"), "");
        assert_eq!(
            count("received"),
            count("stored") + count("rejected") + count("returned") + count("dropped"),
            "{}",
            self.metrics_text()
        );
    }

    /// Stops it and waits for the end.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.running).await.expect("ends in time").unwrap().unwrap();
    }
}

fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

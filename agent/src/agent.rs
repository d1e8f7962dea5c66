//! The role: binds its ports, builds its pieces, serves until the signal to stop, and drains.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::future::try_join_all;
use prometheus_client::registry::Registry;
use spoor_net::{ListenAddress, Listener, ServeOptions};
use spoor_pipeline::Quiet;
use spoor_sampling::HttpMetrics;
use spoor_sampling::http::agent_routes;
use spoor_tls::LoadedCertificates;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::buffer::{Buffer, Left, SpoolError};
use crate::clients::Clients;
use crate::config::{BufferConfig, Config, ConfigError, PortsConfig, parse_targets};
use crate::datagram::Decode;
use crate::gathering::Gathering;
use crate::intake::Intake;
use crate::metrics::{Accounts, ConnectionMetrics, PortMetrics};
use crate::otlp::{self, Receiver};
use crate::reporter::Reporter;
use crate::sampling::Proxy;
use crate::udp::{self, Port};

/// Connections at a time to a TCP port; more wait.
const MAX_HTTP_CONNECTIONS: usize = 256;

/// How long after the stop a request may still take that had begun.
const LAST_ANSWER: Duration = Duration::from_millis(500);

/// A port that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum BindError {
    /// A UDP port.
    Udp(#[from] udp::BindError),
    /// A TCP port.
    Tcp(#[from] spoor_net::BindError),
}

/// An agent that cannot be.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum BuildError {
    /// Settings.
    Config(#[from] ConfigError),
    /// The spool.
    Spool(#[from] SpoolError),
}

/// The bound ports of an agent.
#[derive(Debug)]
pub struct Sockets {
    udp: Vec<Port>,
    http: Option<Listener>,
    otlp_grpc: Option<Listener>,
    otlp_http: Option<Listener>,
}

impl Sockets {
    /// Binds every port that the settings ask for.
    ///
    /// # Errors
    /// [`BindError`] names the setting and what to do.
    pub fn bind(config: &PortsConfig) -> Result<Self, BindError> {
        let udp = config.processors().into_iter().map(Port::bind);
        let udp = udp.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let tcp = |setting, address: Option<&ListenAddress>| {
            address.map(|address| Listener::bind(setting, address)).transpose()
        };
        Ok(Self {
            udp,
            http: tcp("http-server.host-port", config.http.host_port())?,
            otlp_grpc: tcp("agent.otlp.grpc.host-port", config.otlp.grpc())?,
            otlp_http: tcp("agent.otlp.http.host-port", config.otlp.http())?,
        })
    }

    /// Where the UDP ports listen, by their names in the settings.
    #[must_use]
    pub fn udp(&self) -> Vec<(&'static str, SocketAddr)> {
        self.udp.iter().map(|port| (port.name(), port.address())).collect()
    }

    /// Where clients ask for sampling strategies; `None` when it is off.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(Listener::local_addr)
    }

    /// Where OTLP comes in by gRPC and by HTTP; `None` what is off.
    #[must_use]
    pub fn otlp(&self) -> [Option<SocketAddr>; 2] {
        [&self.otlp_grpc, &self.otlp_http].map(|listener| listener.as_ref().map(Listener::local_addr))
    }
}

/// An agent that is built and waits to run.
pub struct Agent {
    ports: Vec<(Port, PortMetrics)>,
    http: Vec<HttpPort>,
    otlp: Vec<HttpPort>,
    intake: Intake,
    buffer: Arc<Buffer>,
    reporter: Reporter,
    ending: Ending,
}

struct HttpPort {
    name: &'static str,
    listener: Listener,
    router: Router,
    /// gRPC is HTTP/2 alone.
    http2_only: bool,
}

#[derive(Debug, Clone, Copy)]
struct Ending {
    drain_timeout: Duration,
    sync_interval: Duration,
}

impl Agent {
    /// Puts the pieces together. Datagrams are read by `decode`.
    ///
    /// # Errors
    /// When the collectors' names make no sense, or the spool cannot be used.
    pub fn build(
        config: &Config,
        sockets: Sockets,
        decode: Decode,
        registry: &mut Registry,
    ) -> Result<Self, BuildError> {
        let targets = parse_targets(&config.reporter.host_port)?;
        let accounts = Arc::new(Accounts::register(registry));
        let buffer = Arc::new(open_buffer(&config.buffer, &accounts)?);
        let connections = Arc::new(ConnectionMetrics::register(registry));
        let reporter = Reporter::new(&config.reporter, targets, Arc::clone(&buffer), connections);
        let batch = usize::try_from(config.reporter.batch_max_bytes.0).unwrap_or(usize::MAX);
        let gathering = Gathering::new(Arc::clone(&buffer), batch, config.reporter.linger);
        let metrics = udp::register(&sockets.udp, registry);
        let ports = sockets.udp.into_iter().map(|port| {
            let metrics = metrics.of(port.protocol(), port.model());
            (port, metrics)
        });
        let intake = Intake {
            decode,
            tags: Arc::new(config.tags.clone()),
            gathering: Arc::new(gathering),
            clients: Arc::new(Clients::register(registry)),
            accounts,
            quiet: Arc::new(Quiet::default()),
        };
        let http = sockets.http.map(|listener| {
            let provider = Proxy::register(registry, reporter.peers(), config.ports.http.cache_ttl);
            let metrics = HttpMetrics::register(registry.sub_registry_with_prefix("jaeger_agent"));
            let router = agent_routes(Arc::new(provider), metrics);
            HttpPort { name: "sampling-http", listener, router, http2_only: false }
        });
        let otlp = [sockets.otlp_grpc, sockets.otlp_http];
        let otlp = if otlp.iter().any(Option::is_some) {
            let (settings, tags) = (&config.ports.otlp, config.tags.clone());
            let receiver = Receiver::register(registry, settings, tags, batch, Arc::clone(&buffer));
            otlp_ports(otlp, receiver)
        } else {
            Vec::new()
        };
        let ending = Ending {
            drain_timeout: config.buffer.drain_timeout,
            sync_interval: config.buffer.spool.sync_interval,
        };
        Ok(Self {
            ports: ports.collect(),
            http: http.into_iter().collect(),
            otlp,
            intake,
            buffer,
            reporter,
            ending,
        })
    }

    /// Tells with each connection to a collector when the certificates end that it is made with.
    pub fn report_certificates(&mut self, certificates: &LoadedCertificates) {
        self.reporter.report_certificates(certificates);
    }

    /// Serves until `shutdown`; then takes nothing new, decodes what has arrived, and delivers what it has until the drain's time is over.
    ///
    /// # Errors
    /// When a bound port cannot be served.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let Self { ports, http, otlp, intake, buffer, reporter, ending } = self;
        let (stop_gathering, stop_reporting) = (CancellationToken::new(), CancellationToken::new());
        let gathering = tokio::spawn({
            let (gathering, stop) = (Arc::clone(&intake.gathering), stop_gathering.clone());
            async move { gathering.run(stop).await }
        });
        let reporting = tokio::spawn(reporter.run(stop_reporting.clone()));
        let clients = Arc::clone(&intake.clients);
        let _forgetting =
            AbortOnDropHandle::new(tokio::spawn(async move { clients.keep_forgetting().await }));
        let spool = Arc::clone(&buffer);
        let syncing =
            AbortOnDropHandle::new(tokio::spawn(
                async move { spool.keep_syncing(ending.sync_interval).await },
            ));
        let serving = ports.into_iter().map(|(port, metrics)| {
            tracing::info!(listener = port.name(), address = %port.address(), "listens");
            port.run(intake.clone(), metrics, shutdown.clone())
        });
        // On their own: half a request holds up no span.
        let answering = AbortOnDropHandle::new(tokio::spawn(serve_http(http, shutdown.clone())));
        let taking = AbortOnDropHandle::new(tokio::spawn(serve_http(otlp, shutdown.clone())));
        let served = try_join_all(serving).await.map(drop);
        // With every port off it still delivers. With one lost it ends, so that whoever looks after it hears of that.
        if served.is_ok() {
            shutdown.cancelled().await;
        }
        // What is cut off here is not acknowledged.
        let taken = last_answers(taking).await;
        stop_gathering.cancel();
        let _ = gathering.await;
        let in_time = tokio::time::timeout(ending.drain_timeout, buffer.emptied()).await.is_ok();
        stop_reporting.cancel();
        let _ = reporting.await;
        if !in_time {
            let Left { dropped, kept } = buffer.give_up();
            tracing::warn!(
                dropped,
                kept,
                "not all spans could be delivered within --agent.drain-timeout; those kept are in the spool"
            );
        }
        cut(syncing).await;
        // It has been told.
        let _ = buffer.sync_all().await;
        served.and(taken).and(last_answers(answering).await)
    }
}

/// The end of a task that serves, which is cut off when that takes long.
async fn last_answers(mut serving: AbortOnDropHandle<io::Result<()>>) -> io::Result<()> {
    match tokio::time::timeout(LAST_ANSWER, &mut serving).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(_)) => Ok(()),
        Err(_) => {
            cut(serving).await;
            Ok(())
        }
    }
}

/// Ends a task and waits until it has let go of what it holds: the spool is the next agent's from then on.
async fn cut<T>(task: AbortOnDropHandle<T>) {
    task.abort();
    // That it was cut is no news.
    let _ = task.await;
}

fn otlp_ports([grpc, http]: [Option<Listener>; 2], receiver: Receiver) -> Vec<HttpPort> {
    let grpc = grpc.map(|listener| {
        let router = otlp::grpc_routes(receiver.clone());
        HttpPort { name: "agent-otlp-grpc", listener, router, http2_only: true }
    });
    let http = http.map(|listener| {
        let router = otlp::http_routes(receiver);
        HttpPort { name: "agent-otlp-http", listener, router, http2_only: false }
    });
    grpc.into_iter().chain(http).collect()
}

async fn serve_http(ports: Vec<HttpPort>, shutdown: CancellationToken) -> io::Result<()> {
    let serving = ports.into_iter().map(|HttpPort { name, listener, router, http2_only }| {
        tracing::info!(listener = name, address = %listener.local_addr(), "listens");
        let options =
            ServeOptions { max_connections: MAX_HTTP_CONNECTIONS, http2_only, ..ServeOptions::default() };
        spoor_net::serve(listener, router, options, shutdown.clone())
    });
    try_join_all(serving).await.map(drop)
}

fn open_buffer(config: &BufferConfig, accounts: &Arc<Accounts>) -> Result<Buffer, SpoolError> {
    let accounts = Arc::clone(accounts);
    match &config.spool.directory {
        Some(directory) => Buffer::on_disk(directory, config.spool.max_bytes.0, accounts),
        None => Ok(Buffer::in_memory(usize::try_from(config.max_bytes.0).unwrap_or(usize::MAX), accounts)),
    }
}

//! The role: binds its ports, builds its pieces, serves until the signal to stop, and drains.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::future::try_join_all;
use prometheus_client::registry::Registry;
use spoor_net::{Listener, ServeOptions};
use spoor_pipeline::Quiet;
use spoor_sampling::HttpMetrics;
use spoor_sampling::http::agent_routes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::buffer::{Buffer, Left, SpoolError};
use crate::clients::Clients;
use crate::config::{BufferConfig, Config, ConfigError, PortsConfig, parse_targets};
use crate::datagram::Decode;
use crate::gathering::Gathering;
use crate::intake::Intake;
use crate::metrics::{Accounts, ConnectionMetrics, PortMetrics};
use crate::reporter::Reporter;
use crate::sampling::Proxy;
use crate::udp::{self, Port};

/// Connections at a time to the HTTP port; more wait.
const MAX_HTTP_CONNECTIONS: usize = 256;

/// How long, after the last span, an answer about sampling may still take.
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
}

impl Sockets {
    /// Binds every port that the settings ask for.
    ///
    /// # Errors
    /// [`BindError`] names the setting and what to do.
    pub fn bind(config: &PortsConfig) -> Result<Self, BindError> {
        let udp = config.processors().into_iter().map(Port::bind);
        let udp = udp.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let http = config.http.host_port();
        let http = http.map(|address| Listener::bind("http-server.host-port", address)).transpose()?;
        Ok(Self { udp, http })
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
}

/// An agent that is built and waits to run.
pub struct Agent {
    ports: Vec<(Port, PortMetrics)>,
    http: Option<(Listener, Router)>,
    intake: Intake,
    buffer: Arc<Buffer>,
    reporter: Reporter,
    ending: Ending,
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
            (listener, agent_routes(Arc::new(provider), metrics))
        });
        let ending = Ending {
            drain_timeout: config.buffer.drain_timeout,
            sync_interval: config.buffer.spool.sync_interval,
        };
        Ok(Self { ports: ports.collect(), http, intake, buffer, reporter, ending })
    }

    /// Serves until `shutdown`; then takes nothing new, decodes what has arrived, and delivers what it has until the drain's time is over.
    ///
    /// # Errors
    /// When a bound port cannot be served.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let Self { ports, http, intake, buffer, reporter, ending } = self;
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
        let _syncing =
            AbortOnDropHandle::new(tokio::spawn(
                async move { spool.keep_syncing(ending.sync_interval).await },
            ));
        let serving = ports.into_iter().map(|(port, metrics)| {
            tracing::info!(listener = port.name(), address = %port.address(), "listens");
            port.run(intake.clone(), metrics, shutdown.clone())
        });
        let stop_answering = shutdown.clone();
        // On its own: half a question holds up no span.
        let answering = AbortOnDropHandle::new(tokio::spawn(async move {
            match http {
                Some((listener, router)) => serve_http(listener, router, stop_answering).await,
                None => Ok(()),
            }
        }));
        let served = try_join_all(serving).await.map(drop);
        // With every port off it still delivers. With one lost it ends, so that whoever looks after it hears of that.
        if served.is_ok() {
            shutdown.cancelled().await;
        }
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
        buffer.sync().await;
        match tokio::time::timeout(LAST_ANSWER, answering).await {
            Ok(Ok(answered)) => served.and(answered),
            _ => served,
        }
    }
}

async fn serve_http(listener: Listener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    tracing::info!(listener = "sampling-http", address = %listener.local_addr(), "listens");
    let options = ServeOptions { max_connections: MAX_HTTP_CONNECTIONS, ..ServeOptions::default() };
    spoor_net::serve(listener, router, options, shutdown).await
}

fn open_buffer(config: &BufferConfig, accounts: &Arc<Accounts>) -> Result<Buffer, SpoolError> {
    let accounts = Arc::clone(accounts);
    match &config.spool.directory {
        Some(directory) => Buffer::on_disk(directory, config.spool.max_bytes.0, accounts),
        None => Ok(Buffer::in_memory(usize::try_from(config.max_bytes.0).unwrap_or(usize::MAX), accounts)),
    }
}

//! The role as a process runs it: bind, build, run. Each step is a type, so that the order cannot be mixed up.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use futures::future;
use prometheus_client::registry::Registry;
use spoor_net::{BindError, Listener, ServeOptions, TracedLayer};
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::rpc;
use crate::service::Service;
use crate::stores::Stores;
use crate::ui::{Ui, UiError};

/// The bound ports of a query role that is not built yet.
#[derive(Debug)]
pub struct Sockets {
    http: Listener,
    grpc: Listener,
}

impl Sockets {
    /// Where HTTP is bound: with the real port where 0 was asked for.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http.local_addr()
    }

    /// Where gRPC is bound, likewise.
    #[must_use]
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc.local_addr()
    }
}

/// The query role, ready to run.
pub struct Query {
    sockets: Sockets,
    router: Router,
    rpc: rpc::Port,
}

impl Query {
    /// Binds the ports, before any work.
    ///
    /// # Errors
    /// [`BindError`] names the setting and the remedy.
    pub fn bind(config: &Config) -> Result<Sockets, BindError> {
        Ok(Sockets {
            http: Listener::bind("query.http-server.host-port", &config.http)?,
            grpc: Listener::bind("query.grpc-server.host-port", &config.grpc)?,
        })
    }

    /// Puts the role together over its stores, and registers its metrics. `version` is what the UI says of the program: JSON,
    /// `{"gitCommit","gitVersion","buildDate"}`.
    ///
    /// # Errors
    /// [`UiError`] when there is no UI where one shall be.
    pub fn build(
        config: &Config,
        sockets: Sockets,
        stores: Stores,
        version: &str,
        registry: &mut Registry,
    ) -> Result<Self, UiError> {
        let ui = Ui::open(&config.ui, &config.base_path, version)?;
        let service = Arc::new(Service::new(config, stores, Metrics::register(registry)));
        let rpc = rpc::Port::new(config, Arc::clone(&service));
        Ok(Self { sockets, router: api::router(config, service, ui), rpc })
    }

    /// Serves until `shutdown`, then lets the answers in flight be sent. Dropping the future cuts them.
    ///
    /// # Errors
    /// When the runtime refuses the socket.
    pub async fn run(self, shutdown: CancellationToken) -> std::io::Result<()> {
        let Sockets { http, grpc } = self.sockets;
        tracing::info!(listener = "query-http", address = %http.local_addr(), "listens");
        let router = self.router.layer(TracedLayer);
        let http = spoor_net::serve(http, router, ServeOptions::default(), shutdown.clone());
        future::try_join(http, self.rpc.run(grpc, shutdown)).await?;
        Ok(())
    }
}

//! The role as a process runs it: bind, build, run. Each step is a type, so that the order cannot be mixed up.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use prometheus_client::registry::Registry;
use spoor_net::{BindError, Listener, ServeOptions, TracedLayer};
use spoor_storage::SpanReader;
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::service::{Archive, Service};

/// The bound port of a query role that is not built yet.
#[derive(Debug)]
pub struct Socket(Listener);

impl Socket {
    /// Where it is bound: with the real port where 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }
}

/// The query role, ready to run.
pub struct Query {
    socket: Socket,
    router: Router,
}

impl Query {
    /// Binds the port, before any work.
    ///
    /// # Errors
    /// [`BindError`] names the setting and the remedy.
    pub fn bind(config: &Config) -> Result<Socket, BindError> {
        Listener::bind("query.http-server.host-port", &config.http).map(Socket)
    }

    /// Puts the role together over a store and, if there is one, its archive, and registers its metrics.
    #[must_use]
    pub fn build(
        config: &Config,
        socket: Socket,
        reader: Arc<dyn SpanReader>,
        archive: Option<Archive>,
        registry: &mut Registry,
    ) -> Self {
        let service = Service::new(config, reader, archive, Metrics::register(registry));
        Self { socket, router: api::router(config, service) }
    }

    /// Serves until `shutdown`, then lets the answers in flight be sent. Dropping the future cuts them.
    ///
    /// # Errors
    /// When the runtime refuses the socket.
    pub async fn run(self, shutdown: CancellationToken) -> std::io::Result<()> {
        tracing::info!(listener = "query-http", address = %self.socket.local_addr(), "listens");
        spoor_net::serve(self.socket.0, self.router.layer(TracedLayer), ServeOptions::default(), shutdown)
            .await
    }
}

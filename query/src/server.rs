//! The role as a process runs it: bind, build, run. Each step is a type, so that the order cannot be mixed up.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use futures::future;
use prometheus_client::registry::Registry;
use spoor_net::tenancy::Tenancy;
use spoor_net::tls::LoadedCertificates;
use spoor_net::{AccessLogLayer, BindError, Listener, ServeOptions, TracedLayer, named_by_routes};
use spoor_tracer::Tracer;
use tokio_util::sync::CancellationToken;
use tower::Layer;

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
    /// Tells when the certificates of the ports end, now and whenever they are taken anew.
    pub fn report_certificates(&mut self, certificates: &LoadedCertificates) {
        for listener in [&mut self.http, &mut self.grpc] {
            listener.report_certificates(certificates);
        }
    }

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
    tenancy: Tenancy,
    access_log: AccessLogLayer,
    tracer: Tracer,
}

impl Query {
    /// Binds the ports, before any work.
    ///
    /// # Errors
    /// [`BindError`] names the setting and the remedy.
    pub fn bind(config: &Config) -> Result<Sockets, BindError> {
        let (http, grpc) = (&config.http, &config.grpc);
        Ok(Sockets {
            http: Listener::bind("query.http-server.host-port", http)?.with_tls(&config.http_tls)?,
            grpc: Listener::bind("query.grpc-server.host-port", grpc)?.with_tls(&config.grpc_tls)?,
        })
    }

    /// Puts the role together over its stores, and registers its metrics. `tenancy` stands before all that is served, the page
    /// too. `version` is what the UI says of the program: JSON,
    /// `{"gitCommit","gitVersion","buildDate"}`.
    ///
    /// # Errors
    /// [`UiError`] when there is no UI where one shall be.
    pub fn build(
        config: &Config,
        tenancy: Tenancy,
        sockets: Sockets,
        stores: Stores,
        version: &str,
        registry: &mut Registry,
    ) -> Result<Self, UiError> {
        let ui = Ui::open(&config.ui, &config.base_path, version)?;
        let service = Arc::new(Service::new(config, stores, Metrics::register(registry)));
        let rpc = rpc::Port::new(config, Arc::clone(&service));
        let router = api::router(config, service, ui, &tenancy);
        let access_log = AccessLogLayer::new(config.access_log, &tenancy);
        Ok(Self { sockets, router, rpc, tenancy, access_log, tracer: Tracer::default() })
    }

    /// Records its own questions with this tracer.
    #[must_use]
    pub fn with_tracer(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// Serves until `shutdown`, then lets the answers in flight be sent. Dropping the future cuts them.
    ///
    /// # Errors
    /// When the runtime refuses the socket.
    pub async fn run(self, shutdown: CancellationToken) -> std::io::Result<()> {
        let Sockets { http, grpc } = self.sockets;
        tracing::info!(listener = "query-http", address = %http.local_addr(), tls = http.speaks_tls(), "listens");
        let traced = TracedLayer::new(&self.tracer);
        let logged = traced.layer(self.access_log.layer(named_by_routes(self.router, &self.tracer)));
        let http = spoor_net::serve(http, logged, ServeOptions::default(), shutdown.clone());
        let rpc = self.rpc.with_tracer(self.tracer).run(grpc, &self.tenancy, &self.access_log, shutdown);
        future::try_join(http, rpc).await?;
        Ok(())
    }
}

//! The gRPC port (16685): `jaeger.api_v2.QueryService` and `jaeger.api_v3.QueryService`, health for each, and reflection.
//! Methods are routes beside tonic's health service. Questions are read into generated types; answers with spans are written
//! straight from their views, message by message (`messages.rs`).
//! Facts: `jaegertracing/jaeger-idl proto/api_v2/query.proto`, `proto/api_v3/query_service.proto`; codes and texts:
//! `jaegertracing/jaeger cmd/jaeger/internal/extension/jaegerquery/internal/{grpc_handler,apiv3/grpc_handler}.go`.

mod caller;
mod codec;
mod filter;
mod lookup;
mod messages;
mod method;
mod names;
mod reflection;
mod search;
mod status;
mod summaries;
mod times;
mod v2;
mod v3;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use spoor_net::tenancy::{Tenancy, TenancyLayer};
use spoor_net::{AccessLogLayer, Listener, ServeOptions, TracedLayer, named_by_routes, serve};
use spoor_tracer::Tracer;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Layer;

use crate::config::Config;
use crate::service::Service;

/// The services, for health checks and reflection.
const SERVICES: [&str; 2] = [v2::SERVICE, v3::SERVICE];

/// What the methods share.
pub(crate) struct Rpc {
    service: Arc<Service>,
    max_limit: usize,
    propagates_tokens: bool,
}

impl Rpc {
    fn search_bounds(&self) -> search::Bounds {
        let without_service = self.service.capabilities().search_without_service;
        search::Bounds { max_limit: self.max_limit, without_service }
    }
}

/// The port's services, ready to be served.
pub(crate) struct Port {
    router: Router,
    health: HealthReporter,
    /// Cancelled when open conversations are to end.
    ending: CancellationToken,
    tracer: Tracer,
}

impl Port {
    /// Puts all services of the port together.
    pub(crate) fn new(config: &Config, service: Arc<Service>) -> Self {
        let rpc = Arc::new(Rpc {
            service,
            max_limit: config.max_limit.get(),
            propagates_tokens: config.bearer_token_propagation,
        });
        let ending = CancellationToken::new();
        let (reporter, health) = tonic_health::server::health_reporter();
        // It brings UNIMPLEMENTED for whatever is not here.
        let router = Routes::new(health)
            .into_axum_router()
            .merge(v2::routes(&rpc))
            .merge(v3::routes(&rpc))
            .layer(from_fn(method::admit))
            .merge(reflection::routes(&ending));
        Self { router, health: reporter, ending, tracer: Tracer::default() }
    }

    /// Records its calls with this tracer.
    pub(crate) fn with_tracer(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// Serves, health and reflection too, who is let in by `tenancy`, until `shutdown`, then lets the answers in flight be sent. Dropping the future cuts them.
    ///
    /// # Errors
    /// When the runtime refuses the socket.
    pub(crate) async fn run(
        self,
        listener: Listener,
        tenancy: &Tenancy,
        access_log: &AccessLogLayer,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        for service in SERVICES {
            self.health.set_service_status(service, ServingStatus::Serving).await;
        }
        let (address, tls) = (listener.local_addr(), listener.speaks_tls());
        tracing::info!(listener = "query-grpc", %address, tls, "listens");
        let options = ServeOptions { http2_only: true, ..ServeOptions::default() };
        let router = named_by_routes(self.router, &self.tracer);
        let guarded = access_log.layer(TenancyLayer::grpc(tenancy).layer(router));
        let traced = TracedLayer::new(&self.tracer).layer(guarded);
        let serving = serve(listener, traced, options, shutdown.clone());
        let ending = async {
            shutdown.cancelled().await;
            end_conversations(&self.health, &self.ending).await;
            Ok(())
        };
        futures::try_join!(serving, ending)?;
        Ok(())
    }
}

/// Says "not serving" to whoever watches and ends the watching, as well as reflection: both would keep connections open for ever.
async fn end_conversations(health: &HealthReporter, ending: &CancellationToken) {
    for service in ["", v2::SERVICE, v3::SERVICE] {
        health.set_service_status(service, ServingStatus::NotServing).await;
        health.clone().clear_service_status(service).await;
    }
    ending.cancel();
}

#[cfg(test)]
mod tests;

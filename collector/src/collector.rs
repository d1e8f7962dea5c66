//! The role: binds its ports, builds its pieces, serves until the signal to stop, and drains.

mod strategies;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::future::try_join_all;
use prometheus_client::registry::Registry;
use spoor_net::limits::Budget;
use spoor_net::tenancy::Tenancy;
use spoor_net::tls::{LoadedCertificates, TlsConfig};
use spoor_net::{BindError, Listener, OptionalAddress, ServeOptions, TracedLayer, named_by_routes, serve};
use spoor_pipeline::Normalizer;
use spoor_storage::SpanWriter;
use spoor_tracer::Tracer;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Layer;

use crate::Config;
use crate::dispatch::Dispatcher;
use crate::metrics::Metrics;
use crate::receiver::{Door, Intake, jaeger_grpc, jaeger_http, otlp_grpc, otlp_http, zipkin};
use strategies::SamplingSockets;

/// The port of Jaeger's gRPC protocol, and that of its HTTP protocol, in the log.
const JAEGER_GRPC: &str = "jaeger-grpc";
const JAEGER_HTTP: &str = "jaeger-http";

/// The bound ports of a collector.
#[derive(Debug)]
pub struct Sockets {
    otlp_grpc: Option<Listener>,
    otlp_http: Option<Listener>,
    jaeger_grpc: Listener,
    jaeger_http: Option<Listener>,
    sampling: SamplingSockets,
    zipkin: Option<Listener>,
}

impl Sockets {
    /// Binds every port that the settings ask for.
    ///
    /// # Errors
    /// [`BindError`] names the setting and what to do.
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        let bind = |setting, address, tls| Listener::bind(setting, address)?.with_tls(tls);
        let otlp =
            |setting, address, tls| config.otlp_enabled.then(|| bind(setting, address, tls)).transpose();
        let (otlp_grpc, otlp_http, jaeger) = (&config.otlp_grpc, &config.otlp_http, &config.jaeger_grpc);
        let (jaeger_http, zipkin) = (&config.jaeger_http, &config.zipkin);
        Ok(Self {
            otlp_grpc: otlp("collector.otlp.grpc.host-port", &otlp_grpc.host_port, &otlp_grpc.tls)?,
            otlp_http: otlp("collector.otlp.http.host-port", &otlp_http.host_port, &otlp_http.tls)?,
            jaeger_grpc: bind("collector.grpc-server.host-port", &jaeger.host_port, &jaeger.tls)?,
            jaeger_http: bind_optional(
                "collector.http-server.host-port",
                &jaeger_http.host_port,
                &jaeger_http.tls,
            )?,
            sampling: SamplingSockets::bind(config)?,
            zipkin: bind_optional("collector.zipkin.host-port", &zipkin.host_port, &zipkin.tls)?,
        })
    }

    /// Tells when the certificates of the ports end, now and whenever they are taken anew.
    pub fn report_certificates(&mut self, certificates: &LoadedCertificates) {
        let Self { otlp_grpc, otlp_http, jaeger_grpc, jaeger_http, sampling, zipkin } = self;
        let optional = [otlp_grpc, otlp_http, jaeger_http, zipkin].into_iter().chain(sampling.listeners());
        for listener in optional.flatten().chain([jaeger_grpc]) {
            listener.report_certificates(certificates);
        }
    }

    /// Where OTLP by gRPC listens; `None` when it is off.
    #[must_use]
    pub fn otlp_grpc(&self) -> Option<SocketAddr> {
        self.otlp_grpc.as_ref().map(Listener::local_addr)
    }

    /// Where OTLP by HTTP listens; `None` when it is off.
    #[must_use]
    pub fn otlp_http(&self) -> Option<SocketAddr> {
        self.otlp_http.as_ref().map(Listener::local_addr)
    }

    /// Where Jaeger's gRPC protocol listens.
    #[must_use]
    pub fn jaeger_grpc(&self) -> SocketAddr {
        self.jaeger_grpc.local_addr()
    }

    /// Where Jaeger's HTTP protocol listens; `None` when it is off.
    #[must_use]
    pub fn jaeger_http(&self) -> Option<SocketAddr> {
        self.jaeger_http.as_ref().map(Listener::local_addr)
    }

    /// Where Zipkin's spans are received; `None` when they are not.
    #[must_use]
    pub fn zipkin(&self) -> Option<SocketAddr> {
        self.zipkin.as_ref().map(Listener::local_addr)
    }
}

/// Binds the port if there is to be one.
fn bind_optional(
    setting: &'static str,
    address: &OptionalAddress,
    tls: &TlsConfig,
) -> Result<Option<Listener>, BindError> {
    address.0.as_ref().map(|address| Listener::bind(setting, address)?.with_tls(tls)).transpose()
}

/// A collector that is built and waits to run.
pub struct Collector {
    ports: Vec<Port>,
    /// Until it is known who answers on it.
    sampling: (SamplingSockets, ServeOptions),
    dispatcher: Dispatcher,
    /// Each gRPC port's own, with the service it tells of.
    health: Vec<(HealthReporter, &'static str)>,
    tracer: Tracer,
}

struct Port {
    name: &'static str,
    listener: Listener,
    router: Router,
    options: ServeOptions,
}

impl Collector {
    /// Puts the pieces together. Spans go to `writer`; metrics are registered once per registry, some with this machine's name, `host`.
    /// `config` is valid ([`Config::validate`]). Who sends spans has to name a tenant where `tenancy` says so; its spans are that tenant's.
    pub fn build(
        config: &Config,
        tenancy: Tenancy,
        sockets: Sockets,
        writer: Arc<dyn SpanWriter>,
        host: &str,
        registry: &mut Registry,
    ) -> Self {
        let limits = &config.limits;
        let (requests, bytes) =
            (Budget::new(limits.max_concurrent_requests), Budget::new(limits.max_bytes_in_flight));
        let metrics = Arc::new(Metrics::register(registry, host, &requests, &bytes));
        let dispatcher = Dispatcher::new(writer, Normalizer::new(config.tags.clone()), Arc::clone(&metrics));
        let door = Door { requests, bytes, tenancy, write_timeout: limits.write_timeout };
        let intake = Intake::new(door, dispatcher.clone(), metrics);
        let options = ServeOptions { max_connections: limits.max_connections, ..ServeOptions::default() };
        let sampling = (sockets.sampling, options.clone());
        let (ports, health, tracer) = (Vec::new(), Vec::new(), Tracer::default());
        let mut collector = Self { ports, sampling, dispatcher, health, tracer };

        if let Some(listener) = sockets.otlp_grpc {
            let router = otlp_grpc::add_to(
                collector.health_routes(otlp_grpc::SERVICE),
                intake.clone(),
                config.otlp_grpc.max_message_size,
            );
            let (age, grace) =
                (config.otlp_grpc.max_connection_age, config.otlp_grpc.max_connection_age_grace);
            let options = grpc_options(&options, age, grace);
            collector.ports.push(Port { name: "otlp-grpc", listener, router, options });
        }
        if let Some(listener) = sockets.otlp_http {
            let router = otlp_http::routes(intake.clone(), &config.otlp_http);
            collector.ports.push(Port { name: "otlp-http", listener, router, options: options.clone() });
        }
        if let Some(listener) = sockets.jaeger_http {
            let router = jaeger_http::routes(intake.clone(), &config.jaeger_http);
            collector.ports.push(Port { name: JAEGER_HTTP, listener, router, options: options.clone() });
        }
        if let Some(listener) = sockets.zipkin {
            let router = zipkin::routes(intake.clone(), &config.zipkin);
            collector.ports.push(Port { name: "zipkin", listener, router, options: options.clone() });
        }
        let listener = sockets.jaeger_grpc;
        let router = jaeger_grpc::add_to(
            collector.health_routes(jaeger_grpc::SERVICE),
            intake,
            config.jaeger_grpc.max_message_size,
        );
        let (age, grace) =
            (config.jaeger_grpc.max_connection_age, config.jaeger_grpc.max_connection_age_grace);
        let options = grpc_options(&options, age, grace);
        collector.ports.push(Port { name: JAEGER_GRPC, listener, router, options });
        collector
    }

    /// Records its own requests with this tracer.
    #[must_use]
    pub fn with_tracer(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// gRPC's health service, and UNIMPLEMENTED for whatever is not added.
    fn health_routes(&mut self, service: &'static str) -> Router {
        let (reporter, health) = tonic_health::server::health_reporter();
        self.health.push((reporter, service));
        Routes::new(health).into_axum_router()
    }

    /// Serves until `shutdown`; then takes nothing new, finishes what it has accepted, and returns. Whoever cannot wait so
    /// long drops the future: what is in flight then has not been acknowledged.
    ///
    /// # Errors
    /// When a bound port cannot be served.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        for (reporter, service) in &self.health {
            reporter.set_service_status(service, ServingStatus::Serving).await;
        }
        let serving = self.ports.into_iter().map(|port| {
            let (address, tls) = (port.listener.local_addr(), port.listener.speaks_tls());
            tracing::info!(listener = port.name, %address, tls, "listens");
            let router = named_by_routes(port.router, &self.tracer);
            let service = TracedLayer::new(&self.tracer).layer(router);
            serve(port.listener, service, port.options, shutdown.clone())
        });
        let ending = async {
            shutdown.cancelled().await;
            end_health(&self.health).await;
            Ok(())
        };
        futures::try_join!(try_join_all(serving), ending)?;
        self.dispatcher.drain().await;
        Ok(())
    }
}

/// Says "not serving" to whoever watches, then ends the watching, which would keep connections open for ever.
async fn end_health(health: &[(HealthReporter, &'static str)]) {
    for (reporter, service) in health {
        for service in ["", *service] {
            reporter.set_service_status(service, ServingStatus::NotServing).await;
            reporter.clone().clear_service_status(service).await;
        }
    }
}

fn grpc_options(options: &ServeOptions, age: Duration, grace: Duration) -> ServeOptions {
    let some = |time: Duration| (!time.is_zero()).then_some(time);
    ServeOptions {
        max_connection_age: some(age),
        max_connection_age_grace: some(grace),
        http2_only: true,
        ..options.clone()
    }
}

//! The collector's ports on which clients ask how to sample, and those others on which they can, too.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use spoor_net::{BindError, Listener, ServeOptions};
use spoor_sampling::{self as sampling, HttpMetrics, StrategyProvider};

use super::{Collector, JAEGER_GRPC, JAEGER_HTTP, Port, bind_optional};
use crate::Config;
use crate::receiver::jaeger_grpc;

/// The ports that are for this alone.
#[derive(Debug)]
pub(super) struct SamplingSockets {
    grpc: Option<Listener>,
    http: Option<Listener>,
}

impl SamplingSockets {
    /// Binds those that the settings ask for.
    pub(super) fn bind(config: &Config) -> Result<Self, BindError> {
        let (grpc, http) = (&config.sampling_grpc, &config.sampling_http);
        Ok(Self {
            grpc: bind_optional("collector.sampling.grpc.host-port", &grpc.host_port, &grpc.tls)?,
            http: bind_optional("collector.sampling.http.host-port", &http.host_port, &http.tls)?,
        })
    }

    /// All of them.
    pub(super) fn listeners(&mut self) -> [&mut Option<Listener>; 2] {
        [&mut self.grpc, &mut self.http]
    }
}

impl Collector {
    /// Tells clients how to sample, as `provider` knows: on the port of Jaeger's gRPC protocol, on that of its HTTP protocol
    /// (`/api/sampling`), and on the ports that are for this alone.
    #[must_use]
    pub fn with_sampling(mut self, provider: &Arc<dyn StrategyProvider>, registry: &mut Registry) -> Self {
        let metrics = HttpMetrics::register(registry.sub_registry_with_prefix("jaeger_collector"));
        for port in &mut self.ports {
            let router = std::mem::take(&mut port.router);
            port.router = match port.name {
                JAEGER_GRPC => sampling::grpc::add_to(router, Arc::clone(provider)),
                JAEGER_HTTP => {
                    router.merge(sampling::http::collector_routes(Arc::clone(provider), metrics.clone()))
                }
                _ => router,
            };
        }
        let jaegers = self.health.iter().find(|(_, service)| *service == jaeger_grpc::SERVICE);
        let jaegers = jaegers.map(|(reporter, _)| (reporter.clone(), sampling::grpc::SERVICE));
        self.health.extend(jaegers);
        self.open_sampling_ports(provider, metrics);
        self
    }

    fn open_sampling_ports(&mut self, provider: &Arc<dyn StrategyProvider>, metrics: HttpMetrics) {
        let (sockets, options) = &mut self.sampling;
        let (grpc, http, options) = (sockets.grpc.take(), sockets.http.take(), options.clone());
        if let Some(listener) = http {
            let router = sampling::http::agent_routes(Arc::clone(provider), metrics);
            self.ports.push(Port {
                name: "collector-sampling-http",
                listener,
                router,
                options: options.clone(),
            });
        }
        if let Some(listener) = grpc {
            let routes = self.health_routes(sampling::grpc::SERVICE);
            let router = sampling::grpc::add_to(routes, Arc::clone(provider));
            let options = ServeOptions { http2_only: true, ..options };
            self.ports.push(Port { name: "sampling-grpc", listener, router, options });
        }
    }
}

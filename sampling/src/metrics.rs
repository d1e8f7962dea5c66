//! What the port for clients counts, under Jaeger v1's names.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// `http_server_requests_total` and `http_server_errors_total` of one role (`pkg/clientcfg/clientcfghttp/handler.go` of
/// `jaegertracing/jaeger`).
#[derive(Debug, Clone, Default)]
pub struct HttpMetrics {
    requests: Family<Type, Counter>,
    errors: Family<Fault, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Type {
    r#type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Fault {
    source: &'static str,
    status: &'static str,
}

/// Why a request had no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The client's fault.
    Request,
    /// Nobody knows a strategy.
    Provider,
    /// The strategy cannot be said in the shape that is asked for.
    Shape,
}

impl HttpMetrics {
    /// Makes them known to a registry, whose prefix says the role: `jaeger_collector` or `jaeger_agent`.
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        for r#type in ["sampling", "sampling-legacy", "baggage"] {
            drop(new.requests.get_or_create(&Type { r#type }));
        }
        for failed in [Failed::Request, Failed::Provider, Failed::Shape] {
            drop(new.errors.get_or_create(&fault(failed)));
        }
        registry.register(
            "http_server_requests",
            "Requests of clients about sampling that were answered",
            new.requests.clone(),
        );
        registry.register(
            "http_server_errors",
            "Requests of clients about sampling that were not answered",
            new.errors.clone(),
        );
        new
    }

    pub(crate) fn answered(&self, r#type: &'static str) {
        self.requests.get_or_create(&Type { r#type }).inc();
    }

    pub(crate) fn failed(&self, why: Failed) {
        self.errors.get_or_create(&fault(why)).inc();
    }
}

fn fault(failed: Failed) -> Fault {
    let (source, status) = match failed {
        Failed::Request => ("all", "4xx"),
        Failed::Provider => ("collector-proxy", "5xx"),
        Failed::Shape => ("thrift", "5xx"),
    };
    Fault { source, status }
}

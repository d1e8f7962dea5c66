//! The ports for OTLP.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What a request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Grpc,
    Http,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    transport: &'static str,
    /// `ok`, or why it was not taken.
    result: &'static str,
}

/// Requests and the spans in them that no collector would take.
#[derive(Debug, Default)]
pub(crate) struct OtlpMetrics {
    requests: Family<Request, Counter>,
    rejected: Counter,
}

impl OtlpMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        let registry = registry.sub_registry_with_prefix("spoor_agent_otlp");
        registry.register(
            "requests",
            "Requests by OTLP, by what they came by and what became of them",
            new.requests.clone(),
        );
        registry.register(
            "spans_rejected",
            "Spans of such requests that were named to their senders as never to be taken",
            new.rejected.clone(),
        );
        new
    }

    /// A request was answered: with Ok, or with this reason.
    pub(crate) fn answered(&self, transport: Transport, refused: Option<&'static str>) {
        let request = Request { transport: transport.name(), result: refused.unwrap_or("ok") };
        self.requests.get_or_create(&request).inc();
    }

    pub(crate) fn rejected(&self, spans: usize) {
        self.rejected.inc_by(spans as u64);
    }
}

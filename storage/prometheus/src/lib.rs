//! Rates and latencies of services out of Prometheus, or whatever speaks its HTTP API (Thanos, Mimir, VictoriaMetrics), from the
//! series that the OpenTelemetry Collector's span metrics connector makes of spans.
//! Facts: `jaegertracing/jaeger internal/storage/metricstore/prometheus` (settings, names), `prometheus/prometheus docs/querying/api.md`.
//! The way of a question: `promql` spells it, `client` sends it, `answer` reads what comes back, `reader` is the door.

mod answer;
mod body;
mod client;
mod config;
mod own_span;
mod promql;
mod reader;
mod server_url;
mod tls;
mod token;

pub use client::OpenError;
pub use config::{Config, ExtraParameters, LatencyUnit, Name, QueryConfig, TlsConfig};
pub use reader::PrometheusMetrics;
pub use server_url::ServerUrl;

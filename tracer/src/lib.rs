//! Traces of this process itself, made and described by OpenTelemetry's SDK. A port's door begins a span for a request ([`Tracer::server`]); the span goes along with
//! the request ([`OwnSpan`]), and whoever makes a request for it begins a child. Spans that have ended wait in a bounded queue ([`Exporter`]) and go out by OTLP.
//! Where nothing is recorded an [`OwnSpan`] is empty, and costs what an `Option` costs.
//!
//! Own traces never beget own traces: what brings them to a collector bears a mark ([`MARK`]), and they say of themselves whose they are ([`DISTRO`]).

mod config;
mod export;
mod latency;
mod metrics;
mod parent;
mod queue;
mod sampler;
mod settings;
mod span;

pub use config::OtelConfig;
pub use export::Exporter;
pub use latency::{LatencyHistogram, TraceLabel, observe};
pub use opentelemetry::KeyValue;
pub use opentelemetry::trace::SpanKind;
pub use parent::{MARK, Parent, is_marked};
pub use settings::SettingsError;
pub use span::{Attempt, OwnSpan, Tracer};

/// The attribute of a resource by which Spoor's own spans are known wherever they come from, and its value.
pub const DISTRO: (&str, &str) = ("telemetry.distro.name", "spoor");

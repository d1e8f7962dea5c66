//! OTLP traces to and from the model: protobuf by a hand walk over the received bytes, JSON by streaming visitors.
//! Used by the OTLP receivers, the Kafka encodings `otlp_proto` and `otlp_json`, and every forwarder.
//! Facts: `open-telemetry/opentelemetry-proto` trace, resource and common v1; the JSON rules of the OTLP specification.

mod attributes;
mod decode;
mod fields;
mod nested;
mod span;

pub use super::limits::Limits;
pub use decode::{decode_export_request, decode_export_request_within};

/// The resource attribute that names the service.
const SERVICE_NAME: &str = "service.name";

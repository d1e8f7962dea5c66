//! OTLP traces to and from the model: protobuf by a hand walk over the received bytes, JSON by streaming visitors.
//! Used by the OTLP receivers, the Kafka encodings `otlp_proto` and `otlp_json`, and every forwarder.
//! Facts: `open-telemetry/opentelemetry-proto` trace, resource and common v1; the JSON rules of the OTLP specification.

mod answer;
mod attributes;
mod chunk;
mod decode;
mod encode;
mod fields;
mod framing;
mod json;
mod json_encode;
mod json_framing;
mod nested;
mod span;

pub use super::limits::Limits;
pub use answer::{AnswerEncoding, Failure, export_response};
pub use chunk::encode_traces_chunk;
pub(crate) use decode::Decoder;
pub use decode::{decode_export_request, decode_export_request_within};
pub use encode::{encode_some_traces_data, encode_traces_data};
pub(crate) use framing::Framing;
pub(crate) use json::Walk as JsonWalk;
pub(in crate::convert) use json::{Items, Message, Object, Scalar, skip};
pub use json::{decode_export_request_json, decode_export_request_json_within};
pub use json_encode::ResourceSpansJson;
pub(crate) use json_framing::JsonFraming;

use spoor_model::{REFERENCE_KIND_ATTRIBUTE, ReferenceKind, Rows, SpanBatch, ValueView};

/// The resource attribute that names the service.
const SERVICE_NAME: &str = "service.name";

/// What a link's attributes say about its kind.
fn reference_kind(batch: &SpanBatch, attributes: Rows) -> ReferenceKind {
    match batch.attributes(attributes).get(REFERENCE_KIND_ATTRIBUTE) {
        Some(ValueView::Str(kind)) => ReferenceKind::from_attribute(kind.as_bytes()),
        _ => ReferenceKind::Link,
    }
}

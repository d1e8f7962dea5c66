//! Jaeger's api_v2 span model to and from our own: protobuf by a hand walk over the received bytes, and straight from views.
//! Used by the PostSpans receiver, Kafka's `protobuf` records, the api_v2 query and the load generator.
//! Facts: `jaegertracing/jaeger-idl proto/api_v2/{model,collector}.proto`; the tags: [`spoor_model::jaeger`].

mod decode;
mod encode;
mod event_name;
mod fields;
mod json_decode;
mod json_encode;
mod json_references;
mod json_tags;
mod known;
mod parts;
mod references;
mod span;
mod tags;
mod time;
mod warnings;

pub(crate) use decode::{Decoder, resource_row};
pub use decode::{decode_post_spans, decode_span};
pub use encode::{Process, SpanEncoder, encode_batch, encode_post_spans, encode_span, encode_spans_chunk};
pub(crate) use event_name::EventName;
pub(crate) use json_decode::JsonDecoder;
pub use json_encode::encode_span_json;
pub use parts::{encode_batch_span, encode_post_spans_of, encode_process};
pub(crate) use references::push as push_references;
pub(crate) use tags::{text, unknown_type};
pub(crate) use time::{DURATION_NEGATIVE, DURATION_TOO_LONG, LOG_MOVED, START_MOVED};
pub(crate) use warnings::push as push_warnings;

#[cfg(test)]
mod tests;

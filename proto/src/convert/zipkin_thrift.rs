//! Zipkin's Thrift spans to the model, as Jaeger's own converter reads them
//! (`jaegertracing/jaeger model/converter/thrift/zipkin/to_domain.go`, with the sanitizers that stand before it): Kafka's
//! `zipkin-thrift` records and the agent's port 5775.

mod decode;
mod fields;
mod tags;
pub(super) mod wire;

pub(crate) use decode::Decoder;

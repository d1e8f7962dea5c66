//! Jaeger's Thrift model to and from our own: batches as clients post them by HTTP (port 14268), and the messages that they send to an
//! agent by UDP, Zipkin's among them. Facts: `jaegertracing/jaeger-idl thrift/{jaeger,agent,zipkincore}.thrift`, and the rules of
//! `jaegertracing/jaeger model/converter/thrift/jaeger/to_domain.go`; the tags: [`spoor_model::jaeger`].

mod decode;
mod encode;
mod message;
mod span;
mod tags;

pub use decode::decode_batch;
pub use encode::{encode_batch, encode_emit_batch};
pub use message::{AgentMessage, ClientStats, SpanFormat, ThriftProtocol, decode_agent_message};

#[cfg(test)]
mod tests;

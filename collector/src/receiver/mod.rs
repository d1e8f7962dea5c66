//! The ports. A receiver is one file: its routes, its [`Protocol`] (how bodies are bounded and decoded), and how it words
//! the outcome. All they share (limits, deadlines, counting, delivery) is the [`Intake`].

mod grpc;
mod intake;
pub(crate) mod jaeger_grpc;
pub(crate) mod jaeger_http;
pub(crate) mod otlp_grpc;
pub(crate) mod otlp_http;
mod status;
pub(crate) mod zipkin;

use bytes::Bytes;
use spoor_model::SpanBatch;
use spoor_proto::DecodeError;

pub(crate) use intake::{Door, Intake};
pub(crate) use status::Refusal;

/// Where spans come from; labels of Jaeger's metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    OtlpGrpc,
    OtlpHttp,
    JaegerGrpc,
    JaegerHttp,
    Zipkin,
}

impl Source {
    pub(crate) const COUNT: usize = 5;

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::OtlpGrpc | Self::OtlpHttp => "otlp",
            Self::JaegerGrpc => "proto",
            Self::JaegerHttp => "jaeger",
            Self::Zipkin => "zipkin",
        }
    }

    pub(crate) fn transport(self) -> &'static str {
        match self {
            Self::OtlpGrpc | Self::JaegerGrpc => "grpc",
            Self::OtlpHttp | Self::JaegerHttp | Self::Zipkin => "http",
        }
    }
}

/// How a body lies on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As it is, under a `Content-Encoding`.
    Plain,
    /// One message of unary gRPC.
    Grpc,
}

/// What the intake needs to know of a receiver's bodies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    pub(crate) source: Source,
    pub(crate) framing: Framing,
    /// Bytes, as received and decompressed.
    pub(crate) limit: usize,
    pub(crate) decode: fn(Bytes) -> Result<SpanBatch, DecodeError>,
}

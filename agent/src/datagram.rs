//! What a datagram says once it is read, and the shape of the function that reads it.

use bytes::Bytes;
use spoor_model::SpanBatch;
use spoor_proto::DecodeError;

/// Thrift's protocol on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Compact: ports 6831 and 5775.
    Compact,
    /// Binary: port 6832.
    Binary,
}

impl Protocol {
    /// As Jaeger's metrics label it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Binary => "binary",
        }
    }
}

/// The model that spans came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `emitBatch`.
    Jaeger,
    /// `emitZipkinBatch`.
    Zipkin,
    /// OTLP.
    Otlp,
}

impl Format {
    /// All, for metrics that begin with zero and for reading back a number.
    pub(crate) const ALL: [Self; 3] = [Self::Jaeger, Self::Zipkin, Self::Otlp];

    /// As Jaeger's metrics label it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jaeger => "jaeger",
            Self::Zipkin => "zipkin",
            Self::Otlp => "otlp",
        }
    }

    /// Its number where it is written down.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Jaeger => 0,
            Self::Zipkin => 1,
            Self::Otlp => 2,
        }
    }
}

/// One datagram's content.
#[derive(Debug, Clone)]
pub struct Datagram {
    /// The model that it was written in.
    pub format: Format,
    /// Its spans; none where it tells of losses alone.
    pub spans: SpanBatch,
    /// Jaeger clients that account for losses number their batches.
    pub sequence: Option<i64>,
    /// What such a client has lost since it began.
    pub stats: Option<ClientStats>,
}

/// A client's own losses since its start, in spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientStats {
    /// Its queue was full.
    pub full_queue: i64,
    /// The span was too large for a datagram.
    pub too_large: i64,
    /// It could not be sent.
    pub send_failure: i64,
}

/// Reads one whole datagram. An error refuses all of it.
pub type Decode = fn(Protocol, &Bytes) -> Result<Datagram, DecodeError>;

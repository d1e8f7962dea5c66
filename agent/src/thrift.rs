//! A datagram is one message in Thrift; whatever the port, it may be Jaeger's or Zipkin's.

use bytes::Bytes;
use spoor_proto::DecodeError;
use spoor_proto::convert::jaeger_thrift::{SpanFormat, ThriftProtocol, decode_agent_message};

use crate::datagram::{ClientStats, Datagram, Format, Protocol};

/// Reads one whole datagram.
///
/// # Errors
/// For anything that is not one of the two messages with its one argument, whole; nothing of the datagram is usable then.
pub fn decode_thrift(protocol: Protocol, packet: &Bytes) -> Result<Datagram, DecodeError> {
    let protocol = match protocol {
        Protocol::Compact => ThriftProtocol::Compact,
        Protocol::Binary => ThriftProtocol::Binary,
    };
    let message = decode_agent_message(protocol, packet.clone())?;
    let format = match message.format {
        SpanFormat::Jaeger => Format::Jaeger,
        SpanFormat::Zipkin => Format::Zipkin,
    };
    let stats = message.stats.map(|stats| ClientStats {
        full_queue: stats.full_queue,
        too_large: stats.too_large,
        send_failure: stats.failed_to_emit,
    });
    Ok(Datagram { format, spans: message.spans, sequence: message.sequence, stats })
}

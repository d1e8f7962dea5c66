//! A datagram is one message in Thrift; whatever the port, it may be Jaeger's or Zipkin's.

use bytes::Bytes;
use spoor_proto::DecodeError;
use spoor_proto::convert::jaeger_thrift::{SpanFormat, ThriftProtocol, decode_agent_message};
use spoor_proto::error::Problem;

use crate::datagram::{ClientStats, Datagram, Format, Protocol};

/// Reads one whole datagram.
///
/// # Errors
/// For anything that is not one of the two messages with its one argument, whole; nothing of the datagram is usable then. So for one
/// without spans, unless it tells of losses or is numbered.
pub fn decode_thrift(protocol: Protocol, packet: &Bytes) -> Result<Datagram, DecodeError> {
    let protocol = match protocol {
        Protocol::Compact => ThriftProtocol::Compact,
        Protocol::Binary => ThriftProtocol::Binary,
    };
    let (message, length) = (decode_agent_message(protocol, packet.clone())?, packet.len());
    let format = match message.format {
        SpanFormat::Jaeger => Format::Jaeger,
        SpanFormat::Zipkin => Format::Zipkin,
    };
    let stats = message.stats.map(|stats| ClientStats {
        full_queue: stats.full_queue,
        too_large: stats.too_large,
        send_failure: stats.failed_to_emit,
    });
    if message.spans.is_empty() && message.sequence.is_none() && stats.is_none() {
        return Err(DecodeError::new(Problem::Malformed("it carries no span"), length));
    }
    Ok(Datagram { format, spans: message.spans, sequence: message.sequence, stats })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_without_spans_is_refused_unless_it_tells_of_losses_or_is_numbered() {
        let read = |packet: &'static [u8]| decode_thrift(Protocol::Compact, &Bytes::from_static(packet));
        let zipkins = b"\x82\x21\x01\x0femitZipkinBatch\x19\x0c\x00";
        let jaegers = b"\x82\x21\x01\x09emitBatch\x1c\x1c\x18\x01s\0\x19\x0c\0\0";
        for packet in [&zipkins[..], jaegers] {
            assert!(read(packet).unwrap_err().to_string().contains("no span"));
        }
        // Field 3, seqNo: 5.
        let numbered = b"\x82\x21\x01\x09emitBatch\x1c\x1c\x18\x01s\0\x19\x0c\x16\x0a\0\0";
        let datagram = read(numbered).unwrap();
        assert_eq!((datagram.sequence, datagram.spans.len()), (Some(5), 0));
    }
}

//! Claims about `emitZipkinBatch`: golden bytes of each protocol, put together by hand from the field tables, and what wants to do harm.

use super::*;

const BINARY: &str = include_str!("../../../../testdata/emit_zipkin_batch_binary.hex");
const COMPACT: &str = include_str!("../../../../testdata/emit_zipkin_batch_compact.hex");

/// The bytes of a file of hexadecimal numbers with comments behind `#`.
fn message(text: &str) -> Bytes {
    let numbers = text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    numbers.map(|number| u8::from_str_radix(number, 16).expect("a byte")).collect()
}

/// The golden messages.
pub(super) fn messages() -> [(ThriftProtocol, Bytes); 2] {
    [(ThriftProtocol::Binary, message(BINARY)), (ThriftProtocol::Compact, message(COMPACT))]
}

#[test]
fn every_field_of_zipkins_span_is_read_in_each_protocol() {
    for (protocol, message) in messages() {
        let read = decode_agent_message(protocol, message).unwrap();
        assert_eq!((read.format, read.sequence, read.stats.is_none()), (SpanFormat::Zipkin, None, true));
        assert_eq!((read.spans.len(), read.spans.repaired_texts()), (1, 0));
        let span = read.spans.span(0).unwrap();
        assert_eq!((span.trace_id(), span.span_id()), (TraceId(1 << 64 | 2), SpanId(3)));
        assert_eq!((span.parent_span_id(), span.name(), span.kind()), (SpanId(4), "get", SpanKind::Client));
        assert_eq!(span.row().jaeger_flags(), 2, "debug");
        assert_eq!((span.start().0, span.end().0), (1_000_000, 1_500_000));
        assert_eq!(span.service(), "shop");
        let resource: Vec<_> =
            span.resource().attributes().iter().map(|tag| (tag.key(), tag.value())).collect();
        let host = [("hostname", ValueView::Str("h1")), ("ip", ValueView::Int(167_772_161))];
        assert_eq!(resource, host);
        let tags: Vec<_> = span.attributes().iter().map(|tag| (tag.key(), tag.value())).collect();
        let ipv6 = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let sent = [
            ("n", ValueView::Int(-2)),
            ("peer.service", ValueView::Str("db")),
            ("peer.ipv4", ValueView::Int(167_772_162)),
            ("peer.port", ValueView::Int(40_000)),
            ("peer.ipv6", ValueView::Bytes(&ipv6)),
        ];
        assert_eq!(tags, sent);
        let events: Vec<_> = span.events().map(|event| (event.time().0, event.name())).collect();
        assert_eq!(events, [(1_200_000, "retry")], "the core annotations are the span's times");
    }
}

#[test]
fn every_beginning_of_zipkins_message_is_refused() {
    for (protocol, message) in messages() {
        for end in 0..message.len() {
            assert!(decode_agent_message(protocol, message.slice(..end)).is_err(), "{end} bytes");
        }
    }
}

#[test]
fn an_empty_list_is_a_message_without_spans_in_each_protocol() {
    for (protocol, message) in [
        (ThriftProtocol::Compact, &b"\x82\x81\0\x0femitZipkinBatch\x19\x0c\0"[..]),
        (ThriftProtocol::Binary, b"\x80\x01\0\x04\0\0\0\x0femitZipkinBatch\0\0\0\0\x0f\0\x01\x0c\0\0\0\0\0"),
    ] {
        let read = decode_agent_message(protocol, Bytes::from_static(message)).unwrap();
        assert!(read.format == SpanFormat::Zipkin && read.spans.is_empty());
    }
}

#[test]
fn nothing_nests_deeper_within_zipkins_message_than_the_limit() {
    let (compact, binary): (&[u8], &[u8]) =
        (b"\x82\x81\0\x0femitZipkinBatch", b"\x80\x01\0\x04\0\0\0\x0femitZipkinBatch\0\0\0\0");
    // In the span's field 7, which nobody knows, and in an argument that nobody knows: structs in structs, lists of lists.
    for (protocol, head, within, nested) in [
        (ThriftProtocol::Compact, compact, &b"\x19\x1c"[..], &b"\x7c"[..]),
        (ThriftProtocol::Compact, compact, b"\x19\x1c\x79", b"\x19"),
        (ThriftProtocol::Compact, compact, b"\x29", b"\x19"),
        (ThriftProtocol::Binary, binary, b"\x0f\0\x01\x0c\0\0\0\x01", b"\x0c\0\x07"),
        (ThriftProtocol::Binary, binary, b"\x0f\0\x01\x0c\0\0\0\x01\x0f\0\x07", b"\x0f\0\0\0\x01"),
        (ThriftProtocol::Binary, binary, b"\x0f\0\x02", b"\x0f\0\0\0\x01"),
    ] {
        let message = [head, within, &nested.repeat((64 << 10) / nested.len())].concat();
        let error = decode_agent_message(protocol, message.into()).unwrap_err().to_string();
        assert!(error.contains("nest deeper"), "{protocol:?} {within:?}: {error}");
    }
}

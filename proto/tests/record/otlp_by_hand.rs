//! A record as Jaeger v2's exporter writes it: the spans of one export, of whatever traces, put together by hand from OTLP's field table.

use spoor_model::{SpanId, SpanKind, StatusCode, TraceId, ValueView};
use spoor_proto::record::Encoding;

use crate::{decode, encode};

/// A field of bytes: its tag (the number times 8, and 2, in as many bytes as it takes), its length, and the bytes.
fn bytes(number: u32, value: &[u8]) -> Vec<u8> {
    [varint(u64::from(number << 3 | 2)), varint(value.len() as u64), value.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
    out
}

fn message(number: u32, fields: &[Vec<u8>]) -> Vec<u8> {
    bytes(number, &fields.concat())
}

fn number(field: u32, value: u64) -> Vec<u8> {
    [varint(u64::from(field << 3)), varint(value)].concat()
}

fn fixed64(field: u32, value: u64) -> Vec<u8> {
    [varint(u64::from(field << 3 | 1)), value.to_le_bytes().to_vec()].concat()
}

fn fixed32(field: u32, value: u32) -> Vec<u8> {
    [varint(u64::from(field << 3 | 5)), value.to_le_bytes().to_vec()].concat()
}

/// A key, and an `AnyValue` of this content.
fn attribute(field: u32, key: &str, any_value: &[u8]) -> Vec<u8> {
    message(field, &[bytes(1, key.as_bytes()), bytes(2, any_value)])
}

fn text(value: &str) -> Vec<u8> {
    bytes(1, value.as_bytes())
}

fn ids(trace_id: u128, span_id: u64) -> Vec<u8> {
    [bytes(1, &trace_id.to_be_bytes()), bytes(2, &span_id.to_be_bytes())].concat()
}

fn times(start: u64, end: u64) -> Vec<u8> {
    [fixed64(7, start), fixed64(8, end)].concat()
}

/// Everything that a span has.
fn full_span() -> Vec<u8> {
    let list = message(5, &[bytes(1, &text("a")), bytes(1, &number(3, 1))]);
    let map = message(6, &[attribute(1, "k", &number(2, 1))]);
    let event = [fixed64(1, 1_500), bytes(2, b"retry"), attribute(3, "n", &number(3, 2)), number(4, 7)];
    let link = [ids(9, 8), bytes(3, b"l=1"), attribute(4, "why", &text("batch")), fixed32(6, 1)];
    [
        ids(1 << 64 | 2, 3),
        bytes(3, b"v=1"),
        bytes(4, &4_u64.to_be_bytes()),
        bytes(5, b"GET"),
        // Server.
        number(6, 2),
        times(1_000, 6_000),
        attribute(9, "text", &text("v")),
        attribute(9, "yes", &number(2, 1)),
        attribute(9, "long", &number(3, u64::MAX - 41)),
        attribute(9, "double", &fixed64(4, 1.5_f64.to_bits())),
        attribute(9, "list", &list),
        attribute(9, "map", &map),
        attribute(9, "bytes", &bytes(7, b"\xff\x00")),
        attribute(9, "nothing", b""),
        number(10, 5),
        message(11, &event),
        number(12, 6),
        message(13, &link),
        number(14, 1),
        // Error.
        message(15, &[bytes(2, b"no bread"), number(3, 2)]),
        fixed32(16, 0x101),
    ]
    .concat()
}

fn small_span(trace_id: u128, span_id: u64) -> Vec<u8> {
    [ids(trace_id, span_id), bytes(5, b"small"), times(1, 2)].concat()
}

/// Two resources, three traces; the second trace is in both.
fn record() -> Vec<u8> {
    let service = |name: &str| message(1, &[attribute(1, "service.name", &text(name))]);
    let scope = message(1, &[bytes(1, b"lib"), bytes(2, b"1.2")]);
    let first = [scope, message(2, &[full_span()]), message(2, &[small_span(5, 1)]), bytes(3, b"scheme")];
    let second = [message(2, &[small_span(6, 1)]), message(2, &[small_span(5, 2)])];
    [
        message(1, &[service("shop"), message(2, &first), bytes(3, b"of-resource")]),
        message(1, &[service("bank"), message(2, &second)]),
    ]
    .concat()
}

#[test]
fn all_spans_of_an_export_in_one_record_are_read_with_everything_they_have() {
    let record = record();
    for encoding in [Some(Encoding::OtlpProto), None] {
        let found = decode(encoding, [record.as_slice()]);
        assert_eq!(found.records[0].as_ref().expect("good"), &(0..4));
        let spans: Vec<_> =
            found.batch.spans().map(|span| (span.trace_id().0, span.span_id().0, span.service())).collect();
        assert_eq!(
            spans,
            [(1 << 64 | 2, 3, "shop"), (5, 1, "shop"), (6, 1, "bank"), (5, 2, "bank")],
            "{encoding:?}"
        );
        let span = found.batch.span(0).expect("the full one");
        assert_eq!((span.parent_span_id(), span.name(), span.kind()), (SpanId(4), "GET", SpanKind::Server));
        assert_eq!((span.start().0, span.end().0, span.flags()), (1_000, 6_000, 0x101));
        assert_eq!((span.status(), span.status_message()), (StatusCode::Error, "no bread"));
        assert_eq!((span.trace_state(), span.scope().name(), span.scope().version()), ("v=1", "lib", "1.2"));
        for (key, value) in [
            ("text", ValueView::Str("v")),
            ("yes", ValueView::Bool(true)),
            ("long", ValueView::Int(-42)),
            ("double", ValueView::Double(1.5)),
            ("bytes", ValueView::Bytes(b"\xff\x00")),
            ("nothing", ValueView::Empty),
        ] {
            assert_eq!(span.attributes().get(key), Some(value), "{key}");
        }
        let shown = |key: &str| span.attributes().get(key).map(|value| value.to_text());
        assert_eq!(shown("list").as_deref(), Some(r#"["a",1]"#));
        assert_eq!(shown("map").as_deref(), Some(r#"{"k":true}"#));
        let event = span.events().next().expect("one event");
        assert_eq!(
            (event.time().0, event.name(), event.attributes().get("n")),
            (1_500, "retry", Some(ValueView::Int(2)))
        );
        let link = span.links().next().expect("one link");
        assert_eq!((link.trace_id(), link.span_id()), (TraceId(9), SpanId(8)));
        assert_eq!(link.attributes().get("why"), Some(ValueView::Str("batch")));
    }
}

#[test]
fn what_was_read_of_an_export_is_written_again_a_record_a_trace_byte_by_byte() {
    let found = decode(None, [record().as_slice()]);
    let again = encode(&found.batch, Encoding::OtlpProto, 10_000);
    let keys: Vec<&str> =
        again.records.iter().map(|record| std::str::from_utf8(&record.key).expect("hex")).collect();
    assert_eq!(keys, ["0000000000000005", "0000000000000006", "00000000000000010000000000000002"]);
    let full = &again.records[2].value;
    let span = full_span();
    assert!(full.windows(span.len()).any(|window| window == span), "the span is in it as it was");
}

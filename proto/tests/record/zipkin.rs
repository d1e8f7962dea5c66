//! Zipkin's spans in Thrift's binary protocol, put together by hand from the field tables.

use proptest::collection::vec;
use proptest::prelude::*;
use spoor_model::{SpanId, SpanKind, StatusCode, TraceId, ValueView};
use spoor_proto::record::{Encoding, RecordError};

use crate::decode;

fn field(kind: u8, id: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, 0, id][..], value].concat()
}

fn long(id: u8, value: i64) -> Vec<u8> {
    field(10, id, &value.to_be_bytes())
}

fn bytes(id: u8, value: &[u8]) -> Vec<u8> {
    let length = i32::try_from(value.len()).expect("short").to_be_bytes();
    field(11, id, &[&length, value].concat())
}

fn structs(items: &[Vec<u8>]) -> Vec<u8> {
    let count = i32::try_from(items.len()).expect("few").to_be_bytes();
    [&[12][..], &count, &items.concat()].concat()
}

fn host(service: &str) -> Vec<u8> {
    let ipv4 = field(8, 1, &[10, 0, 0, 1]);
    let port = field(6, 2, &[0xff, 0xff]);
    [ipv4, port, bytes(3, service.as_bytes()), vec![0]].concat()
}

fn annotation(time: i64, value: &str) -> Vec<u8> {
    [long(1, time), bytes(2, value.as_bytes()), field(12, 3, &host("shop")), vec![0]].concat()
}

fn tag(key: &str, value: &[u8], kind: u8) -> Vec<u8> {
    let host = field(12, 4, &host("other"));
    [bytes(1, key.as_bytes()), bytes(2, value), field(8, 3, &[0, 0, 0, kind]), host, vec![0]].concat()
}

fn span(fields: &[Vec<u8>], annotations: &[Vec<u8>], tags: &[Vec<u8>]) -> Vec<u8> {
    let ids = [long(1, 2), bytes(3, b"get"), long(4, 3), long(12, 1)].concat();
    let lists = [field(15, 6, &structs(annotations)), field(15, 8, &structs(tags))].concat();
    [ids, fields.concat(), lists, vec![0]].concat()
}

/// A tag of each type, and those that Jaeger takes for something else.
fn tags_of_all_kinds() -> [Vec<u8>; 11] {
    [
        tag("http.path", b"/a", 6),
        tag("flag", &[1], 0),
        tag("raw", &[0xff], 1),
        tag("short", &[0xff, 0xfe], 2),
        tag("int", &[0, 0, 1, 0], 3),
        tag("long", &[0, 0, 0, 0, 0, 0, 0, 7], 4),
        tag("double", &1.5_f64.to_be_bytes(), 5),
        tag("broken", &[1], 4),
        tag("sa", &[1], 0),
        tag("error", b"no bread", 6),
        tag("jaeger.hostname", b"h1", 6),
    ]
}

#[test]
fn a_client_span_is_read_with_everything_that_zipkin_says() {
    let annotations = [
        annotation(1_000_000, "cs"),
        annotation(1_000_005, "waited"),
        annotation(1_000_006, r#"{"event":"retry","n":"2"}"#),
        annotation(1_000_010, "cr"),
    ];
    let record =
        structs(&[span(&[long(5, 9), field(2, 9, &[1]), long(11, 12)], &annotations, &tags_of_all_kinds())]);
    for encoding in [Some(Encoding::ZipkinThrift), None] {
        let found = decode(encoding, [record.as_slice()]);
        assert_eq!(found.records[0].as_ref().expect("good"), &(0..1));
        let span = found.batch.span(0).expect("one span");
        assert_eq!((span.trace_id(), span.span_id()), (TraceId(1 << 64 | 2), SpanId(3)));
        assert_eq!((span.parent_span_id(), span.name(), span.flags()), (SpanId(9), "get", 2));
        assert_eq!((span.start().0, span.duration().as_nanos()), (1_000_000_000, 12_000));
        assert_eq!((span.kind(), span.status()), (SpanKind::Client, StatusCode::Error));
        let tags: Vec<_> = span.attributes().iter().map(|tag| (tag.key(), tag.value())).collect();
        assert_eq!(
            tags,
            [
                ("http.path", ValueView::Str("/a")),
                ("flag", ValueView::Bool(true)),
                ("raw", ValueView::Bytes(&[0xff])),
                ("short", ValueView::Int(-2)),
                ("int", ValueView::Int(256)),
                ("long", ValueView::Int(7)),
                ("double", ValueView::Double(1.5)),
                ("broken", ValueView::Str("Cannot parse Zipkin value AQ==")),
                ("peer.service", ValueView::Str("other")),
                ("peer.ipv4", ValueView::Int(0x0a00_0001)),
                ("peer.port", ValueView::Int(65_535)),
                ("error.message", ValueView::Str("no bread")),
            ]
        );
        let events: Vec<_> = span.events().map(|event| (event.name(), event.attributes().len())).collect();
        assert_eq!(events, [("waited", 0), ("retry", 1)]);
        let process: Vec<_> =
            span.resource().attributes().iter().map(|tag| (tag.key(), tag.value())).collect();
        assert_eq!(span.service(), "shop");
        assert_eq!(process, [("hostname", ValueView::Str("h1")), ("ip", ValueView::Int(0x0a00_0001))]);
    }
}

#[test]
fn a_span_of_both_sides_becomes_two_of_the_same_id() {
    let annotations =
        [annotation(10, "cs"), annotation(12, "sr"), annotation(17, "ss"), annotation(20, "cr")];
    let found = decode(None, [structs(&[span(&[], &annotations, &[])]).as_slice()]);
    let spans: Vec<_> =
        found.batch.spans().map(|span| (span.span_id(), span.kind(), span.start().0, span.end().0)).collect();
    assert_eq!(
        spans,
        [(SpanId(3), SpanKind::Client, 10_000, 20_000), (SpanId(3), SpanKind::Server, 12_000, 17_000)]
    );
}

#[test]
fn all_spans_of_a_list_are_read_and_odd_ones_repaired() {
    let bare = span(&[], &[], &[]);
    let negative = span(&[long(5, 0), long(10, 5), long(11, -3)], &[], &[]);
    let found = decode(None, [structs(&[bare, negative]).as_slice()]);
    assert_eq!(found.records[0].as_ref().expect("good"), &(0..2));
    let (bare, negative) = (found.batch.span(0).expect("first"), found.batch.span(1).expect("second"));
    assert_eq!((bare.service(), bare.duration().as_micros()), ("unknown-service-name", 1));
    assert_eq!(negative.duration().as_micros(), 1);
    assert_eq!(negative.attributes().get("errNegativeDuration"), Some(ValueView::Str("-3")));
    assert_eq!(negative.attributes().get("errZeroParentID"), Some(ValueView::Str("0")));
}

#[test]
fn a_list_of_nothing_and_a_list_that_lies_are_refused() {
    let lying = [12, 0x7f, 0xff, 0xff, 0xff, 0];
    let deep = [&[12, 0, 0, 0, 1][..], &[12, 0, 99].repeat(1_000)].concat();
    let trailing = [structs(&[span(&[], &[], &[])]), vec![0]].concat();
    let payloads = [&structs(&[])[..], &lying, &deep, &trailing];
    let found = decode(Some(Encoding::ZipkinThrift), payloads);
    assert!(matches!(found.records[0], Err(RecordError::NoSpan { .. })));
    for (record, reason) in
        found.records[1..].iter().zip(["ends inside", "deeper than 32", "something follows"])
    {
        let error = record.as_ref().expect_err("refused").to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(found.batch.resources().len(), 0);
}

#[test]
fn fields_written_as_json_are_charged_like_any_other_attributes() {
    let tiny = |json: &str| [bytes(2, json.as_bytes()), vec![0]].concat();
    let record =
        |annotations: usize| structs(&[span(&[], &vec![tiny(r#"{"a":"","b":""}"#); annotations], &[])]);
    let (few, many) = (record(10), record(20_000));
    let found = decode(Some(Encoding::ZipkinThrift), [&few[..], &many[..]]);
    assert!(found.records[0].is_ok());
    let error = found.records[1].as_ref().expect_err("its rows are out of proportion").to_string();
    assert!(error.contains("table rows"), "{error}");
}

proptest! {
    #[test]
    fn changed_and_cut_lists_never_panic(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), cut in any::<prop::sample::Index>()) {
        let annotations = [annotation(10, "cs"), annotation(12, "sr"), annotation(13, r#"{"a":"b"}"#)];
        let mut record = structs(&[span(&[long(11, 4)], &annotations, &[tag("a", b"b", 6), tag("n", &[0; 8], 4)])]);
        for (at, byte) in changes {
            let at = at.index(record.len());
            record[at] = byte;
        }
        record.truncate(cut.index(record.len()) + 1);
        let found = decode(Some(Encoding::ZipkinThrift), [record.as_slice()]);
        prop_assert_eq!(found.records.len(), 1);
    }
}

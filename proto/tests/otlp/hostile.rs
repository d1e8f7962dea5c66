//! Requests that lie: about lengths, depth, text, ids; and floods of rows that cost their sender next to nothing.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spoor_model::nested::MAX_DEPTH;
use spoor_model::{SpanBatch, SpanId, TraceId, ValueView};
use spoor_proto::DecodeError;
use spoor_proto::convert::otlp::{
    Limits, decode_export_request, decode_export_request_within, encode_traces_data,
};
use spoor_proto::error::Problem;
use spoor_proto::wire::Writer;

/// A request of one span with these encoded fields.
fn request(span: &[u8]) -> Bytes {
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |writer| writer.message(2, |writer| writer.bytes(2, span)));
    out.into()
}

fn fields(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out));
    out
}

fn decode(span: &[u8]) -> Result<SpanBatch, DecodeError> {
    decode_export_request(request(span))
}

/// A span with one attribute of this encoded value.
fn attribute(value: &[u8]) -> Vec<u8> {
    fields(|writer| {
        writer.message(9, |writer| {
            writer.string(1, "k");
            writer.bytes(2, value);
        });
    })
}

#[test]
fn says_where_in_the_message_it_went_wrong() {
    let span = fields(|writer| writer.message(13, |writer| writer.bytes(1, b"short")));
    let error = decode(&span).expect_err("a trace id of 5 bytes");
    assert_eq!(
        error.to_string(),
        "cannot decode resource_spans.scope_spans.spans.links.trace_id at byte 10: the length is 5 bytes, allowed: 0 or 16 bytes"
    );
}

#[test]
fn refuses_ids_of_another_length_and_takes_zeros_and_none() {
    for (field, right) in [(1, 16), (2, 8), (4, 8)] {
        for length in 0..=33 {
            let taken = decode(&fields(|writer| writer.bytes(field, &vec![1; length]))).is_ok();
            assert_eq!(taken, length == 0 || length == right, "field {field}, {length} bytes");
        }
    }
    let batch = decode(&fields(|writer| writer.bytes(1, &[0; 16]))).expect("zeros pass here");
    let span = batch.span(0).expect("one");
    assert_eq!((span.trace_id(), span.span_id()), (TraceId::NONE, SpanId::NONE));
}

#[test]
fn refuses_lengths_that_lie_at_every_level() {
    let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    // Request, ResourceSpans, ScopeSpans, Span, KeyValue, AnyValue, ArrayValue, AnyValue.
    let path = [1, 2, 2, 9, 2, 5, 1, 1];
    for depth in 0..path.len() {
        for lie in [&[0x04][..], &[0x7f], &[0xff, 0xff, 0xff, 0xff, 0x0f], &longest] {
            let lying = [&[path[depth] << 3 | 2][..], lie, &[1, 2, 3]].concat();
            let wrap =
                |inner: Vec<u8>, number: &u8| fields(|writer| writer.bytes(u32::from(*number), &inner));
            let body = path[..depth].iter().rev().fold(lying, wrap);
            let error = decode_export_request(body.into()).expect_err("a lie");
            assert_eq!(error.problem(), Problem::Truncated, "level {depth}");
        }
    }
    let error = decode_export_request([&[0x0a][..], &[0xff; 11]].concat().into()).expect_err("not a varint");
    assert_eq!(error.problem(), Problem::Varint);
}

#[test]
fn refuses_known_fields_of_another_wire_type() {
    for number in 1..=16 {
        let varint = matches!(number, 6 | 10 | 12 | 14);
        let wrong =
            fields(|writer| if varint { writer.fixed32(number, 1) } else { writer.varint(number, 1) });
        let error = decode(&wrong).expect_err("another type");
        assert!(matches!(error.problem(), Problem::WireType { .. }), "field {number}: {error}");
    }
}

#[test]
fn follows_lists_and_maps_only_so_deep() {
    let mut lists = Vec::new();
    let mut maps = Vec::new();
    for depth in 1..=MAX_DEPTH + 1 {
        lists = fields(|writer| writer.message(5, |writer| writer.bytes(1, &lists)));
        maps =
            fields(|writer| writer.message(6, |writer| writer.message(1, |writer| writer.bytes(2, &maps))));
        for value in [&lists, &maps] {
            assert_eq!(decode(&attribute(value)).is_ok(), depth <= MAX_DEPTH, "{depth}");
        }
    }
    for _ in 0..10_000 {
        lists = fields(|writer| writer.message(5, |writer| writer.bytes(1, &lists)));
    }
    let error = decode(&attribute(&lists)).expect_err("far too deep");
    assert_eq!(error.problem(), Problem::Depth { limit: MAX_DEPTH });
    let error =
        decode(&[vec![0xfb; 10_000], vec![0x01; 10_000]].concat()).expect_err("no groups of that form");
    assert!(matches!(error.problem(), Problem::Tag | Problem::Varint | Problem::Depth { .. }), "{error}");
    let groups = [0xa3, 0x06].repeat(10_000);
    assert!(matches!(decode(&groups).expect_err("too deep").problem(), Problem::Depth { .. }));
}

#[test]
fn repairs_invalid_text_and_counts_it() {
    let bad = b"a\xffb";
    let span = fields(|writer| {
        writer.bytes(5, bad);
        writer.message(9, |writer| {
            writer.bytes(1, bad);
            writer.message(2, |writer| writer.bytes(1, bad));
        });
    });
    let batch = decode(&span).expect("repaired");
    let view = batch.span(0).expect("one");
    assert_eq!((view.name(), batch.repaired_texts()), ("a\u{fffd}b", 3));
    assert_eq!(view.attributes().get("a\u{fffd}b"), Some(ValueView::Str("a\u{fffd}b")));
    assert_eq!(view.encoded(), None, "the broken text must not go on");
    let mut out = Vec::new();
    encode_traces_data(&batch, &mut out);
    ExportTraceServiceRequest::decode(&*out).expect("valid text");
}

#[test]
fn repairs_invalid_text_within_lists_and_maps() {
    let value = fields(|writer| {
        writer.message(5, |writer| {
            writer.message(1, |writer| writer.bytes(1, b"x\xc3"));
            writer.message(1, |writer| writer.varint(3, 5));
            writer.message(1, |writer| {
                writer.message(6, |writer| {
                    writer.message(1, |writer| {
                        writer.message(2, |writer| writer.bytes(1, b"\xf0\x9f"));
                        writer.bytes(1, b"\x80key");
                    });
                });
            });
        });
    });
    let batch = decode(&attribute(&value)).expect("repaired");
    let view = batch.span(0).expect("one");
    let text = view.attributes().get("k").expect("there").to_text();
    assert_eq!(text, "[\"x\u{fffd}\",5,{\"\u{fffd}key\":\"\u{fffd}\"}]");
    assert_eq!(batch.repaired_texts(), 3);
    assert_eq!(view.encoded(), None);
}

#[test]
fn a_broken_text_that_a_later_value_replaces_still_keeps_the_span_from_going_on_as_received() {
    let twice = |writer: &mut Writer<'_>| {
        writer.bytes(1, b"\xff");
        writer.varint(3, 5);
    };
    let listed = fields(|writer| writer.message(5, |writer| writer.message(1, twice)));
    for (value, text) in [(fields(twice), "5"), (listed, "[5]")] {
        let batch = decode(&attribute(&value)).expect("repaired");
        let view = batch.span(0).expect("one");
        assert_eq!(view.attributes().get("k").expect("there").to_text(), text);
        assert_eq!((batch.repaired_texts(), view.encoded()), (1, None));
    }
}

#[test]
fn merges_a_value_that_comes_many_times_in_one_go() {
    let value = fields(|writer| {
        writer.string(1, "k");
        for number in 0..200_000 {
            writer
                .message(2, |writer| writer.message(5, |writer| writer.message(1, |w| w.varint(3, number))));
        }
    });
    let batch = decode(&fields(|writer| writer.bytes(9, &value))).expect("odd but valid");
    let Some(ValueView::List(list)) = batch.span(0).expect("one").attributes().get("k") else {
        panic!("a list");
    };
    assert_eq!(list.iter().count(), 200_000);
    assert!(batch.memory_bytes() < 4 * value.len() + (4 << 20));
}

#[test]
fn refuses_floods_of_empty_rows() {
    let flood = |tag: u8| [tag, 0].repeat(1 << 20);
    let resources = Bytes::from(flood(0x0a));
    let scopes = Bytes::from(fields(|writer| writer.bytes(1, &flood(0x12))));
    let spans = Bytes::from(fields(|writer| writer.message(1, |writer| writer.bytes(2, &flood(0x12)))));
    let rows =
        [resources, scopes, spans, request(&flood(0x4a)), request(&flood(0x5a)), request(&flood(0x6a))];
    for body in rows {
        let error = decode_export_request(body.clone()).expect_err("too many rows");
        assert!(matches!(error.problem(), Problem::TooMany { .. }), "{error}");
        let limits = Limits { max_row_bytes: 1 << 30 };
        assert!(decode_export_request_within(body, limits).is_ok(), "it is only the limit");
    }
}

#[test]
fn the_smallest_honest_spans_are_within_the_limit() {
    let span = fields(|writer| {
        writer.bytes(1, &[1; 16]);
        writer.bytes(2, &[1; 8]);
        writer.string(5, "s");
        writer.fixed64(7, 1);
        writer.fixed64(8, 2);
    });
    let many = fields(|writer| {
        writer.message(1, |writer| {
            writer.message(2, |writer| {
                for _ in 0..100_000 {
                    writer.bytes(2, &span);
                }
            });
        });
    });
    assert_eq!(decode_export_request(many.into()).expect("honest").len(), 100_000);
}

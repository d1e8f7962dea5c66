//! Claims about Jaeger's Thrift: golden bytes of each protocol, put together by hand from the field tables; the rules one by one; `random.rs`
//! holds the properties.

mod hostile;
mod random;
mod zipkin;

use bytes::Bytes;
use spoor_model::jaeger::warnings;
use spoor_model::{ReferenceKind, SpanBatch, SpanId, SpanKind, StatusCode, TraceId, ValueView};

use super::*;

/// A bare batch in the binary protocol.
const BATCH: &[&[u8]] = &[
    b"\x0c\0\x01",                                    // 1: process
    b"\x0b\0\x01\0\0\0\x04shop",                      // 1: serviceName
    b"\x0f\0\x02\x0c\0\0\0\x01",                      // 2: tags, one struct
    b"\x0b\0\x01\0\0\0\x04host",                      // 1: key
    b"\x08\0\x02\0\0\0\0",                            // 2: vType STRING
    b"\x0b\0\x03\0\0\0\x02h1\0",                      // 3: vStr; end of tag
    b"\0",                                            // end of process
    b"\x0f\0\x02\x0c\0\0\0\x01",                      // 2: spans, one struct
    b"\x0a\0\x01\0\0\0\0\0\0\0\x02",                  // 1: traceIdLow
    b"\x0a\0\x02\0\0\0\0\0\0\0\x01",                  // 2: traceIdHigh
    b"\x0a\0\x03\0\0\0\0\0\0\0\x03",                  // 3: spanId
    b"\x0a\0\x04\0\0\0\0\0\0\0\x04",                  // 4: parentSpanId
    b"\x0b\0\x05\0\0\0\x03GET",                       // 5: operationName
    b"\x0f\0\x06\x0c\0\0\0\x01",                      // 6: references, one struct
    b"\x08\0\x01\0\0\0\x01",                          // 1: refType FOLLOWS_FROM
    b"\x0a\0\x02\0\0\0\0\0\0\0\x09",                  // 2: traceIdLow
    b"\x0a\0\x03\0\0\0\0\0\0\0\0",                    // 3: traceIdHigh
    b"\x0a\0\x04\0\0\0\0\0\0\0\x08\0",                // 4: spanId; end of reference
    b"\x08\0\x07\0\0\0\x01",                          // 7: flags
    b"\x0a\0\x08\0\0\0\0\0\0\x03\xe8",                // 8: startTime 1000 us
    b"\x0a\0\x09\0\0\0\0\0\0\0\x05",                  // 9: duration 5 us
    b"\x0f\0\x0a\x0c\0\0\0\x03",                      // 10: tags, three structs
    b"\x0b\0\x01\0\0\0\x01n\x08\0\x02\0\0\0\x03",     // key n, LONG
    b"\x0a\0\x06\xff\xff\xff\xff\xff\xff\xff\xfe\0",  // 6: vLong -2
    b"\x0b\0\x01\0\0\0\x01d\x08\0\x02\0\0\0\x01",     // key d, DOUBLE
    b"\x04\0\x04\x3f\xe0\0\0\0\0\0\0\0",              // 4: vDouble 0.5
    b"\x0b\0\x01\0\0\0\x05error\x08\0\x02\0\0\0\x02", // key error, BOOL
    b"\x02\0\x05\x01\0",                              // 5: vBool true
    b"\x0f\0\x0b\x0c\0\0\0\x01",                      // 11: logs, one struct
    b"\x0a\0\x01\0\0\0\0\0\0\x03\xe9",                // 1: timestamp 1001 us
    b"\x0f\0\x02\x0c\0\0\0\x01",                      // 2: fields, one struct
    b"\x0b\0\x01\0\0\0\x05event\x08\0\x02\0\0\0\0",   // key event, STRING
    b"\x0b\0\x03\0\0\0\x05retry\0",                   // 3: vStr; end of field
    b"\0",                                            // end of log
    b"\0",                                            // end of span
    b"\x0a\0\x03\0\0\0\0\0\0\0\x07",                  // 3: seqNo
    b"\x0c\0\x04\x0a\0\x01\0\0\0\0\0\0\0\x0b\0",      // 4: stats, fullQueueDroppedSpans 11
    b"\0",                                            // end of batch
];

/// The same as a call in the compact protocol.
const COMPACT: &[&[u8]] = &[
    b"\x82\x81\x00\x09emitBatch", // compact, version 1 and ONEWAY, number 0, method
    b"\x1c",                      // 1: batch
    b"\x1c\x18\x04shop",          // 1: process, 1: serviceName
    b"\x19\x1c\x18\x04host\x15\x00\x18\x02h1\0\0", // 2: tags, one struct: key, vType 0, vStr; end of process
    b"\x19\x1c",                  // 2: spans, one struct
    b"\x16\x04\x16\x02\x16\x06\x16\x08", // 1-4: ids 2, 1, 3, 4 in zigzag
    b"\x18\x03GET",               // 5: operationName
    b"\x19\x1c\x15\x02\x16\x12\x16\x00\x16\x10\0", // 6: references: FOLLOWS_FROM 9 / 0, span 8
    b"\x15\x02\x16\xd0\x0f\x16\x0a", // 7: flags 1, 8: 1000 us, 9: 5 us
    b"\x19\x3c",                  // 10: tags, three structs
    b"\x18\x01n\x15\x06\x46\x03\0", // n, LONG 3, step 4 to vLong: -2 is 3 in zigzag
    b"\x18\x01d\x15\x02\x27\0\0\0\0\0\0\xe0\x3f\0", // d, DOUBLE 1, step 2 to vDouble, little-endian
    b"\x18\x05error\x15\x04\x31\0", // error, BOOL 2, step 3 to vBool: true in the header
    b"\x19\x1c\x16\xd2\x0f\x19\x1c", // 11: logs, one struct: 1001 us, fields, one struct
    b"\x18\x05event\x15\x00\x18\x05retry\0\0\0", // event: retry; end of field, log and span
    b"\x16\x0e",                  // 3: seqNo 7
    b"\x1c\x16\x16\0",            // 4: stats: 11
    b"\0\0",                      // end of batch and of the arguments
];

fn bytes(parts: &[&[u8]]) -> Bytes {
    parts.concat().into()
}

/// The bare batch as a call in the binary protocol, in its strict form or the older one.
fn binary_call(strict: bool) -> Bytes {
    let head: &[u8] = match strict {
        true => b"\x80\x01\0\x01\0\0\0\x09emitBatch\0\0\0\x07",
        false => b"\0\0\0\x09emitBatch\x04\0\0\0\x07",
    };
    [head, b"\x0c\0\x01", &BATCH.concat(), b"\0"].concat().into()
}

#[track_caller]
fn check_golden(batch: &SpanBatch) {
    assert_eq!(batch.len(), 1);
    let span = batch.span(0).unwrap();
    assert_eq!((span.trace_id(), span.span_id()), (TraceId(1 << 64 | 2), SpanId(3)));
    assert_eq!((span.parent_span_id(), span.name(), span.flags()), (SpanId(4), "GET", 1));
    assert_eq!((span.start().0, span.end().0), (1_000_000, 1_005_000));
    assert_eq!(span.service(), "shop");
    assert_eq!(span.resource().attributes().get("host"), Some(ValueView::Str("h1")));
    let links: Vec<_> = span.links().map(|link| (link.trace_id(), link.span_id(), link.kind())).collect();
    assert_eq!(links, [(TraceId(9), SpanId(8), ReferenceKind::FollowsFrom)]);
    assert_eq!(span.attributes().get("n"), Some(ValueView::Int(-2)));
    assert_eq!(span.attributes().get("d"), Some(ValueView::Double(0.5)));
    assert_eq!((span.attributes().len(), span.status()), (2, StatusCode::Error));
    let events: Vec<_> = span.events().map(|event| (event.time().0, event.name())).collect();
    assert_eq!(events, [(1_001_000, "retry")]);
    assert_eq!(batch.repaired_texts(), 0);
}

#[test]
fn a_batch_posted_in_the_binary_protocol_is_read() {
    check_golden(&decode_batch(bytes(BATCH)).unwrap());
}

#[test]
fn a_call_is_read_in_each_protocol_and_form_whatever_answer_it_expects() {
    for (protocol, message) in [
        (ThriftProtocol::Compact, bytes(COMPACT)),
        (ThriftProtocol::Binary, binary_call(true)),
        (ThriftProtocol::Binary, binary_call(false)),
    ] {
        let message = decode_agent_message(protocol, message).unwrap();
        check_golden(&message.spans);
        assert_eq!((message.format, message.sequence), (SpanFormat::Jaeger, Some(7)));
        assert_eq!(message.stats.unwrap().full_queue, 11);
    }
}

#[test]
fn what_we_write_is_what_is_on_the_wire() {
    let batch = decode_batch(bytes(BATCH)).unwrap();
    let mut written = Vec::new();
    encode_batch(&mut written, batch.span(0).unwrap().resource(), batch.spans());
    check_golden(&decode_batch(written.into()).unwrap());
    for protocol in [ThriftProtocol::Compact, ThriftProtocol::Binary] {
        let mut written = Vec::new();
        encode_emit_batch(protocol, &mut written, batch.span(0).unwrap().resource(), batch.spans());
        let head: &[u8] = match protocol {
            ThriftProtocol::Compact => {
                b"\x82\x81\0\x09emitBatch\x1c\x1c\x18\x04shop\x19\x1c\x18\x04host\x15\0\x18\x02h1\0\0"
            }
            ThriftProtocol::Binary => {
                b"\x80\x01\0\x04\0\0\0\x09emitBatch\0\0\0\0\x0c\0\x01\x0c\0\x01\x0b\0\x01\0\0\0\x04shop"
            }
        };
        assert!(written.starts_with(head), "{:?}", &written[..head.len()]);
        check_golden(&decode_agent_message(protocol, written.into()).unwrap().spans);
    }
}

#[test]
fn zipkins_spans_come_by_the_same_ports() {
    // emitZipkinBatch(list<Span>): trace 2, name "get", id 3, an annotation "sr" at 7 us by the service "shop".
    let compact: &[&[u8]] = &[
        b"\x82\x81\0\x0femitZipkinBatch\x19\x1c",
        b"\x16\x04\x28\x03get\x16\x06",
        b"\x29\x1c\x16\x0e\x18\x02sr\x1c\x38\x04shop\0\0", // step 2 to 6: annotations
        b"\0\0",
    ];
    let message = decode_agent_message(ThriftProtocol::Compact, bytes(compact)).unwrap();
    let span = message.spans.span(0).unwrap();
    assert_eq!((message.format, message.spans.len()), (SpanFormat::Zipkin, 1));
    assert_eq!((span.trace_id(), span.span_id(), span.name()), (TraceId(2), SpanId(3), "get"));
    assert_eq!((span.service(), span.kind(), span.start().0), ("shop", SpanKind::Server, 7_000));
    let empty: &[&[u8]] = &[b"\x82\x81\0\x0femitZipkinBatch\x19\x0c\0"];
    assert!(decode_agent_message(ThriftProtocol::Compact, bytes(empty)).unwrap().spans.is_empty());
}

/// A batch of one span in the compact protocol, whose fields are these.
fn one_span(fields: &[&[u8]]) -> Bytes {
    let head: &[u8] = b"\x82\x81\0\x09emitBatch\x1c\x1c\x18\x01s\0\x19\x1c";
    [head, &fields.concat(), b"\0\0\0"].concat().into()
}

fn decode_one(fields: &[&[u8]]) -> SpanBatch {
    decode_agent_message(ThriftProtocol::Compact, one_span(fields)).expect("a valid message").spans
}

#[test]
fn a_parent_is_the_first_reference_unless_it_is_one_already() {
    let ids: &[u8] = b"\x16\x04\x16\x02\x16\x06\x16\x08\x18\0";
    let rest: &[u8] = b"\x15\x02\x16\x02\x16\x02";
    // A reference that is a child of span 5 in the same trace, then one that follows from the parent, 4.
    let other: &[u8] = b"\x19\x1c\x15\0\x16\x04\x16\x02\x16\x0a\0";
    let span = decode_one(&[ids, other, rest]);
    let span = span.span(0).unwrap();
    assert_eq!((span.parent_span_id(), span.links().count()), (SpanId(4), 1), "the parent's id counts first");
    let parent: &[u8] = b"\x19\x1c\x15\x02\x16\x04\x16\x02\x16\x08\0";
    let span = decode_one(&[ids, parent, rest]);
    let span = span.span(0).unwrap();
    assert_eq!(span.parent_span_id(), SpanId(4));
    assert_eq!(span.links().map(|link| link.kind()).collect::<Vec<_>>(), [ReferenceKind::FollowsFrom]);
}

#[test]
fn times_that_cannot_be_are_moved_with_a_warning_and_no_tag_is_lost() {
    let ids: &[u8] = b"\x16\x04\x16\x02\x16\x06\x16\0\x18\0";
    let tags: &[u8] = b"\x19\x1c\x18\x01k\x15\0\x18\x01v\0";
    // Start at -1 us, a duration of -1 us.
    let batch = decode_one(&[ids, b"\x25\x02\x16\x01\x16\x01", tags]);
    let span = batch.span(0).unwrap();
    assert_eq!((span.start().0, span.end().0, warnings(span).len()), (0, 0, 2));
    assert_eq!(span.attributes().get("k"), Some(ValueView::Str("v")));
    let batch = decode_one(&[ids, b"\x25\x02\x16\x01\x16\x01"]);
    assert_eq!(warnings(batch.span(0).unwrap()).len(), 2, "without any tag, too");
}

#[test]
fn unknown_fields_and_types_are_passed_over_or_told() {
    let ids: &[u8] = b"\x16\x04\x16\x02\x16\x06\x16\0\x18\0\x25\x02\x16\x02\x16\x02";
    // A tag of type 9; then field 14, a map of text to lists of structs, and field 15, a truth.
    let odd: &[u8] = b"\x19\x1c\x18\x01k\x15\x12\0\x4b\x01\x89\x01a\x1c\x16\x02\0\x11";
    let batch = decode_one(&[ids, odd]);
    let value = batch.span(0).unwrap().attributes().get("k").unwrap().to_text();
    assert_eq!(value, "<unknown Jaeger value type 9>");
}

#[test]
fn what_is_no_message_is_refused_with_the_place() {
    let deep = [&b"\x82\x81\0\x09emitBatch\x1c"[..], &[0x1c; 64 << 10][..]].concat();
    let lists = [&b"\x82\x81\0\x09emitBatch\x19"[..], &[0x19; 64 << 10][..]].concat();
    let many = b"\x82\x81\0\x09emitBatch\x1c\x1c\x18\x01s\0\x19\xfc\xff\xff\xff\xff\x0f";
    let negative = [b"\x0c\0\x01\x0b\0\x01\0\0\0\x01s\0\x0f\0\x02\x0c".as_slice(), &[0xff; 4]].concat();
    for (message, wrong) in [
        (Bytes::new(), "ends inside"),
        (bytes(&[b"\x80\x01"]), "no message in Thrift's compact protocol"),
        (bytes(&[b"\x82\x81\0\x04emit\0"]), "no such method"),
        (bytes(&[b"\x82\x81\0\x09emitBatch\0"]), "without its argument"),
        (bytes(&[b"\x82\x81\0\x09emitBatch\x1c\0\0"]), "one of them is missing"),
        (one_span(&[b"\x16\x04"]), "some are missing"),
        (deep.into(), ""),
        (lists.into(), ""),
        (Bytes::from_static(many), "ends inside"),
    ] {
        let error = decode_agent_message(ThriftProtocol::Compact, message).unwrap_err().to_string();
        assert!(error.contains(wrong) && error.contains("at byte"), "{error}");
    }
    let error = decode_batch(negative.into()).unwrap_err().to_string();
    assert!(error.contains("spans") && error.contains("ends inside"), "{error}");
    let error = decode_batch(bytes(&[b"\0"])).unwrap_err().to_string();
    assert!(error.contains("a process and spans"), "{error}");
}

#[test]
fn spans_before_their_process_are_read_as_well() {
    let whole = BATCH.concat();
    let process = BATCH[..7].concat();
    let behind = whole.len() - BATCH[BATCH.len() - 3..].concat().len();
    let turned = [&whole[process.len()..behind], &process, &whole[behind..]].concat();
    check_golden(&decode_batch(turned.into()).unwrap());
}

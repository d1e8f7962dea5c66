//! Claims about api_v2 and the model: golden bytes, the rules one by one; `oracle.rs` holds the properties.

mod oracle;
mod random;

use bytes::Bytes;
use prost::Message;
use spoor_model::jaeger::{WARNINGS, warnings};
use spoor_model::{ReferenceKind, SpanBatch, SpanId, SpanKind, StatusCode, TraceId, ValueView};

use super::*;
use crate::error::Problem;
use crate::jaeger::api_v2 as wire;

const TRACE: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];
const SPAN: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 3];

/// One request as the wire has it, put together by hand from the field tables.
const GOLDEN: &[&[u8]] = &[
    b"\x0a\x83\x01",                                                // PostSpansRequest.batch
    b"\x0a\x79",                                                    // Batch.spans
    b"\x0a\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02",                // trace_id
    b"\x12\x08\0\0\0\0\0\0\0\x03",                                  // span_id
    b"\x1a\x03GET",                                                 // operation_name
    b"\x22\x1c\x0a\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02",        // references: CHILD_OF, its trace
    b"\x12\x08\0\0\0\0\0\0\0\x04",                                  // and its span
    b"\x28\x01",                                                    // flags: sampled
    b"\x32\x04\x08\x05\x10\x07",                                    // start_time: 5 s and 7 ns
    b"\x3a\x03\x10\xe8\x07",                                        // duration: 1000 ns
    b"\x42\x06\x0a\x01k\x1a\x01v",                                  // tags: text
    b"\x42\x07\x0a\x01n\x10\x02\x28\x2a",                           // tags: integer
    b"\x4a\x15\x0a\x02\x08\x06\x12\x0f\x0a\x05event\x1a\x06retry!", // logs
    b"\x62\x03odd",                                                 // warnings
    b"\x12\x06\x0a\x04shop",                                        // Batch.process
];

fn decode(request: &wire::PostSpansRequest) -> SpanBatch {
    decode_post_spans(request.encode_to_vec().into()).expect("a valid request")
}

fn request(spans: Vec<wire::Span>, process: Option<wire::Process>) -> wire::PostSpansRequest {
    wire::PostSpansRequest { batch: Some(wire::Batch { spans, process }) }
}

fn decode_one(span: wire::Span) -> SpanBatch {
    decode(&request(vec![span], None))
}

fn process(name: &str) -> wire::Process {
    wire::Process { service_name: name.to_owned(), tags: vec![text_tag("host", "h1")] }
}

fn text_tag(key: &str, value: &str) -> wire::KeyValue {
    wire::KeyValue { key: key.to_owned(), v_str: value.to_owned(), ..wire::KeyValue::default() }
}

fn reference(trace_id: &[u8], span_id: u64, ref_type: wire::SpanRefType) -> wire::SpanRef {
    wire::SpanRef {
        trace_id: trace_id.to_vec().into(),
        span_id: span_id.to_be_bytes().to_vec().into(),
        ref_type: ref_type.into(),
    }
}

fn timestamp(seconds: i64, nanos: i32) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos })
}

fn duration(seconds: i64, nanos: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos })
}

#[test]
fn reads_and_writes_the_golden_request() {
    let golden = GOLDEN.concat();
    let batch = decode_post_spans(golden.clone().into()).expect("golden");
    let span = batch.span(0).expect("one span");
    assert_eq!(span.trace_id(), TraceId(1 << 64 | 2));
    assert_eq!((span.span_id(), span.parent_span_id()), (SpanId(3), SpanId(4)));
    assert_eq!((span.name(), span.service(), span.flags()), ("GET", "shop", 1));
    assert_eq!((span.start().0, span.end().0), (5_000_000_007, 5_000_001_007));
    assert_eq!(span.attributes().get("k"), Some(ValueView::Str("v")));
    assert_eq!(span.attributes().get("n"), Some(ValueView::Int(42)));
    let event = span.events().next().expect("one log");
    assert_eq!((event.time().0, event.name(), event.attributes().len()), (6_000_000_000, "retry!", 0));
    assert_eq!(warnings(span), ["odd"]);
    assert_eq!(span.links().len(), 0);

    let mut written = Vec::new();
    encode_post_spans(&mut written, batch.spans());
    assert_eq!(written, golden);
}

#[test]
fn otlps_random_id_is_not_jaegers_debug_nor_the_other_way_round() {
    use crate::convert::otlp::{decode_export_request, encode_traces_data};
    let to_jaeger = |batch: &SpanBatch| {
        let mut body = Vec::new();
        encode_post_spans(&mut body, batch.spans());
        let request = wire::PostSpansRequest::decode(&*body).expect("a request");
        let flags = request.batch.expect("a batch").spans[0].flags;
        (flags, decode_post_spans(body.into()).expect("our own request"))
    };
    let to_otlp = |batch: &SpanBatch| {
        let mut body = Vec::new();
        encode_traces_data(batch, &mut body);
        let batch = decode_export_request(body.into()).expect("our own request");
        (batch.span(0).expect("one span").flags(), batch)
    };
    let debug = decode_one(wire::Span { flags: 3, ..wire::Span::default() });
    assert_eq!(to_jaeger(&debug).0, 3);
    let (flags, sampled) = to_otlp(&debug);
    assert_eq!((flags, to_jaeger(&sampled).0), (1, 1));
    for (flags, told) in [(3, 1), (0x303, 1), (0x102, 0), (8, 0)] {
        let mut batch = sampled.clone();
        batch.span_row_mut(0).expect("one span").flags = flags;
        assert_eq!(to_otlp(&batch).0, flags);
        assert_eq!(to_jaeger(&batch).0, told);
        assert_eq!(to_otlp(&to_jaeger(&batch).1).0, told);
    }
}

#[test]
fn a_record_of_one_span_starts_with_its_ids_and_brings_its_process() {
    let batch = decode_post_spans(GOLDEN.concat().into()).expect("golden");
    let mut record = Vec::new();
    encode_span(&mut record, batch.span(0).expect("one span"), Process::Embedded);
    assert!(record.starts_with(&[&b"\x0a\x10"[..], &TRACE, b"\x12\x08", &SPAN].concat()));
    let again = decode_span(record.into()).expect("our own record");
    assert_eq!(format!("{again:?}"), format!("{batch:?}"));
}

#[test]
fn ids_and_times_are_written_even_when_zero() {
    let batch = decode_one(wire::Span::default());
    let mut written = Vec::new();
    encode_span(&mut written, batch.span(0).expect("one span"), Process::Omitted);
    assert_eq!(written, [&b"\x0a\x10"[..], &[0; 16], b"\x12\x08", &[0; 8], b"\x32\x00\x3a\x00"].concat());
}

#[test]
fn a_short_trace_id_is_the_low_half_and_other_lengths_fail_the_message() {
    let with_ids = |trace_id: &[u8], span_id: &[u8]| wire::Span {
        trace_id: trace_id.to_vec().into(),
        span_id: span_id.to_vec().into(),
        ..wire::Span::default()
    };
    let batch = decode_one(with_ids(&[0, 0, 0, 0, 0, 0, 0, 9], &SPAN));
    assert_eq!(batch.span(0).expect("one span").trace_id(), TraceId(9));
    for (trace_id, span_id, found, path) in [
        (&[1; 15][..], &[1; 8][..], 15, "spans.trace_id"),
        (&[1; 17], &[1; 8], 17, "spans.trace_id"),
        (&[1; 16], &[1; 16], 16, "spans.span_id"),
        (&[1; 16], &[1; 7], 7, "spans.span_id"),
    ] {
        let body = request(vec![wire::Span::default(), with_ids(trace_id, span_id)], None).encode_to_vec();
        let error = decode_post_spans(body.into()).expect_err("a bad id");
        assert!(matches!(error.problem(), Problem::Length { found: len, .. } if len == found), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    let error = decode_span(Bytes::from_static(b"\x0a\x00")).expect_err("an empty id is not a missing one");
    assert!(matches!(error.problem(), Problem::Length { found: 0, .. }), "{error}");
}

#[test]
fn a_spans_process_stands_before_the_batchs_and_equal_ones_are_one_resource() {
    let own = |name: &str| wire::Span { process: Some(process(name)), ..wire::Span::default() };
    let spans = vec![own("b"), wire::Span::default(), own("b"), own("c"), own("a")];
    let batch = decode(&request(spans, Some(process("a"))));
    let services: Vec<_> = batch.spans().map(|span| span.service().to_owned()).collect();
    assert_eq!(services, ["b", "a", "b", "c", "a"]);
    assert_eq!(batch.resources().len(), 3);
    assert_eq!(batch.scopes().len(), 3);

    let mut written = Vec::new();
    encode_batch(&mut written, batch.spans());
    let written = wire::Batch::decode(&written[..]).expect("a batch");
    assert_eq!(written.process, Some(process("b")));
    let own: Vec<_> = written.spans.iter().map(|span| span.process.clone()).collect();
    let [a, c] = [Some(process("a")), Some(process("c"))];
    assert_eq!(own, [None, a.clone(), None, c, a]);
}

#[test]
fn without_a_process_there_is_no_service_and_jaegers_name_for_that_is_written() {
    let nobody = wire::Process { service_name: "OTLPResourceNoServiceName".to_owned(), tags: Vec::new() };
    for process in [None, Some(nobody.clone())] {
        let batch = decode(&request(vec![wire::Span::default()], process));
        let span = batch.span(0).expect("one span");
        assert_eq!(span.resource().row().service, None);
        let mut written = Vec::new();
        encode_span(&mut written, span, Process::Embedded);
        let written = wire::Span::decode(&written[..]).expect("a span");
        assert_eq!(written.process, Some(nobody.clone()));
    }
    let batch = decode(&request(vec![wire::Span::default()], Some(wire::Process::default())));
    assert!(batch.resources().next().expect("one").row().service.is_some(), "an empty name is a name");
}

#[test]
fn the_parent_is_the_first_child_of_else_the_first_follows_from_of_the_same_trace() {
    use wire::SpanRefType::{ChildOf, FollowsFrom};
    let other = [7; 16];
    let with = |references: Vec<wire::SpanRef>| {
        decode_one(wire::Span { trace_id: TRACE.to_vec().into(), references, ..wire::Span::default() })
    };
    let links = |batch: &SpanBatch| -> Vec<_> {
        let span = batch.span(0).expect("one span");
        span.links().map(|link| (link.span_id().0, link.kind())).collect()
    };
    let parent = |batch: &SpanBatch| batch.span(0).expect("one span").parent_span_id().0;

    let batch = with(vec![
        reference(&other, 1, ChildOf),
        reference(&TRACE, 2, FollowsFrom),
        reference(&TRACE, 3, ChildOf),
        reference(&TRACE, 4, ChildOf),
        reference(&TRACE, 3, FollowsFrom),
    ]);
    assert_eq!(parent(&batch), 3);
    let (child_of, follows_from) = (ReferenceKind::ChildOf, ReferenceKind::FollowsFrom);
    assert_eq!(links(&batch), [(1, child_of), (2, follows_from), (4, child_of)]);

    let batch = with(vec![reference(&other, 1, ChildOf), reference(&TRACE, 2, FollowsFrom)]);
    assert_eq!(parent(&batch), 2);
    assert_eq!(links(&batch), [(2, follows_from), (1, child_of)]);

    let batch = with(vec![reference(&other, 1, ChildOf), reference(&TRACE, 0, ChildOf)]);
    assert_eq!(parent(&batch), 0);
    assert_eq!(links(&batch), [(1, child_of), (0, child_of)]);
}

#[test]
fn tags_that_stand_for_fields_become_them_and_come_back_in_jaegers_order() {
    let flag = |key: &str| wire::KeyValue {
        key: key.to_owned(),
        v_type: wire::ValueType::Bool.into(),
        v_bool: true,
        ..wire::KeyValue::default()
    };
    let tags = vec![
        text_tag("otel.scope.name", "lib"),
        text_tag("otel.scope.version", "1"),
        text_tag("k", "v"),
        text_tag("span.kind", "client"),
        text_tag("otel.status_code", "ERROR"),
        flag("error"),
        text_tag("otel.status_description", "boom"),
        text_tag("w3c.tracestate", "a=b"),
    ];
    let batch =
        decode_one(wire::Span { tags: tags.iter().rev().cloned().collect(), ..wire::Span::default() });
    let span = batch.span(0).expect("one span");
    assert_eq!(
        (span.kind(), span.status(), span.status_message()),
        (SpanKind::Client, StatusCode::Error, "boom")
    );
    assert_eq!((span.scope().name(), span.scope().version(), span.trace_state()), ("lib", "1", "a=b"));
    let mut written = Vec::new();
    encode_span(&mut written, span, Process::Omitted);
    assert_eq!(wire::Span::decode(&written[..]).expect("a span").tags, tags);
}

#[test]
fn times_that_cannot_be_said_are_moved_and_told() {
    let told = |start: Option<prost_types::Timestamp>, length: Option<prost_types::Duration>, log| {
        let logs = vec![wire::Log { timestamp: log, fields: Vec::new() }];
        let span = wire::Span { start_time: start, duration: length, logs, ..wire::Span::default() };
        let batch = decode_one(span);
        let span = batch.span(0).expect("one span");
        (span.start().0, span.end().0, warnings(span).len())
    };
    let second = timestamp(1, 0);
    assert_eq!(told(second, duration(2, 3), second), (1_000_000_000, 3_000_000_003, 0));
    assert_eq!(told(None, None, None), (0, 0, 0));
    assert_eq!(told(timestamp(-1, 5), None, second), (0, 0, 1));
    assert_eq!(told(timestamp(2, -1), None, second), (1_999_999_999, 1_999_999_999, 0));
    assert_eq!(told(timestamp(i64::MIN, i32::MIN), duration(1, 0), second), (0, 1_000_000_000, 1));
    assert_eq!(told(timestamp(i64::MAX, 0), None, second), (u64::MAX, u64::MAX, 1));
    assert_eq!(told(second, duration(0, -1), second), (1_000_000_000, 1_000_000_000, 1));
    assert_eq!(told(second, duration(i64::MAX, 0), second), (1_000_000_000, u64::MAX, 1));
    assert_eq!(told(second, duration(18_446_744_073, 0), second), (1_000_000_000, u64::MAX, 1));
    assert_eq!(told(timestamp(-1, 0), duration(-1, 0), timestamp(-1, 0)), (0, 0, 3));
}

/// A record with a longer one is lost to Jaeger's ingester.
#[test]
fn no_duration_is_longer_than_go_can_say() {
    let span =
        wire::Span { start_time: None, duration: duration(18_000_000_000, 0), ..wire::Span::default() };
    let batch = decode_one(span);
    let mut written = Vec::new();
    encode_span(&mut written, batch.span(0).expect("one span"), Process::Omitted);
    let written = wire::Span::decode(&written[..]).expect("a span").duration.expect("a duration");
    assert_eq!((written.seconds, written.nanos), (9_223_372_036, 854_775_807));
}

#[test]
fn several_event_fields_all_stay_and_are_written_once() {
    let fields = vec![text_tag("a", "1"), text_tag("event", "x"), text_tag("event", "y")];
    let logs = vec![wire::Log { timestamp: timestamp(1, 0), fields: fields.clone() }];
    let batch = decode_one(wire::Span { logs, ..wire::Span::default() });
    let span = batch.span(0).expect("one span");
    assert_eq!(span.events().next().expect("one log").name(), "x");
    let mut written = Vec::new();
    encode_span(&mut written, span, Process::Omitted);
    assert_eq!(wire::Span::decode(&written[..]).expect("a span").logs[0].fields, fields);
}

#[test]
fn invalid_utf8_is_repaired_and_counted() {
    let batch = decode_span(Bytes::from_static(b"\x1a\x02a\xff\x62\x01\xfe")).expect("a span");
    let span = batch.span(0).expect("one span");
    assert_eq!((span.name(), warnings(span)), ("a\u{fffd}", vec!["\u{fffd}"]));
    assert_eq!(batch.repaired_texts(), 2);
}

#[test]
fn fields_in_any_order_and_unknown_ones_change_nothing() {
    // A log between two tags, an unknown field 99 and an unknown group 98 among them, the ids last.
    let body = [
        &b"\x42\x06\x0a\x01a\x1a\x01x"[..],
        b"\x4a\x0a\x12\x08\x0a\x03log\x1a\x01l",
        b"\x9a\x06\x01?\x93\x06\x94\x06",
        b"\x42\x06\x1a\x01y\x0a\x01b",
        b"\x12\x08",
        &SPAN,
        b"\x0a\x10",
        &TRACE,
    ]
    .concat();
    let batch = decode_span(body.into()).expect("a span");
    let span = batch.span(0).expect("one span");
    let tags: Vec<_> = span.attributes().iter().map(|tag| (tag.key(), tag.value())).collect();
    assert_eq!(tags, [("a", ValueView::Str("x")), ("b", ValueView::Str("y"))]);
    let event = span.events().next().expect("one log");
    assert_eq!(event.attributes().get("log"), Some(ValueView::Str("l")));
    assert_eq!((span.trace_id().to_bytes(), span.span_id().to_bytes()), (TRACE, SPAN));
}

#[test]
fn refuses_a_field_of_another_wire_type_and_more_rows_than_a_body_can_mean() {
    let error = decode_span(Bytes::from_static(b"\x18\x01")).expect_err("the name as a varint");
    assert_eq!(error.problem(), Problem::WireType { number: 3, found: 0 });

    for (field, what) in
        [(0x0a, "spans"), (0x22, "references"), (0x42, "tags"), (0x4a, "logs"), (0x62, "warnings")]
    {
        let empty_messages = Bytes::from([field, 0].repeat(1_000_000));
        let result = if field == 0x0a {
            let length = empty_messages.len();
            let mut body = Vec::new();
            crate::wire::Writer::new(&mut body).bytes(1, &empty_messages[..length]);
            decode_post_spans(body.into())
        } else {
            decode_span(empty_messages)
        };
        let error = result.expect_err(what);
        assert!(matches!(error.problem(), Problem::TooMany { .. }), "{what}: {error}");
    }
}

#[test]
fn warnings_are_no_tag_and_lists_and_maps_are_json_text() {
    let batch = random::batch_with_nested_values();
    let span = batch.span(0).expect("one span");
    let mut written = Vec::new();
    encode_span(&mut written, span, Process::Omitted);
    let written = wire::Span::decode(&written[..]).expect("a span");
    assert_eq!(written.warnings, ["first", "second"]);
    assert!(written.tags.iter().all(|tag| tag.key != WARNINGS));
    let tag = |key: &str| written.tags.iter().find(|tag| tag.key == key).expect("the tag").clone();
    assert_eq!(tag("list"), text_tag("list", r#"[1,"two"]"#));
    assert_eq!(tag("map"), text_tag("map", r#"{"a":true}"#));
    assert_eq!(tag("empty"), text_tag("empty", ""));
    assert_eq!((&tag("bytes").v_binary[..], tag("bytes").v_type), (&b"\xff\x00"[..], 4));
}

#[test]
fn chunks_hold_consecutive_spans_with_their_processes_and_keep_to_their_bound() {
    let span = |id: u64, service: &str| wire::Span {
        trace_id: TRACE.to_vec().into(),
        span_id: id.to_be_bytes().to_vec().into(),
        operation_name: "x".repeat(if id == 5 { 900 } else { 50 }),
        process: Some(process(service)),
        ..wire::Span::default()
    };
    let services = ["a", "b", "a", "b", "b", "a", "a"];
    let spans = (1..).zip(services).map(|(id, service)| span(id, service)).collect();
    let batch = decode(&request(spans, None));
    let (mut from, mut seen, mut sizes) = (0, Vec::new(), Vec::new());
    while from < batch.len() {
        let mut out = b"before".to_vec();
        let next = encode_spans_chunk(&batch, from, 400, &mut out);
        let encoded = &out[b"before".len()..];
        let chunk = wire::SpansResponseChunk::decode(encoded).unwrap();
        assert_eq!(chunk.spans.len(), next - from);
        assert!(encoded.len() <= 400 || chunk.spans.len() == 1, "{} bytes", encoded.len());
        sizes.push(chunk.spans.len());
        seen.extend(chunk.spans.into_iter().map(|span| span.process.unwrap().service_name));
        from = next;
    }
    assert_eq!(seen, services);
    assert_eq!(sizes, [3, 1, 1, 2], "the long one goes alone");
}

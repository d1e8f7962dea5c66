//! Records as Jaeger writes them, put together by hand from the field tables.

use spoor_model::jaeger::warnings;
use spoor_model::{SpanId, SpanKind, StatusCode, TraceId, ValueView};
use spoor_proto::record::Encoding;

use crate::{decode, encode};

/// One span in `jsonpb`'s spelling. The trace id is 00…01 00…02.
const JSON: &str = concat!(
    r#"{"traceId":"AAAAAAAAAAEAAAAAAAAAAg==","spanId":"AAAAAAAAAAM=","operationName":"GET","#,
    r#""references":[{"traceId":"AAAAAAAAAAEAAAAAAAAAAg==","spanId":"AAAAAAAAAAQ="},"#,
    r#"{"traceId":"AAAAAAAAAAAAAAAAAAAABQ==","spanId":"AAAAAAAAAAY=","refType":"FOLLOWS_FROM"}],"#,
    r#""flags":1,"startTime":"2017-01-26T21:46:31.639875Z","duration":"0.000005s","#,
    r#""tags":[{"key":"text","vStr":"v"},{"key":"yes","vType":"BOOL","vBool":true},{"key":"no","vType":"BOOL"},"#,
    r#"{"key":"long","vType":"INT64","vInt64":"-42"},{"key":"double","vType":"FLOAT64","vFloat64":1.5},"#,
    r#"{"key":"nan","vType":"FLOAT64","vFloat64":"NaN"},{"key":"bytes","vType":"BINARY","vBinary":"/wA="},"#,
    r#"{"key":"span.kind","vStr":"server"}],"#,
    r#""logs":[{"timestamp":"2017-01-26T21:46:31Z","fields":[{"key":"event","vStr":"retry"},{"key":"n","vType":"INT64","vInt64":"2"}]}],"#,
    r#""process":{"serviceName":"shop","tags":[{"key":"host","vStr":"h1"}]},"warnings":["odd"]}"#,
);

#[test]
fn jaegers_json_is_read_and_written_letter_by_letter() {
    let found = decode(Some(Encoding::Json), [JSON.as_bytes()]);
    assert_eq!(found.records[0].as_ref().expect("good"), &(0..1));
    let span = found.batch.span(0).expect("one span");
    assert_eq!((span.trace_id(), span.span_id()), (TraceId(1 << 64 | 2), SpanId(3)));
    assert_eq!((span.parent_span_id(), span.links().len()), (SpanId(4), 1));
    assert_eq!((span.name(), span.service(), span.flags()), ("GET", "shop", 1));
    assert_eq!(span.start().0, 1_485_467_191_639_875_000);
    assert_eq!(span.duration().as_nanos(), 5_000);
    assert_eq!((span.kind(), span.status()), (SpanKind::Server, StatusCode::Unset));
    assert_eq!(span.attributes().get("bytes"), Some(ValueView::Bytes(b"\xff\x00")));
    assert_eq!(span.attributes().get("long"), Some(ValueView::Int(-42)));
    let event = span.events().next().expect("one log");
    assert_eq!((event.name(), event.attributes().len()), ("retry", 1));
    assert_eq!(warnings(span), ["odd"]);
    let again = encode(&found.batch, Encoding::Json, 10_000);
    assert_eq!(std::str::from_utf8(&again.records[0].value), Ok(JSON));
}

/// A field of bytes: its tag (the number times 8, and 2), its length, and the bytes.
fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).expect("short enough for one byte of length");
    assert!(length < 0x80 && number < 16, "one byte of tag, one of length");
    [&[number << 3 | 2, length][..], value].concat()
}

fn message(number: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    bytes(number, &fields.concat())
}

/// A tag or a field of a log: the key, and what comes behind it.
fn key_value(number: u8, key: &str, rest: &[u8]) -> Vec<u8> {
    message(number, &[bytes(1, key.as_bytes()), rest.to_vec()])
}

fn text(number: u8, key: &str, value: &str) -> Vec<u8> {
    key_value(number, key, &bytes(3, value.as_bytes()))
}

/// The ids as the first two fields of a span or a reference.
fn ids(trace_id: u128, span_id: u64) -> Vec<u8> {
    [bytes(1, &trace_id.to_be_bytes()), bytes(2, &span_id.to_be_bytes())].concat()
}

/// The span of [`JSON`] in Jaeger's protobuf: types and fields in the order of their numbers, zero values left out.
fn protobuf() -> Vec<u8> {
    // 1,485,467,191 s; with 639,875,000 ns behind it, or without.
    let seconds = [0x08, 0xb7, 0xdc, 0xa9, 0xc4, 0x05];
    let nanos = [0x10, 0xb8, 0xef, 0x8e, 0xb1, 0x02];
    let minus_42 = [0x10, 2, 0x28, 0xd6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let nan = [0x10, 3, 0x31, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f];
    [
        ids(1 << 64 | 2, 3),
        bytes(3, b"GET"),
        bytes(4, &ids(1 << 64 | 2, 4)),
        message(4, &[ids(5, 6), vec![0x18, 1]]),
        vec![0x28, 1],
        message(6, &[seconds.to_vec(), nanos.to_vec()]),
        // 5,000 ns.
        bytes(7, &[0x10, 0x88, 0x27]),
        text(8, "text", "v"),
        key_value(8, "yes", &[0x10, 1, 0x20, 1]),
        key_value(8, "no", &[0x10, 1]),
        key_value(8, "long", &minus_42),
        key_value(8, "double", &[0x10, 3, 0x31, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]),
        key_value(8, "nan", &nan),
        key_value(8, "bytes", &[0x10, 4, 0x3a, 2, 0xff, 0]),
        text(8, "span.kind", "server"),
        message(9, &[bytes(1, &seconds), text(2, "event", "retry"), key_value(2, "n", &[0x10, 2, 0x28, 2])]),
        message(10, &[bytes(1, b"shop"), text(2, "host", "h1")]),
        bytes(12, b"odd"),
    ]
    .concat()
}

#[test]
fn jaegers_protobuf_is_read_and_written_byte_by_byte_and_is_the_same_span_as_its_json() {
    let record = protobuf();
    for encoding in [Some(Encoding::Protobuf), None] {
        let found = decode(encoding, [record.as_slice()]);
        assert_eq!(found.records[0].as_ref().expect("good"), &(0..1));
        let span = found.batch.span(0).expect("one span");
        let tags: Vec<_> = span.attributes().iter().map(|tag| (tag.key(), tag.value())).collect();
        let nan = |value: &ValueView<'_>| matches!(value, ValueView::Double(number) if number.is_nan());
        assert!(tags.iter().any(|(key, value)| *key == "nan" && nan(value)), "{tags:?}");
        assert!(tags.contains(&("no", ValueView::Bool(false))), "{tags:?}");
        let json = encode(&found.batch, Encoding::Json, 10_000);
        assert_eq!(std::str::from_utf8(&json.records[0].value), Ok(JSON));
        let again = encode(&found.batch, Encoding::Protobuf, 10_000);
        assert_eq!(again.records[0].value, record);
    }
    let from_json = decode(Some(Encoding::Json), [JSON.as_bytes()]);
    assert_eq!(encode(&from_json.batch, Encoding::Protobuf, 10_000).records[0].value, protobuf());
}

#[test]
fn jaegers_json_is_read_in_its_other_spellings() {
    let text = r#"{"trace_id":"AAAAAAAAAAI=","span_id":"AAAAAAAAAAM=","operation_name":"a","start_time":"2017-01-26T22:46:31+01:00",
        "duration":"1m0.5s","unknown":{"deep":[1,{}]},"references":[{"trace_id":"AAAAAAAAAAI=","span_id":"AAAAAAAAAAk=","ref_type":1}],
        "tags":[{"key":"a","v_type":2,"v_int64":7,"v_str":"not this"},{"key":"b","v_type":"FLOAT64","v_float64":"-Infinity"}],
        "process":{"service_name":"s"},"process_id":"p1","logs":null}"#;
    let found = decode(None, [text.as_bytes()]);
    found.records[0].as_ref().expect("good");
    let span = found.batch.span(0).expect("one span");
    assert_eq!((span.trace_id(), span.parent_span_id()), (TraceId(2), SpanId(9)));
    assert_eq!(span.start().0, 1_485_467_191_000_000_000);
    assert_eq!(span.duration().as_millis(), 60_500);
    assert_eq!(span.attributes().get("a"), Some(ValueView::Int(7)));
    assert_eq!(span.attributes().get("b"), Some(ValueView::Double(f64::NEG_INFINITY)));
    for (duration, nanos) in [("5000ns", 5_000), ("1.5ms", 1_500_000), ("0s", 0), ("2h", 7_200_000_000_000)] {
        let text = format!(r#"{{"traceId":"AAAAAAAAAAI=","duration":"{duration}"}}"#);
        let found = decode(Some(Encoding::Json), [text.as_bytes()]);
        assert_eq!(found.batch.span(0).expect("one span").duration().as_nanos(), nanos, "{duration}");
    }
    let negative = decode(Some(Encoding::Json), [&br#"{"traceId":"AAAAAAAAAAI=","duration":"-1s"}"#[..]]);
    let span = negative.batch.span(0).expect("one span");
    assert_eq!((span.duration().as_nanos(), warnings(span).len()), (0, 1));
}

#[test]
fn json_that_says_what_no_span_can_is_refused_with_the_reason() {
    for (text, reason) in [
        (r#"{"traceId":"AAAA"}"#, "a trace id must be 16 or 8 bytes in base64"),
        (r#"{"spanId":"AAAAAAAAAA=="}"#, "a span id must be 8 bytes in base64"),
        (r#"{"startTime":"yesterday"}"#, "expected a time in RFC 3339"),
        (r#"{"duration":"long"}"#, "expected a duration"),
        (r#"{"tags":[{"vType":"COMPLEX"}]}"#, "the enum has no such name"),
        (r#"[]"#, "does not take"),
        (r#"{"tags":"#, "ends too early"),
    ] {
        let found = decode(Some(Encoding::Json), [text.as_bytes()]);
        let error = found.records[0].as_ref().expect_err("refused").to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn ids_of_old_writers_and_of_wrong_lengths() {
    let record = |trace: &[u8], span: &[u8]| {
        let mut out = Vec::new();
        let mut writer = spoor_proto::wire::Writer::new(&mut out);
        writer.bytes(1, trace);
        writer.bytes(2, span);
        out
    };
    let (old, short) = (record(&[0, 0, 0, 0, 0, 0, 0, 9], &[1; 8]), record(&[1; 16], &[1; 7]));
    let found = decode(Some(Encoding::Protobuf), [old.as_slice(), &short]);
    assert_eq!(found.batch.span(0).expect("old").trace_id(), TraceId(9));
    let error = found.records[1].as_ref().expect_err("7 bytes").to_string();
    assert_eq!(
        error,
        "as protobuf: cannot decode Span.span_id at byte 20: the length is 7 bytes, allowed: 8"
    );
    let seven = record(&[1; 7], &[1; 8]);
    assert!(decode(None, [seven.as_slice()]).records[0].is_err());
}

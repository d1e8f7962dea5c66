//! Rules of v1.

use spoor_model::{SpanBatch, SpanKind, StatusCode, UnixNanos, ValueView};
use spoor_proto::DecodeError;
use spoor_proto::convert::zipkin::{decode_v1_json, decode_v1_thrift};

use crate::NOW;
use crate::wire::{bytes_field, field, i32_field, i64_field, thrift, thrift_list};

const IDS: &str = r#""traceId":"00000000000000a1","id":"00000000000000b2""#;

fn decode(spans: &str) -> Result<SpanBatch, DecodeError> {
    decode_v1_json(spans.as_bytes(), NOW)
}

fn one(fields: &str) -> SpanBatch {
    decode(&format!("[{{{IDS},{fields}}}]")).expect("valid")
}

#[test]
fn ids_have_16_digits_or_a_traces_32_and_are_not_zero() {
    assert_eq!(decode(&format!("[{{{IDS}}}]")).expect("valid").len(), 1);
    for wrong in [
        r#"{"traceId":"a1","id":"00000000000000b2"}"#,
        r#"{"traceId":"0000000000000000","id":"00000000000000b2"}"#,
        r#"{"traceId":"00000000000000a1","id":"b2"}"#,
        r#"{"traceId":"00000000000000a1","id":"0000000000000000"}"#,
        r#"{"traceId":"00000000000000a1"}"#,
        r#"{"id":"00000000000000b2"}"#,
        r#"{"traceId":"00000000000000a1","id":"00000000000000b2","parentId":"0000000000000000"}"#,
        r#"{"traceId":"00000000000000a1","id":"00000000000000b2","parentId":"c3"}"#,
    ] {
        assert!(decode(&format!("[{wrong}]")).is_err(), "{wrong}");
    }
}

#[test]
fn the_first_core_annotation_tells_the_kind() {
    for (value, kind) in [
        ("cs", SpanKind::Client),
        ("cr", SpanKind::Client),
        ("sr", SpanKind::Server),
        ("ss", SpanKind::Server),
        ("ms", SpanKind::Producer),
        ("mr", SpanKind::Consumer),
        ("other", SpanKind::Unspecified),
    ] {
        let batch = one(&format!(r#""annotations":[{{"timestamp":5,"value":"{value}"}}]"#));
        let span = batch.spans().next().expect("a span");
        assert_eq!(span.kind(), kind, "{value}");
        assert_eq!(span.events().count(), usize::from(value == "other"), "{value}");
    }
    let batch = one(r#""annotations":[{"timestamp":1,"value":"cs"},{"timestamp":2,"value":"sr"}]"#);
    assert_eq!(batch.len(), 1, "it is not divided");
    assert_eq!(batch.spans().next().expect("a span").kind(), SpanKind::Client);
}

#[test]
fn the_service_is_looked_for_in_order() {
    let service = |fields: &str| one(fields).spans().next().expect("a span").service().to_owned();
    let core = r#"{"timestamp":1,"value":"cs","endpoint":{"serviceName":"core"}}"#;
    let tag = r#"{"key":"k","value":"v","endpoint":{"serviceName":"tag"}}"#;
    let local = r#"{"key":"lc","value":"component"}"#;
    let peer = r#"{"key":"sa","value":true,"endpoint":{"serviceName":"the other side"}}"#;
    assert_eq!(service(&format!(r#""annotations":[{core}],"binaryAnnotations":[{tag},{local}]"#)), "core");
    assert_eq!(service(&format!(r#""binaryAnnotations":[{tag},{local},{peer}]"#)), "tag");
    assert_eq!(service(&format!(r#""binaryAnnotations":[{local},{peer}]"#)), "component");
    assert_eq!(service(&format!(r#""binaryAnnotations":[{peer}]"#)), "unknown-service");
}

#[test]
fn times_come_from_the_span_else_from_its_annotations_else_from_the_clock() {
    let times = |fields: &str| {
        let batch = one(fields);
        let span = batch.spans().next().expect("a span");
        (span.start(), span.end(), span.attributes().get("otel.zipkin.absentField.startTime").is_some())
    };
    let annotations = r#""annotations":[{"timestamp":9,"value":"a"},{"timestamp":4,"value":"b"},{"timestamp":1,"value":""}]"#;
    assert_eq!(
        times(&format!(r#""timestamp":3,"duration":2,{annotations}"#)),
        (UnixNanos(3000), UnixNanos(5000), false)
    );
    assert_eq!(times(annotations), (UnixNanos(4000), UnixNanos(9000), false));
    assert_eq!(times(r#""duration":2"#), (NOW, NOW, true));
    assert_eq!(times(r#""timestamp":-5"#), (NOW, NOW, true));
}

#[test]
fn the_status_is_looked_for_in_order() {
    let status = |tags: &[(&str, &str)]| {
        let tags: Vec<String> =
            tags.iter().map(|(key, value)| format!(r#"{{"key":"{key}","value":{value}}}"#)).collect();
        let batch = one(&format!(r#""binaryAnnotations":[{}]"#, tags.join(",")));
        let span = batch.spans().next().expect("a span");
        (span.status(), span.status_message().to_owned())
    };
    let is = |code, message: &str| (code, message.to_owned());
    assert_eq!(status(&[("http.status_code", r#""404""#)]), is(StatusCode::Error, ""));
    assert_eq!(
        status(&[("http.status_code", r#""200""#), ("http.status_message", r#""OK""#)]),
        is(StatusCode::Unset, "OK")
    );
    assert_eq!(status(&[("error", "true"), ("http.status_code", r#""200""#)]), is(StatusCode::Error, ""));
    assert_eq!(status(&[("error", r#""false""#)]), is(StatusCode::Unset, ""));
    assert_eq!(
        status(&[
            ("census.status_code", r#""0""#),
            ("census.status_description", r#""all right""#),
            ("error", r#""x""#)
        ]),
        is(StatusCode::Ok, "all right")
    );
    assert_eq!(
        status(&[("otel.status_code", r#""2""#), ("otel.status_description", r#""gone""#)]),
        is(StatusCode::Error, "gone")
    );
}

#[test]
fn thrifts_typed_values_are_read_as_opentelemetrys_collector_reads_them() {
    let binary = |key: &str, value: &[u8], kind: i32| {
        thrift(&[bytes_field(1, key.as_bytes()), bytes_field(2, value), i32_field(3, kind)])
    };
    let tags = thrift_list(&[
        binary("true", &[1], 0),
        binary("false", &[2], 0),
        binary("bytes", &[0xff, 0], 1),
        binary("i16", &(-1_i16).to_be_bytes(), 2),
        binary("i32", &(-1_i32).to_be_bytes(), 3),
        binary("i64", &(-1_i64).to_be_bytes(), 4),
        binary("double", &0.5_f64.to_be_bytes(), 5),
        binary("short", &[1], 4),
        binary("unknown", &[1], 9),
    ]);
    let span = thrift(&[i64_field(1, 1), i64_field(4, 2), field(15, 8, &tags)]);
    let batch = decode_v1_thrift(thrift_list(&[span]).into(), NOW).expect("valid");
    let span = batch.spans().next().expect("a span");
    for (key, value) in [
        ("true", ValueView::Bool(true)),
        ("false", ValueView::Bool(false)),
        ("bytes", ValueView::Str("/wA=")),
        ("i16", ValueView::Int(65_535)),
        ("i32", ValueView::Int(4_294_967_295)),
        ("i64", ValueView::Int(-1)),
        ("double", ValueView::Double(0.5)),
        ("short", ValueView::Str("<not enough bytes representing the number>")),
        ("unknown", ValueView::Str("<unknown zipkin v1 binary annotation type (9)>")),
    ] {
        assert_eq!(span.attributes().get(key), Some(value), "{key}");
    }
    assert_eq!(decode_v1_thrift(thrift_list(&[]).into(), NOW).expect("an empty list").len(), 0);
}

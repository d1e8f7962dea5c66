//! Rules of v2.

use spoor_model::{SpanBatch, SpanId, SpanKind, StatusCode, TraceId, UnixNanos, ValueView};
use spoor_proto::DecodeError;
use spoor_proto::convert::zipkin::{decode_v2_json, decode_v2_proto};

use crate::wire::{list_of_spans, message};

fn decode(spans: &str) -> Result<SpanBatch, DecodeError> {
    decode_v2_json(spans.as_bytes())
}

fn one(fields: &str) -> SpanBatch {
    decode(&format!(r#"[{{"traceId":"1","id":"2",{fields}}}]"#)).expect("valid")
}

fn problem(spans: &str) -> String {
    decode(spans).expect_err("refused").to_string()
}

#[test]
fn nothing_to_read_is_nothing_wrong() {
    for body in ["[]", " [ ] ", "null", "[null]"] {
        assert_eq!(decode(body).expect("valid").len(), 0, "{body}");
    }
    for body in ["", "{}", "[", "[]]", "[1]", "\"\""] {
        assert!(decode(body).is_err(), "{body}");
    }
    assert_eq!(decode_v2_proto(bytes::Bytes::new(), false).expect("an empty list").len(), 0);
}

#[test]
fn ids_may_be_short_and_of_either_case() {
    let batch = decode(r#"[{"traceId":"ABCDEF0123456789a","id":"F","parentId":""}]"#).expect("valid");
    let span = batch.spans().next().expect("a span");
    assert_eq!((span.trace_id(), span.span_id()), (TraceId(0x000A_BCDE_F012_3456_789A), SpanId(15)));
    assert!(span.parent_span_id().is_none());
    for wrong in [
        r#"[{"traceId":"","id":"1"}]"#,
        r#"[{"traceId":null,"id":"1"}]"#,
        r#"[{"traceId":"xyz","id":"1"}]"#,
        r#"[{"traceId":"123456789012345678901234567890123","id":"1"}]"#,
        r#"[{"traceId":"1","id":"12345678901234567"}]"#,
        r#"[{"traceId":"1","id":"+1"}]"#,
        r#"[{"traceId":"1"}]"#,
        r#"[{"traceId":"1","id":"0000"}]"#,
    ] {
        assert!(problem(wrong).contains("id"), "{wrong}: {}", problem(wrong));
    }
}

#[test]
fn one_bad_span_refuses_the_request_and_is_placed() {
    let text = problem("[{\"traceId\":\"1\",\"id\":\"2\"},\n{\"traceId\":\"1\",\"id\":\"x\"}]");
    assert!(text.starts_with("cannot decode spans at byte") && text.contains("line 2"), "{text}");
    for wrong in [
        "\"timestamp\":-1",
        "\"duration\":\"long\"",
        "\"tags\":{\"a\":1}",
        "\"tags\":[]",
        "\"kind\":1",
        "\"parentId\":1",
    ] {
        assert!(decode(&format!(r#"[{{"traceId":"1","id":"2",{wrong}}}]"#)).is_err(), "{wrong}");
    }
    assert!(decode(r#"[{"traceId":"1","id":"2","localEndpoint":{"ipv4":"here"}}]"#).is_err());
    assert!(decode(r#"[{"traceId":"1","id":"2","localEndpoint":{"port":65536}}]"#).is_err());
}

#[test]
fn a_span_without_a_timestamp_begins_in_1970_and_says_so() {
    let batch = one(r#""duration":5"#);
    let span = batch.spans().next().expect("a span");
    assert_eq!((span.start(), span.end()), (UnixNanos(0), UnixNanos(5000)));
    assert_eq!(span.attributes().get("otel.zipkin.absentField.startTime"), Some(ValueView::Bool(true)));
}

#[test]
fn kinds_are_those_of_the_field_and_else_of_the_tag() {
    let kind = |fields: &str| one(fields).spans().next().expect("a span").kind();
    for (word, expected) in [
        ("CLIENT", SpanKind::Client),
        ("SERVER", SpanKind::Server),
        ("PRODUCER", SpanKind::Producer),
        ("CONSUMER", SpanKind::Consumer),
        ("client", SpanKind::Unspecified),
    ] {
        assert_eq!(kind(&format!(r#""kind":"{word}""#)), expected, "{word}");
    }
    assert_eq!(kind(r#""tags":{"span.kind":"internal"}"#), SpanKind::Internal);
    let batch = one(r#""kind":"CLIENT","tags":{"span.kind":"proxy"}"#);
    let span = batch.spans().next().expect("a span");
    assert_eq!(span.kind(), SpanKind::Client);
    assert_eq!(span.attributes().get("span.kind"), Some(ValueView::Str("proxy")), "nothing is lost");
}

#[test]
fn error_true_is_a_status_and_any_other_text_stays_a_tag() {
    let status = |tags: &str| {
        let batch = one(&format!(r#""tags":{{{tags}}}"#));
        let span = batch.spans().next().expect("a span");
        (span.status(), span.attributes().get("error").is_some(), span.status_message().to_owned())
    };
    assert_eq!(status(r#""error":"true""#), (StatusCode::Error, false, String::new()));
    assert_eq!(status(r#""error":"timeout""#), (StatusCode::Unset, true, String::new()));
    assert_eq!(status(r#""error":"""#), (StatusCode::Unset, true, String::new()));
    assert_eq!(
        status(r#""otel.status_code":"OK","otel.status_description":"fine""#),
        (StatusCode::Ok, false, "fine".to_owned())
    );
    assert_eq!(status(r#""otel.status_code":"STATUS_CODE_ERROR""#).0, StatusCode::Error);
}

#[test]
fn spans_of_one_process_share_its_resource_and_others_have_their_own() {
    let span = |service: &str, host: &str| {
        format!(
            r#"{{"traceId":"1","id":"2","localEndpoint":{{"serviceName":"{service}"}},"tags":{{"host.name":"{host}","x":"y"}}}}"#
        )
    };
    let spans = [span("a", "1"), span("a", "1"), span("b", "1"), span("a", "2"), span("a", "1")];
    let batch = decode(&format!("[{}]", spans.join(","))).expect("valid");
    assert_eq!(batch.resources().len(), 3, "none loses its tags, and none gets another's");
    let seen: Vec<_> = batch
        .spans()
        .map(|span| {
            let host = span.resource().attributes().get("host.name").map(|host| format!("{host:?}"));
            (span.service().to_owned(), host, span.attributes().len())
        })
        .collect();
    let expected = |service: &str, host: &str| (service.to_owned(), Some(format!("\"{host}\"")), 2);
    assert_eq!(
        seen,
        [expected("a", "1"), expected("a", "1"), expected("b", "1"), expected("a", "2"), expected("a", "1")]
    );
}

#[test]
fn a_scope_told_under_two_keys_is_one_scope() {
    let batch = one(
        r#""tags":{"otel.library.name":"web","otel.scope.name":"web","otel.library.version":"1","otel.scope.version":"1"}"#,
    );
    let span = batch.spans().next().expect("a span");
    assert_eq!((span.scope().name(), span.scope().version()), ("web", "1"));
    assert_eq!(span.attributes().len(), 1, "the marker of a missing time alone");
}

#[test]
fn a_service_that_nobody_names_has_no_resource() {
    let batch = one(r#""tags":{"host.name":"h"}"#);
    let span = batch.spans().next().expect("a span");
    assert_eq!(batch.resources().next().expect("a resource").attributes().len(), 0);
    assert_eq!(span.service(), "");
    assert_eq!(span.attributes().get("host.name"), Some(ValueView::Str("h")));
    let batch = one(r#""tags":{"service.name":"by tag"},"localEndpoint":{"serviceName":"by endpoint"}"#);
    assert_eq!(batch.spans().next().expect("a span").service(), "by tag");
}

#[test]
fn texts_that_only_look_piped_stay_what_they_are() {
    for value in ["a|b", "a|{}", "|", "||", "a|[1]|0", "a|{\\\"k\\\":1|0", "a|{}|-1", "a|{}|x"] {
        let batch = one(&format!(r#""annotations":[{{"timestamp":1,"value":"{value}"}}]"#));
        let span = batch.spans().next().expect("a span");
        let event = span.events().next().expect("an event");
        assert_eq!(event.name(), value.replace('\\', ""), "{value}");
        assert!(event.attributes().is_empty(), "{value}");
    }
    for value in ["x", "1|2|3|4|5", "00000000000000000000000000000abc|0000000000000def|s|{}|many"] {
        let batch = one(&format!(r#""tags":{{"otlp.link.0":"{value}"}}"#));
        let span = batch.spans().next().expect("a span");
        assert_eq!(span.links().count(), 0, "{value}");
        assert_eq!(span.attributes().get("otlp.link.0"), Some(ValueView::Str(value)));
    }
}

#[test]
fn addresses_in_both_forms_are_told_by_the_newer() {
    let batch = one(r#""localEndpoint":{"ipv4":"1.2.3.4"},"remoteEndpoint":{"ipv6":"::ffff:192.0.2.9"}"#);
    let span = batch.spans().next().expect("a span");
    assert_eq!(span.attributes().get("net.host.ip"), Some(ValueView::Str("1.2.3.4")));
    assert_eq!(span.attributes().get("net.peer.ip"), Some(ValueView::Str("192.0.2.9")));
    let batch = one(r#""localEndpoint":{"ipv4":"1.2.3.4","ipv6":"::1"}"#);
    let span = batch.spans().next().expect("a span");
    assert_eq!(span.attributes().get("net.host.ip"), Some(ValueView::Str("::1")));
}

#[test]
fn protobufs_ids_have_their_lengths_and_the_header_makes_all_debugged() {
    let span = |trace_id: &[u8], id: &[u8]| {
        let span = message(|span| {
            span.bytes(1, trace_id);
            span.bytes(3, id);
        });
        list_of_spans([&span[..]])
    };
    let good = span(&[1; 16], &[2; 8]);
    let flags = |debug| decode_v2_proto(good.clone().into(), debug).expect("valid").span_rows()[0].flags;
    assert_eq!((flags(false), flags(true)), (0, 2));
    for (trace_id, id) in [(&[1; 15][..], &[2; 8][..]), (&[], &[2; 8]), (&[1; 16], &[]), (&[1; 16], &[2; 7])]
    {
        let error = decode_v2_proto(span(trace_id, id).into(), false).expect_err("refused").to_string();
        assert!(error.starts_with("cannot decode ListOfSpans.spans."), "{error}");
    }
    assert_eq!(decode_v2_proto(span(&[1; 8], &[2; 8]).into(), false).expect("valid").len(), 1);
}

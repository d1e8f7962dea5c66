//! The JSON decoder against the protobuf one, its spellings, and what it refuses.

use proptest::prelude::*;
use prost::Message;
use spoor_model::nested::MAX_DEPTH;
use spoor_model::{ReferenceKind, SpanBatch, SpanId, SpanKind, StatusCode, TraceId, UnixNanos, ValueView};
use spoor_proto::DecodeError;
use spoor_proto::convert::otlp::{decode_export_request, decode_export_request_json};
use spoor_proto::error::Problem;

use crate::arbitrary::requests;
use crate::oracle::assert_same;

fn decode(json: &str) -> Result<SpanBatch, DecodeError> {
    decode_export_request_json(json.as_bytes())
}

/// A request of one span with these members.
fn span(members: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{members}}}]}}]}}]}}"#)
}

fn value(json: &str) -> Result<SpanBatch, DecodeError> {
    decode(&span(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#)))
}

fn text_of(json: &str) -> String {
    let batch = value(json).expect(json);
    batch.span(0).expect("one span").attributes().get("k").expect("one attribute").to_text()
}

/// What the decoder says, without the frame that every error has.
fn refusal(json: &str) -> String {
    decode(json).expect_err(json).to_string()
}

proptest! {
    #[test]
    fn says_the_same_as_the_protobuf_form(request in requests()) {
        // The oracle writes doubles that JSON has not as null; their spelling is tested below.
        let json = serde_json::to_string(&request).expect("string keys");
        prop_assume!(!json.contains(r#""doubleValue":null"#));
        let batch = decode(&json).expect("valid");
        assert_same(&batch, &decode_export_request(request.encode_to_vec().into()).expect("valid"));
    }

    #[test]
    fn survives_mutations(request in requests(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut json = serde_json::to_vec(&request).expect("string keys");
        let at = at.index(json.len());
        json[at] = byte;
        let _ = decode_export_request_json(&json);
        json.truncate(at);
        prop_assert!(decode_export_request_json(&json).is_err(), "cut short");
    }

    #[test]
    fn survives_random_text(json in r#"[\{\}\[\],:"a-z0-9\\ue.null-]{0,60}"#) {
        let _ = decode(&json);
        let _ = value(&json);
    }
}

#[test]
fn reads_every_spelling_of_ids() {
    let batch = decode(&span(
        r#""traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"""#,
    ))
    .expect("hex");
    let row = batch.span(0).expect("one");
    assert_eq!(row.trace_id(), TraceId(0x5b8e_fff7_9803_8103_d269_b633_813f_c60c));
    assert_eq!((row.span_id(), row.parent_span_id()), (SpanId(0xeee1_9b7e_c3c1_b174), SpanId::NONE));
    for (trace_id, span_id) in
        [("W47/95gDgQPSabYzgT/GDA==", "7uGbfsPBsXQ="), ("W47_95gDgQPSabYzgT_GDA", "7uGbfsPBsXQ")]
    {
        let json = span(&format!(r#""trace_id":"{trace_id}","span_id":"{span_id}""#));
        let batch = decode(&json).expect("base64");
        assert_eq!(batch.span(0).expect("one").trace_id(), row.trace_id());
        assert_eq!(batch.span(0).expect("one").span_id(), row.span_id());
    }
}

#[test]
fn reads_snake_case_names_enum_names_and_numbers_of_any_form() {
    let batch = decode(
        r#"{"resource_spans":[{"schema_url":"r","scope_spans":[{"schema_url":"s","spans":[{"trace_state":"a=b",
        "start_time_unix_nano":1544712660000000000,"end_time_unix_nano":"1544712661000000000","kind":"SPAN_KIND_SERVER",
        "dropped_attributes_count":1e0,"dropped_events_count":"2","droppedLinksCount":3,"flags":257,
        "status":{"code":"STATUS_CODE_ERROR","message":"m"},
        "events":[{"time_unix_nano":"5","name":"e","dropped_attributes_count":4}],
        "links":[{"flags":1,"attributes":[{"key":"opentracing.ref_type","value":{"string_value":"child_of"}}]}]}]}]}]}"#,
    )
    .expect("valid");
    let span = batch.span(0).expect("one");
    assert_eq!(
        (span.start(), span.end()),
        (UnixNanos(1_544_712_660_000_000_000), UnixNanos(1_544_712_661_000_000_000))
    );
    assert_eq!(
        (span.kind(), span.status(), span.status_message()),
        (SpanKind::Server, StatusCode::Error, "m")
    );
    let row = span.row();
    assert_eq!((row.dropped_attributes, row.dropped_events, row.dropped_links, row.flags), (1, 2, 3, 257));
    assert_eq!((span.resource().schema_url(), span.scope().schema_url()), ("r", "s"));
    assert_eq!(span.events().next().expect("one").time(), UnixNanos(5));
    assert_eq!(span.links().next().expect("one").kind(), ReferenceKind::ChildOf);
}

#[test]
fn reads_every_kind_of_value() {
    assert_eq!(text_of(r#"{"intValue":"-9223372036854775808"}"#), "-9223372036854775808");
    assert_eq!(text_of(r#"{"intValue":7}"#), "7");
    assert_eq!(text_of(r#"{"doubleValue":"NaN"}"#), "NaN");
    assert_eq!(text_of(r#"{"doubleValue":"-Infinity"}"#), "-Infinity");
    assert_eq!(text_of(r#"{"doubleValue":3}"#), "3");
    assert_eq!(text_of(r#"{"doubleValue":"2.5"}"#), "2.5");
    assert_eq!(text_of(r#"{"bytesValue":"_-8"}"#), "/+8=");
    assert_eq!(text_of(r#"{"bytesValue":"/+8="}"#), "/+8=");
    assert_eq!(text_of(r#"{"boolValue":true}"#), "true");
    assert_eq!(text_of(r#"{"stringValue":"\u00e9\ud83d\ude00\n"}"#), "é😀\n");
    assert_eq!(
        text_of(
            r#"{"arrayValue":{"values":[{"intValue":1},{"kvlist_value":{"values":[{"value":{"stringValue":"v"},"key":"k"}]}},{}]}}"#
        ),
        r#"[1,{"k":"v"},null]"#
    );
    assert_eq!(text_of(r#"{"arrayValue":{}}"#), "[]");
}

#[test]
fn takes_null_as_absent_and_ignores_what_it_does_not_know() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = format!(
        r#"{{"later":{deep},"resourceSpans":[{{"resource":null,"scopeSpans":[{{"scope":null,"spans":[
        {{"name":null,"kind":null,"attributes":null,"events":null,"status":null,"traceId":null,"new":{{"a":[1,"x"]}},
        "startTimeUnixNano":null}}]}}]}}]}}"#
    );
    let batch = decode(&json).expect("valid");
    let span = batch.span(0).expect("one");
    assert_eq!((span.name(), span.attributes().len(), span.trace_id()), ("", 0, TraceId::NONE));
    assert_eq!(span.resource().row().service, None);
    assert_eq!(decode("{}").expect("empty").len(), 0);
    assert_eq!(
        value(r#"{"stringValue":null}"#).expect("valid").span(0).expect("one").attributes().get("k"),
        Some(ValueView::Empty)
    );
    assert_eq!(
        value(r#"{"arrayValue":null}"#).expect("valid").span(0).expect("one").attributes().get("k"),
        Some(ValueView::Empty)
    );
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    let batch = decode(&span(
        r#""name":"a","name":"b","attributes":[{"key":"x"}],"attributes":[{"key":"y"}],"status":{"code":2},"status":{"message":"m"}"#,
    ))
    .expect("valid");
    let span = batch.span(0).expect("one");
    let keys: Vec<_> = span.attributes().iter().map(|attribute| attribute.key()).collect();
    assert_eq!(
        (span.name(), keys, span.status(), span.status_message()),
        ("b", vec!["y"], StatusCode::Unset, "m")
    );
    assert_eq!(text_of(r#"{"intValue":1,"stringValue":"s"}"#), "s");
    assert_eq!(text_of(r#"{"arrayValue":{"values":[{"intValue":1}],"values":[{"intValue":2}]}}"#), "[2]");
}

#[test]
fn a_resource_may_stand_behind_its_spans() {
    let batch = decode(
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"s"}],"schemaUrl":"u","scope":{"name":"lib","version":"1",
        "attributes":[{"key":"a"}],"droppedAttributesCount":2}}],"resource":{"attributes":[{"key":"service.name","value":
        {"stringValue":"shop"}},{"key":"k","value":{"intValue":1}}],"droppedAttributesCount":3}}]}"#,
    )
    .expect("valid");
    let span = batch.span(0).expect("one");
    assert_eq!((span.service(), span.resource().attributes().len()), ("shop", 1));
    assert_eq!((span.scope().name(), span.scope().version(), span.scope().schema_url()), ("lib", "1", "u"));
    assert_eq!((span.scope().row().dropped_attributes, span.resource().row().dropped_attributes), (2, 3));
}

#[test]
fn says_in_words_and_by_place_what_it_refuses() {
    for (json, words) in [
        ("", "ends too early"),
        ("null", "must be an object"),
        ("[]", "does not take"),
        ("{\n \"resourceSpans\": [}", "line 2, column 20: the text is not valid JSON"),
        ("{} x", "something follows"),
        (r#"{"resourceSpans":[{"schemaUrl":"\ud83d"}]}"#, "half of a surrogate pair"),
        (r#"{"resourceSpans":[{"schemaUrl":"\x"}]}"#, "escape"),
        ("{\"resourceSpans\":[{\"schemaUrl\":\"\u{1}\"}]}", "control character"),
        (r#"{"resourceSpans":[{"schemaUrl":5}]}"#, "expected text"),
        (r#"{"resourceSpans":7}"#, "does not take"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"abc"}]}]}]}"#, "32 hex digits"),
        (
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"zzzzzzzzzzzzzzzz"}]}]}]}"#,
            "16 hex digits",
        ),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_X"}]}]}]}"#, "no such name"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":-1}]}]}]}"#, "does not fit"),
        (
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":1.5}]}]}]}"#,
            "expected an integer",
        ),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":4294967296}]}]}]}"#, "does not fit"),
    ] {
        let found = refusal(json);
        assert!(found.contains(words), "{json}: {found}");
        assert!(found.contains("line "), "{found}");
    }
    let error = decode_export_request_json(b"{\"a\":\"\xff\"}");
    assert!(error.is_ok(), "what is ignored is not looked at");
    let error = decode_export_request_json(b"{\"resourceSpans\":[{\"schemaUrl\":\"\xff\"}]}");
    assert!(error.expect_err("bad").to_string().contains("not valid UTF-8"));
}

#[test]
fn points_at_the_byte_where_reading_ended() {
    let json = "{\n\"resourceSpans\":\n [{\"schemaUrl\": 5}]}";
    let error = decode(json).expect_err("a number for text");
    let at = json.find("5").expect("there");
    assert!(error.offset().abs_diff(at) <= 2, "{error}");
}

#[test]
fn errors_hold_nothing_of_the_content() {
    for json in
        [span(r#""kind":"hunter2""#), span(r#""attributes":"hunter2""#), span(r#""name":{"hunter2":1}"#)]
    {
        assert!(!refusal(&json).contains("hunter2"));
    }
}

#[test]
fn follows_lists_and_maps_only_so_deep() {
    let lists =
        |depth: usize| format!("{}{{}}{}", r#"{"arrayValue":{"values":["#.repeat(depth), "]}}".repeat(depth));
    let maps = |depth: usize| {
        format!("{}{{}}{}", r#"{"kvlistValue":{"values":[{"value":"#.repeat(depth), "}]}}".repeat(depth))
    };
    for nested in [lists, maps as fn(usize) -> String] {
        assert!(value(&nested(MAX_DEPTH)).is_ok());
        for depth in [MAX_DEPTH + 1, 10_000] {
            let error = value(&nested(depth)).expect_err("too deep");
            assert_eq!(error.problem(), Problem::Depth { limit: MAX_DEPTH });
        }
    }
}

#[test]
fn refuses_a_flood_of_empty_rows() {
    for (start, item) in [
        (r#"{"resourceSpans":["#, "{},"),
        (r#"{"resourceSpans":[{"scopeSpans":["#, "{},"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#, "{},"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"events":["#, "{},"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"links":["#, "{},"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":["#, "{},"),
    ] {
        let error = decode(&format!("{start}{}", item.repeat(1 << 20))).expect_err("too many rows");
        assert!(matches!(error.problem(), Problem::TooMany { .. }), "{error}");
    }
}

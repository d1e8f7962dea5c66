//! Claims about documents of every generation of writers, read from text as the store gives it.

use proptest::prelude::*;
use spoor_model::jaeger::{ErrorTags, trailing_tags, warnings};
use spoor_model::{SpanKind, StatusCode};

use super::*;

fn read(documents: &[&str]) -> SpanBatch {
    let mut page = PageBuilder::new("@", documents.len());
    for text in documents {
        page.push(&serde_json::from_str(text).unwrap()).unwrap();
    }
    page.finish().unwrap()
}

/// A document with the least that any writer gives, and `fields` besides.
fn document(fields: &str) -> String {
    format!(
        r#"{{"traceID":"abc","spanID":"12","startTime":1787184000123456,"operationName":"op","duration":7{fields}}}"#
    )
}

fn one(fields: &str) -> SpanBatch {
    read(&[&document(fields)])
}

#[test]
fn the_least_of_a_document_is_a_span() {
    for nulls in
        ["", r#","references":null,"tags":null,"tag":null,"logs":null,"parentSpanID":"","process":null"#]
    {
        let batch = one(nulls);
        let span = batch.span(0).unwrap();
        assert_eq!((span.trace_id(), span.span_id()), (TraceId(0xabc), SpanId(0x12)));
        assert_eq!(span.start().micros(), 1_787_184_000_123_456);
        assert_eq!(span.duration().as_micros(), 7);
        assert!(span.parent_span_id().is_none() && span.attributes().is_empty());
        assert_eq!(span.links().len() + span.events().len(), 0);
    }
}

#[test]
fn values_come_as_strings_from_older_and_natively_from_newer_writers() {
    let tags = |texts: [&str; 5]| {
        let kinds = ["string", "bool", "int64", "float64", "binary"];
        let tags: Vec<String> = kinds
            .iter()
            .zip(texts)
            .map(|(kind, value)| format!(r#"{{"key":"{kind}","type":"{kind}","value":{value}}}"#))
            .collect();
        one(&format!(r#","tags":[{}]"#, tags.join(",")))
    };
    let old = tags([r#""é""#, r#""true""#, r#""9223372036854775807""#, r#""72.5""#, r#""00ff""#]);
    let new = tags([r#""é""#, "true", "9223372036854775807", "72.5", r#""00FF""#]);
    for batch in [old, new] {
        let attributes = batch.span(0).unwrap().attributes();
        assert_eq!(attributes.get("string"), Some(ValueView::Str("é")));
        assert_eq!(attributes.get("bool"), Some(ValueView::Bool(true)));
        assert_eq!(attributes.get("int64"), Some(ValueView::Int(i64::MAX)));
        assert_eq!(attributes.get("float64"), Some(ValueView::Double(72.5)));
        assert_eq!(attributes.get("binary"), Some(ValueView::Bytes(b"\x00\xff")));
    }
}

#[test]
fn odd_values_are_kept_as_they_are() {
    let batch = one(concat!(
        r#","tags":[{"key":"nan","type":"float64","value":"NaN"},{"key":"one","type":"float64","value":1},"#,
        r#"{"key":"bad","type":"int64","value":"many"},{"key":"big","type":"int64","value":18446744073709551615},"#,
        r#"{"key":"odd","type":"thing","value":true},{"key":"list","value":[1,{"a":null}]},{"key":"none"},"#,
        r#"{"key":"hex","type":"binary","value":"xyz"},{"key":"num","type":"string","value":5}]"#,
    ));
    let attributes = batch.span(0).unwrap().attributes();
    assert!(matches!(attributes.get("nan"), Some(ValueView::Double(number)) if number.is_nan()));
    assert_eq!(attributes.get("one"), Some(ValueView::Double(1.0)));
    assert_eq!(attributes.get("bad"), Some(ValueView::Str("many")));
    assert_eq!(attributes.get("big"), Some(ValueView::Str("18446744073709551615")));
    assert_eq!(attributes.get("odd"), Some(ValueView::Bool(true)));
    assert_eq!(attributes.get("list"), Some(ValueView::Str(r#"[1,{"a":null}]"#)));
    assert_eq!(attributes.get("none"), Some(ValueView::Empty));
    assert_eq!(attributes.get("hex"), Some(ValueView::Str("xyz")));
    assert_eq!(attributes.get("num"), Some(ValueView::Str("5")));
}

#[test]
fn a_number_that_json_does_not_have_comes_back_and_its_text_from_elsewhere_stays_text() {
    let batch = one(concat!(
        r#","tags":[{"key":"ours","type":"string","value":"-Infinity","spoorType":"float64"},"#,
        r#"{"key":"text","type":"string","value":"NaN"}]"#,
    ));
    let attributes = batch.span(0).unwrap().attributes();
    assert_eq!(attributes.get("ours"), Some(ValueView::Double(f64::NEG_INFINITY)));
    assert_eq!(attributes.get("text"), Some(ValueView::Str("NaN")));
}

#[test]
fn fields_are_tags_with_dots_in_their_keys() {
    let batch = one(concat!(
        r#","tags":[{"key":"a","type":"string","value":"x"}],"#,
        r#""tag":{"span@kind":"server","error":true,"http@status_code":200,"ratio":1.0}"#,
    ));
    let span = batch.span(0).unwrap();
    assert_eq!((span.kind(), span.status()), (SpanKind::Server, StatusCode::Error));
    let keys: Vec<_> = span.attributes().iter().map(|attribute| attribute.key().to_owned()).collect();
    assert_eq!(keys, ["a", "http.status_code", "ratio"]);
    assert_eq!(span.attributes().get("ratio"), Some(ValueView::Double(1.0)));
    assert_eq!(trailing_tags(span, ErrorTags::StatusAndError).count(), 3);
}

#[test]
fn the_parent_is_a_field_or_the_best_reference() {
    let reference = |kind: &str, trace: &str, span: &str| {
        format!(r#"{{"refType":"{kind}","traceID":"{trace}","spanID":"{span}"}}"#)
    };
    let (child, follows) = (reference("CHILD_OF", "0abc", "1"), reference("FOLLOWS_FROM", "abc", "2"));
    let foreign = reference("CHILD_OF", "def", "3");
    let read = |field: &str, references: &[&String]| {
        let references: Vec<&str> = references.iter().map(|text| text.as_str()).collect();
        let batch = one(&format!(r#"{field},"references":[{}]"#, references.join(",")));
        let span = batch.span(0).unwrap();
        let links: Vec<_> = span.links().map(|link| (link.kind(), link.span_id().0)).collect();
        (span.parent_span_id().0, links)
    };
    let (child_of, follows_from) = (ReferenceKind::ChildOf, ReferenceKind::FollowsFrom);
    assert_eq!(read("", &[&child]), (1, vec![]));
    assert_eq!(read("", &[&follows, &child]), (1, vec![(follows_from, 2)]));
    assert_eq!(read("", &[&foreign, &follows]), (2, vec![(child_of, 3), (follows_from, 2)]));
    assert_eq!(read("", &[&foreign]), (0, vec![(child_of, 3)]));
    assert_eq!(read(r#","parentSpanID":"0000000000000002""#, &[&child]), (2, vec![(child_of, 1)]));
    assert_eq!(read(r#","parentSpanID":"1""#, &[&child, &foreign]), (1, vec![(child_of, 3)]));
    assert_eq!(read(r#","parentSpanID":"2""#, &[&follows]), (2, vec![(follows_from, 2)]));
}

#[test]
fn spans_of_one_process_share_a_resource() {
    let process = r#","process":{"serviceName":"shop","tags":[{"key":"h","type":"string","value":"1"}],"tag":{"a@b":2}}"#;
    let other = r#","process":{"serviceName":"OTLPResourceNoServiceName","tags":null}"#;
    let scope = r#","tags":[{"key":"otel.scope.name","type":"string","value":"lib"}]"#;
    let (first, second, third) =
        (document(&format!("{process}{scope}")), document(&format!("{scope}{process}")), document(other));
    let batch = read(&[&first, &second, &third, &first]);
    assert_eq!((batch.resources().len(), batch.scopes().len()), (2, 2));
    let shop = batch.span(1).unwrap();
    assert_eq!((shop.service(), shop.scope().name()), ("shop", "lib"));
    assert_eq!(shop.resource().attributes().get("a.b"), Some(ValueView::Int(2)));
    assert_eq!(batch.span(2).unwrap().resource().row().service, None);
}

#[test]
fn a_logs_event_field_is_the_events_name() {
    let batch = one(concat!(
        r#","logs":[{"timestamp":5,"fields":[{"key":"k","type":"int64","value":1},{"key":"event","type":"string","value":"stop"}]},"#,
        r#"{"timestamp":6,"fields":null}]"#,
    ));
    let events: Vec<_> = batch.span(0).unwrap().events().collect();
    assert_eq!((events[0].name(), events[0].time().micros()), ("stop", 5));
    assert_eq!(events[0].attributes().get("k"), Some(ValueView::Int(1)));
    assert_eq!((events[0].attributes().len(), events[1].attributes().len()), (1, 0));
}

#[test]
fn of_several_event_fields_of_a_log_none_is_lost() {
    let field = |kind: &str, value: &str| format!(r#"{{"key":"event","type":"{kind}","value":{value}}}"#);
    let named = |fields: &[String]| {
        let batch = one(&format!(r#","logs":[{{"timestamp":5,"fields":[{}]}}]"#, fields.join(",")));
        let event = batch.span(0).unwrap().events().next().unwrap();
        let values = event.attributes().iter().map(|attribute| attribute.value().to_text());
        (event.name().to_owned(), values.collect::<Vec<_>>())
    };
    let (number, one, two) = (field("int64", "7"), field("string", r#""one""#), field("string", r#""two""#));
    let texts = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();
    assert_eq!(named(&[number.clone(), two.clone()]), ("two".to_owned(), texts(&["7", "two"])));
    assert_eq!(named(&[one.clone(), two]), ("one".to_owned(), texts(&["one", "two"])));
    assert_eq!(named(&[number]), (String::new(), texts(&["7"])));
    assert_eq!(named(&[field("string", r#""""#)]), (String::new(), texts(&[""])));
    assert_eq!(named(&[one]), ("one".to_owned(), texts(&[])));
}

#[test]
fn warnings_come_back_as_a_list_from_either_place() {
    let nested = r#","tags":[{"key":"@jaeger@warnings","type":"string","value":"[\"a\",\"b\"]"}]"#;
    let field = r#","tag":{"@jaeger@warnings":"[\"a\",\"b\"]"}"#;
    let plain = r#","tags":[{"key":"@jaeger@warnings","type":"string","value":"just one"}]"#;
    assert_eq!(warnings(one(nested).span(0).unwrap()), ["a", "b"]);
    assert_eq!(warnings(one(field).span(0).unwrap()), ["a", "b"]);
    assert_eq!(warnings(one(plain).span(0).unwrap()), ["just one"]);
}

#[test]
fn an_http_code_of_failure_is_a_status_where_none_was_stored() {
    let tag = r#"{"key":"http.response.status_code","type":"int64","value":503}"#;
    let status = |more: &str| one(&format!(r#","tags":[{tag}{more}]"#)).span(0).unwrap().status();
    assert_eq!(status(""), StatusCode::Error);
    assert_eq!(status(r#",{"key":"otel.status_code","type":"string","value":"OK"}"#), StatusCode::Ok);
}

#[test]
fn ids_of_zeros_may_be_empty_texts() {
    let link = r#","references":[{"refType":"FOLLOWS_FROM","traceID":"","spanID":""}]"#;
    let zeros = r#"{"traceID":"","spanID":"","startTime":1}"#;
    let batch = read(&[&document(link), zeros]);
    let (linking, zero) = (batch.span(0).unwrap(), batch.span(1).unwrap());
    assert_eq!(linking.trace_id(), TraceId(0xabc));
    assert!(linking.parent_span_id().is_none());
    let links: Vec<_> = linking.links().map(|link| (link.row().trace_id, link.row().span_id)).collect();
    assert_eq!(links, [(TraceId::NONE, SpanId::NONE)]);
    assert_eq!((zero.trace_id(), zero.span_id()), (TraceId::NONE, SpanId::NONE));
}

#[test]
fn a_document_that_is_no_span_is_named() {
    let mut page = PageBuilder::new("@", 1);
    let text = r#"{"traceID":"xyz","spanID":"12","startTime":1}"#;
    let error = page.push(&serde_json::from_str(text).unwrap()).unwrap_err().to_string();
    assert!(error.contains("span 12 of trace xyz"), "{error}");
}

proptest! {
    #[test]
    fn a_mutated_document_never_panics(at in 0usize..400, byte in any::<u8>()) {
        let mut text = document(concat!(
            r#","references":[{"refType":"CHILD_OF","traceID":"abc","spanID":"1"}],"tags":[{"key":"a","type":"int64","value":"5"}],"#,
            r#""tag":{"error":true},"logs":[{"timestamp":5,"fields":[]}],"process":{"serviceName":"s","tags":[]}"#,
        )).into_bytes();
        let at = at % text.len();
        text[at] = byte;
        if let Ok(document) = serde_json::from_slice(&text) {
            let mut page = PageBuilder::new("@", 1);
            let _ = page.push(&document);
            prop_assert!(page.finish().is_ok());
        }
    }
}

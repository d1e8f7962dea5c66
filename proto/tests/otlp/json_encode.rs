//! The JSON that we write, read by our decoder and looked at as text.

use proptest::prelude::*;
use prost::Message;
use spoor_model::{ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId, ValueView};
use spoor_proto::convert::otlp::{ResourceSpansJson, decode_export_request, decode_export_request_json};

use crate::arbitrary::{busy_requests, requests};

/// The whole document, written in pieces of about `enough` bytes.
fn document(batch: &SpanBatch, enough: usize) -> Vec<u8> {
    let mut out = br#"{"resourceSpans":["#.to_vec();
    let mut writer = ResourceSpansJson::new(batch.clone());
    let mut piece = Vec::new();
    loop {
        let more = writer.write_some(&mut piece, enough);
        out.append(&mut piece);
        if !more {
            out.extend_from_slice(b"]}");
            return out;
        }
    }
}

fn text(batch: &SpanBatch) -> String {
    String::from_utf8(document(batch, usize::MAX)).expect("JSON is UTF-8")
}

/// The spans in the order in which they are written.
fn in_groups(batch: &SpanBatch) -> Vec<spoor_model::SpanView<'_>> {
    let mut spans: Vec<_> = batch.spans().collect();
    spans.sort_by_key(|span| (batch.resource_index(span.row()), span.row().scope));
    spans
}

fn says_the_same(batch: &SpanBatch, enough: usize) {
    let found = decode_export_request_json(&document(batch, enough)).expect("our decoder reads it");
    assert_eq!(found.len(), batch.len());
    for (found, expected) in found.spans().zip(in_groups(batch)) {
        // NaN is not equal to itself: such spans are compared as they print.
        assert!(
            found == expected || format!("{found:?}") == format!("{expected:?}"),
            "{found:?} {expected:?}"
        );
    }
}

proptest! {
    #[test]
    fn our_decoder_reads_what_we_write(request in requests(), enough in 0usize..5_000) {
        says_the_same(&decode_export_request(request.encode_to_vec().into()).expect("valid"), enough);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn whatever_the_order_of_its_spans(request in busy_requests(), seed in any::<u64>()) {
        let batch = decode_export_request(request.encode_to_vec().into()).expect("valid");
        let mut indices: Vec<usize> = (0..batch.len()).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut indices);
        says_the_same(&batch.select(indices), 700);
    }
}

/// Two resources with two scopes each, a span in every scope, in an order that goes back and forth.
fn back_and_forth() -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let url = builder.text("url");
    let mut scopes = Vec::new();
    for service in ["a", ""] {
        let service = (!service.is_empty()).then(|| builder.text(service));
        let resource = builder.push_resource(ResourceRow { service, ..ResourceRow::default() });
        for schema_url in [url, spoor_model::Text::EMPTY] {
            scopes.push(builder.push_scope(ScopeRow { resource, schema_url, ..ScopeRow::default() }));
        }
    }
    for (id, scope) in [(1, 3), (2, 0), (3, 2), (4, 1), (5, 0)] {
        let row =
            SpanRow { trace_id: TraceId(1), span_id: SpanId(id), scope: scopes[scope], ..SpanRow::default() };
        builder.push_span(row);
    }
    builder.finish().expect("small")
}

#[test]
fn spans_are_grouped_and_only_what_the_collector_always_writes_is_there_when_empty() {
    let span = |id| format!(r#"{{"traceId":"{:032}","spanId":"{id:016}","status":{{}}}}"#, 1);
    let (two, five, four, three, one) = (span(2), span(5), span(4), span(3), span(1));
    let service = r#"{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]}"#;
    let expected = format!(
        r#"{{"resourceSpans":[{{"resource":{service},"scopeSpans":[{{"scope":{{}},"spans":[{two},{five}],"schemaUrl":"url"}},{{"scope":{{}},"spans":[{four}]}}]}},{{"resource":{{}},"scopeSpans":[{{"scope":{{}},"spans":[{three}],"schemaUrl":"url"}},{{"scope":{{}},"spans":[{one}]}}]}}]}}"#
    );
    assert_eq!(text(&back_and_forth()), expected);
}

#[test]
fn values_are_spelled_as_protobufs_json_spells_them() {
    let mut builder = SpanBatchBuilder::new();
    let attributes = builder.attributes([
        ("i", ValueView::Int(i64::MIN)),
        ("d", ValueView::Double(3.0)),
        ("n", ValueView::Double(f64::NAN)),
        ("p", ValueView::Double(f64::INFINITY)),
        ("m", ValueView::Double(f64::NEG_INFINITY)),
        ("b", ValueView::Bytes(&[0xff, 0])),
        ("f", ValueView::Bool(false)),
        ("e", ValueView::Empty),
        ("s", ValueView::Str("")),
    ]);
    let resource = builder.push_resource(ResourceRow::default());
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    builder.push_span(SpanRow { scope, attributes, ..SpanRow::default() });
    let text = text(&builder.finish().expect("small"));
    for spelled in [
        r#"{"key":"i","value":{"intValue":"-9223372036854775808"}}"#,
        r#"{"key":"d","value":{"doubleValue":3}}"#,
        r#"{"key":"n","value":{"doubleValue":"NaN"}}"#,
        r#"{"key":"p","value":{"doubleValue":"Infinity"}}"#,
        r#"{"key":"m","value":{"doubleValue":"-Infinity"}}"#,
        r#"{"key":"b","value":{"bytesValue":"/wA="}}"#,
        r#"{"key":"f","value":{"boolValue":false}}"#,
        r#"{"key":"e","value":{}}"#,
        r#"{"key":"s","value":{"stringValue":""}}"#,
    ] {
        assert!(text.contains(spelled), "{spelled} in {text}");
    }
}

#[test]
fn nothing_is_written_of_no_spans() {
    assert_eq!(text(&SpanBatch::default()), r#"{"resourceSpans":[]}"#);
}

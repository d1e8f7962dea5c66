//! Claims about the bytes of documents, as the store gets them.

mod tags;

use serde_json::{Value as Json, json};
use spoor_model::{
    EventRow, FlagsAre, LinkRow, ReferenceKind, ResourceRow, ScopeRow, SpanBatchBuilder, SpanId, SpanKind,
    SpanRow, StatusCode, Text, TraceId, UnixNanos, Value, ValueView,
};

use super::*;
use crate::filing::Belief;
use crate::index::IndexNames;
use crate::{DocumentConfig, TagValues};

const START: UnixNanos = UnixNanos(1_787_184_000_123_456_789);

fn written(batch: &SpanBatch) -> Vec<String> {
    written_with(batch, &DocumentConfig::default())
}

fn written_with(batch: &SpanBatch, config: &DocumentConfig) -> Vec<String> {
    let names = IndexNames::new(&crate::IndexConfig::default()).unwrap();
    let style = DocumentStyle {
        fields: TagFields::new(config).unwrap(),
        values: config.tag_values,
        parent_field: config.parent_span_id,
    };
    let mut writer = SpanWriter::new(batch, &names.spans, Belief::default().at(START, None), &style);
    let mut out = Vec::new();
    batch.spans().for_each(|span| writer.write(&mut out, span));
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

fn documents(batch: &SpanBatch) -> Vec<Json> {
    documents_with(batch, &DocumentConfig::default())
}

fn documents_with(batch: &SpanBatch, config: &DocumentConfig) -> Vec<Json> {
    written_with(batch, config)
        .iter()
        .skip(1)
        .step_by(2)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A batch of one span, after `change` had its way with the row.
fn one(change: impl FnOnce(&mut SpanBatchBuilder, &mut SpanRow)) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let service = Some(builder.text("shop"));
    let attributes = builder.attributes([("host.name", ValueView::Str("h\"1"))]);
    let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
    let name = builder.text("lib");
    let version = builder.text("1.0");
    let scope = builder.push_scope(ScopeRow { resource, name, version, ..ScopeRow::default() });
    let mut row = SpanRow {
        trace_id: TraceId(0xabc),
        span_id: SpanId(0x12),
        scope,
        name: builder.text("GET /"),
        start: START,
        end: UnixNanos(START.0 + 1_500_999),
        ..SpanRow::default()
    };
    change(&mut builder, &mut row);
    builder.push_span(row);
    builder.finish().unwrap()
}

#[test]
fn a_root_span_is_these_bytes() {
    let lines = written(&one(|builder, row| {
        row.attributes = builder.attributes([("n", ValueView::Int(-7)), ("f", ValueView::Double(1.5))]);
        row.kind = SpanKind::Server;
        row.flags = 1;
    }));
    let document = concat!(
        r#"{"traceID":"00000000000000000000000000000abc","spanID":"0000000000000012","flags":1,"operationName":"GET /","#,
        r#""references":[],"startTime":1787184000123456,"startTimeMillis":1787184000123,"duration":1500,"#,
        r#""tags":[{"key":"otel.scope.name","type":"string","value":"lib"},{"key":"otel.scope.version","type":"string","value":"1.0"},"#,
        r#"{"key":"n","type":"int64","value":-7},{"key":"f","type":"float64","value":1.5}],"tag":{"span@kind":"server"},"#,
        r#""logs":[],"process":{"serviceName":"shop","tags":[{"key":"host.name","type":"string","value":"h\"1"}]}}"#,
    );
    let action = format!(
        r#"{{"index":{{"_index":"jaeger-span-2026-08-20","_id":"00000000000000000000000000000abc_0000000000000012_{:016x}"}}}}"#,
        xxh3_64(document.as_bytes())
    );
    assert_eq!(lines, [action.as_str(), document]);
}

#[test]
fn a_child_has_its_parent_as_field_and_as_first_reference() {
    let document = &documents(&one(|builder, row| {
        row.parent_span_id = SpanId(5);
        let mark = builder.links_mark();
        builder.push_link(LinkRow { trace_id: TraceId(7), span_id: SpanId(8), ..LinkRow::default() });
        row.links = builder.links_since(mark);
    }))[0];
    assert_eq!(document["parentSpanID"], "0000000000000005");
    assert_eq!(
        document["references"],
        json!([
            { "refType": "CHILD_OF", "traceID": "00000000000000000000000000000abc", "spanID": "0000000000000005" },
            { "refType": "FOLLOWS_FROM", "traceID": "00000000000000000000000000000007", "spanID": "0000000000000008" },
        ])
    );
    let follows = &documents(&one(|builder, row| {
        row.parent_span_id = SpanId(5);
        let mark = builder.links_mark();
        let kind = ReferenceKind::FollowsFrom;
        builder.push_link(LinkRow {
            trace_id: TraceId(0xabc),
            span_id: SpanId(5),
            kind,
            ..LinkRow::default()
        });
        row.links = builder.links_since(mark);
    }))[0];
    assert_eq!(follows["references"].as_array().unwrap().len(), 1);
    assert_eq!(follows["references"][0]["refType"], "FOLLOWS_FROM");
}

#[test]
fn without_the_field_a_parent_is_the_first_reference() {
    let config = DocumentConfig { parent_span_id: false, ..DocumentConfig::default() };
    let document = &documents_with(&one(|_, row| row.parent_span_id = SpanId(5)), &config)[0];
    assert!(document.get("parentSpanID").is_none());
    assert_eq!(document["references"][0]["spanID"], "0000000000000005");
}

#[test]
fn every_kind_of_value_has_jaegers_type() {
    let document = &documents(&one(|builder, row| {
        let mark = builder.attributes_mark();
        for (key, value) in [
            ("bool", Value::Bool(true)),
            ("nan", Value::Double(f64::NAN)),
            ("inf", Value::Double(f64::NEG_INFINITY)),
            ("one", Value::Double(1.0)),
            ("int", Value::Int(i64::MIN)),
            ("empty", Value::Empty),
        ] {
            let key = builder.text(key);
            builder.push_attribute(key, value);
        }
        let (key, bytes) = (builder.text("bytes"), builder.bytes(b"\x00\xff"));
        builder.push_attribute(key, Value::Bytes(bytes));
        let (key, list) = (builder.text("list"), builder.list([ValueView::Str("a\"b"), ValueView::Int(1)]));
        builder.push_attribute(key, list);
        let (key, map) = (builder.text("map"), builder.map([("k", ValueView::Bool(false))]));
        builder.push_attribute(key, map);
        row.attributes = builder.attributes_since(mark);
    }))[0];
    let tags: Vec<Json> = document["tags"].as_array().unwrap()[2..].to_vec();
    assert_eq!(
        Json::from(tags),
        json!([
            { "key": "bool", "type": "bool", "value": true },
            { "key": "nan", "type": "string", "value": "NaN", "spoorType": "float64" },
            { "key": "inf", "type": "string", "value": "-Infinity", "spoorType": "float64" },
            { "key": "one", "type": "float64", "value": 1 },
            { "key": "int", "type": "int64", "value": i64::MIN },
            { "key": "empty", "type": "string", "value": "" },
            { "key": "bytes", "type": "binary", "value": "00ff" },
            { "key": "list", "type": "string", "value": "[\"a\\\"b\",1]" },
            { "key": "map", "type": "string", "value": "{\"k\":false}" },
        ])
    );
}

#[test]
fn a_failed_span_has_a_true_error_field_and_keeps_its_own_error_attribute() {
    let document = &documents(&one(|builder, row| {
        row.attributes = builder.attributes([
            ("error", ValueView::Str("boom")),
            ("span.kind", ValueView::Str("odd")),
            ("span.kind", ValueView::Str("odder")),
        ]);
        row.status = StatusCode::Error;
        row.status_message = builder.text("why");
    }))[0];
    assert_eq!(document["tag"], json!({ "span@kind": "odder", "error": true }));
    let tags: Vec<&Json> = document["tags"].as_array().unwrap()[2..].iter().collect();
    assert_eq!(
        tags,
        [
            &json!({ "key": "span.kind", "type": "string", "value": "odd" }),
            &json!({ "key": "error", "type": "string", "value": "boom" }),
            &json!({ "key": "otel.status_description", "type": "string", "value": "why" }),
        ]
    );
    let ok = &documents(&one(|_, row| row.status = StatusCode::Ok))[0];
    assert_eq!(ok["tags"][2], json!({ "key": "otel.status_code", "type": "string", "value": "OK" }));
    assert!(ok.get("tag").is_none());
}

#[test]
fn an_events_name_is_its_first_field_unless_an_attribute_takes_it() {
    let document = &documents(&one(|builder, row| {
        let mark = builder.events_mark();
        for attributes in [vec![("k", ValueView::Int(1))], vec![("event", ValueView::Str("own"))]] {
            let attributes = builder.attributes(attributes);
            let name = builder.text("named");
            builder.push_event(EventRow { time: START, name, attributes, ..EventRow::default() });
        }
        builder.push_event(EventRow::default());
        row.events = builder.events_since(mark);
    }))[0];
    let event = |value: &str| json!({ "key": "event", "type": "string", "value": value });
    let k = json!({ "key": "k", "type": "int64", "value": 1 });
    assert_eq!(
        document["logs"],
        json!([
            { "timestamp": 1_787_184_000_123_456_u64, "fields": [event("named"), k] },
            { "timestamp": 1_787_184_000_123_456_u64, "fields": [event("own")] },
            { "timestamp": 0, "fields": [] },
        ])
    );
}

#[test]
fn no_span_makes_a_document_that_the_mapping_refuses() {
    let document = &documents(&one(|_, row| {
        row.flags = u32::MAX;
        row.start = UnixNanos::MAX;
        row.end = UnixNanos::ZERO;
    }))[0];
    assert_eq!(document["flags"], i32::MAX);
    assert_eq!(document["duration"], 0);
    assert_eq!(document["startTime"], u64::MAX / 1_000);
}

#[test]
fn flags_are_stored_as_they_are_but_for_those_that_would_be_read_as_debug() {
    for (flags, flags_are, stored) in
        [(0x303, FlagsAre::Otlp, 0x303), (3, FlagsAre::Otlp, 1), (3, FlagsAre::Jaeger, 3)]
    {
        let document = &documents(&one(|_, row| (row.flags, row.flags_are) = (flags, flags_are)))[0];
        assert_eq!(document["flags"], stored);
    }
}

#[test]
fn the_service_is_named_as_jaeger_names_what_has_no_name() {
    let service = |service: Option<&str>, attributes: &[(&'static str, ValueView<'_>)]| {
        let mut builder = SpanBatchBuilder::new();
        let service = service.map(|name| builder.text(name));
        let attributes = builder.attributes(attributes.iter().copied());
        let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
        let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        builder.push_span(SpanRow { scope, name: Text::EMPTY, ..SpanRow::default() });
        documents(&builder.finish().unwrap())[0]["process"].clone()
    };
    assert_eq!(service(None, &[]), json!({ "serviceName": "OTLPResourceNoServiceName", "tags": [] }));
    assert_eq!(service(Some(""), &[]), json!({ "serviceName": "", "tags": [] }));
    assert_eq!(
        service(Some("s"), &[("error", ValueView::Bool(false))]),
        json!({ "serviceName": "s", "tags": [], "tag": { "error": false } })
    );
}

#[test]
fn the_id_follows_from_the_content() {
    let id = |batch: &SpanBatch| written(batch)[0].clone();
    let plain = one(|_, _| {});
    assert_eq!(id(&plain), id(&one(|_, _| {})));
    assert_ne!(id(&plain), id(&one(|builder, row| row.name = builder.text("other"))));
}

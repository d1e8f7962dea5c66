//! Requests of every shape: all fields, all kinds of values, nested ones, any Unicode.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) fn requests() -> impl Strategy<Value = ExportTraceServiceRequest> {
    vec(resource_spans(), 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// As [`requests`], with something in each.
pub(crate) fn busy_requests() -> impl Strategy<Value = ExportTraceServiceRequest> {
    vec(resource_spans(), 1..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn resource_spans() -> impl Strategy<Value = ResourceSpans> {
    let resource = (attributes(), any::<u32>()).prop_map(|(attributes, dropped_attributes_count)| Resource {
        attributes,
        dropped_attributes_count,
        entity_refs: Vec::new(),
    });
    (option::of(resource), vec(scope_spans(), 0..3), texts())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url })
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    let scope = (texts(), texts(), attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    );
    (option::of(scope), vec(spans(), 0..4), texts()).prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    })
}

fn spans() -> impl Strategy<Value = Span> {
    let ids = (ids(16), ids(8), ids(8));
    let words = (texts(), texts(), 0..6_i32, any::<u32>(), any::<u64>(), any::<u64>());
    let lists = (attributes(), vec(events(), 0..3), vec(links(), 0..3));
    let status = (texts(), 0..3_i32).prop_map(|(message, code)| Status { message, code });
    (ids, words, lists, any::<[u32; 3]>(), option::of(status)).prop_map(
        |(ids, words, lists, dropped, status)| Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            trace_state: words.0,
            name: words.1,
            kind: words.2,
            flags: words.3,
            start_time_unix_nano: words.4,
            end_time_unix_nano: words.5,
            attributes: lists.0,
            events: lists.1,
            links: lists.2,
            dropped_attributes_count: dropped[0],
            dropped_events_count: dropped[1],
            dropped_links_count: dropped[2],
            status,
        },
    )
}

fn events() -> impl Strategy<Value = Event> {
    (any::<u64>(), texts(), attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn links() -> impl Strategy<Value = Link> {
    let kind = option::of(prop_oneof![Just("child_of"), Just("follows_from"), Just("odd")]);
    (ids(16), ids(8), texts(), attributes(), kind, any::<[u32; 2]>()).prop_map(
        |(trace_id, span_id, trace_state, mut attributes, kind, [dropped_attributes_count, flags])| {
            attributes.extend(kind.map(|kind| KeyValue {
                key: "opentracing.ref_type".to_owned(),
                value: Some(AnyValue { value: Some(Value::StringValue(kind.to_owned())) }),
                key_strindex: 0,
            }));
            Link { trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags }
        },
    )
}

fn ids(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => vec(any::<u8>(), length), 1 => Just(Vec::new())]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z.]{0,12}", 1 => any::<String>(), 1 => Just("x".repeat(200))]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let keys = prop_oneof![4 => texts(), 1 => Just("service.name".to_owned())];
    vec((keys, option::weighted(0.95, values())), 0..5).prop_map(|entries| {
        entries.into_iter().map(|(key, value)| KeyValue { key, value, key_strindex: 0 }).collect()
    })
}

fn values() -> impl Strategy<Value = AnyValue> {
    let plain = prop_oneof![
        Just(None),
        texts().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|truth| Some(Value::BoolValue(truth))),
        any::<i64>().prop_map(|number| Some(Value::IntValue(number))),
        any::<f64>().prop_map(|number| Some(Value::DoubleValue(number))),
        vec(any::<u8>(), 0..9).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ]
    .prop_map(|value| AnyValue { value });
    plain.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec((texts(), option::of(inner)), 0..4).prop_map(|entries| {
                let values = entries
                    .into_iter()
                    .map(|(key, value)| KeyValue { key, value, key_strindex: 0 })
                    .collect();
                Value::KvlistValue(KeyValueList { values })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

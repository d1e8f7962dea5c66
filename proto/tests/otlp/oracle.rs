//! The second way from OTLP to the model: prost's messages, copied field by field into a builder.
//! Slow and plain; what it makes must say the same as what the decoders make.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spoor_model::nested::{ListView, MapView};
use spoor_model::{
    EventRow, LinkRow, ReferenceKind, ResourceRow, Rows, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId,
    SpanKind, SpanRow, StatusCode, TraceId, UnixNanos, Value,
};

pub(crate) fn model_of(request: &ExportTraceServiceRequest) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    for resource_spans in &request.resource_spans {
        let resource = resource(&mut builder, resource_spans);
        for scope_spans in &resource_spans.scope_spans {
            let scope = scope(&mut builder, scope_spans, resource);
            for message in &scope_spans.spans {
                span(&mut builder, message, scope);
            }
        }
    }
    builder.finish().expect("small")
}

/// Fails with the first difference.
pub(crate) fn assert_same(found: &SpanBatch, expected: &SpanBatch) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.spans().zip(expected.spans()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.scopes().collect::<Vec<_>>(), expected.scopes().collect::<Vec<_>>());
    assert_eq!(found.resources().collect::<Vec<_>>(), expected.resources().collect::<Vec<_>>());
}

fn resource(builder: &mut SpanBatchBuilder, message: &ResourceSpans) -> u32 {
    let Resource { attributes, dropped_attributes_count, .. } = message.resource.clone().unwrap_or_default();
    let service =
        attributes.iter().position(|attribute| attribute.key == "service.name" && text(attribute).is_some());
    let name = service.and_then(|index| text(&attributes[index]));
    let others: Vec<_> = attributes
        .iter()
        .enumerate()
        .filter(|(index, _)| Some(*index) != service)
        .map(|(_, kept)| kept.clone())
        .collect();
    let row = ResourceRow {
        service: name.map(|name| builder.text(name)),
        attributes: run(builder, &others),
        dropped_attributes: dropped_attributes_count,
        schema_url: builder.text(&message.schema_url),
    };
    builder.push_resource(row)
}

fn text(attribute: &KeyValue) -> Option<&str> {
    match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn scope(builder: &mut SpanBatchBuilder, message: &ScopeSpans, resource: u32) -> u32 {
    let InstrumentationScope { name, version, attributes, dropped_attributes_count } =
        message.scope.clone().unwrap_or_default();
    let row = ScopeRow {
        resource,
        name: builder.text(&name),
        version: builder.text(&version),
        attributes: run(builder, &attributes),
        schema_url: builder.text(&message.schema_url),
        dropped_attributes: dropped_attributes_count,
    };
    builder.push_scope(row)
}

fn span(builder: &mut SpanBatchBuilder, message: &Span, scope: u32) {
    let status = message.status.clone().unwrap_or_default();
    let attributes = run(builder, &message.attributes);
    let events = events(builder, &message.events);
    let links = links(builder, &message.links);
    let row = SpanRow {
        trace_id: TraceId::from_bytes(&message.trace_id).unwrap_or_default(),
        span_id: SpanId::from_bytes(&message.span_id).unwrap_or_default(),
        parent_span_id: SpanId::from_bytes(&message.parent_span_id).unwrap_or_default(),
        scope,
        name: builder.text(&message.name),
        kind: SpanKind::from_number(i64::from(message.kind)),
        status: StatusCode::from_number(i64::from(status.code)),
        status_message: builder.text(&status.message),
        trace_state: builder.text(&message.trace_state),
        flags: message.flags,
        start: UnixNanos(message.start_time_unix_nano),
        end: UnixNanos(message.end_time_unix_nano),
        attributes,
        events,
        links,
        dropped_attributes: message.dropped_attributes_count,
        dropped_events: message.dropped_events_count,
        dropped_links: message.dropped_links_count,
        ..SpanRow::default()
    };
    builder.push_span(row);
}

fn events(builder: &mut SpanBatchBuilder, messages: &[Event]) -> Rows {
    let mark = builder.events_mark();
    for message in messages {
        let row = EventRow {
            time: UnixNanos(message.time_unix_nano),
            name: builder.text(&message.name),
            attributes: run(builder, &message.attributes),
            dropped_attributes: message.dropped_attributes_count,
        };
        builder.push_event(row);
    }
    builder.events_since(mark)
}

fn links(builder: &mut SpanBatchBuilder, messages: &[Link]) -> Rows {
    let mark = builder.links_mark();
    for message in messages {
        let kind = message.attributes.iter().find(|attribute| attribute.key == "opentracing.ref_type");
        let row = LinkRow {
            trace_id: TraceId::from_bytes(&message.trace_id).unwrap_or_default(),
            span_id: SpanId::from_bytes(&message.span_id).unwrap_or_default(),
            trace_state: builder.text(&message.trace_state),
            attributes: run(builder, &message.attributes),
            flags: message.flags,
            kind: match kind.and_then(text) {
                Some("child_of") => ReferenceKind::ChildOf,
                Some("follows_from") => ReferenceKind::FollowsFrom,
                _ => ReferenceKind::Link,
            },
            dropped_attributes: message.dropped_attributes_count,
        };
        builder.push_link(row);
    }
    builder.links_since(mark)
}

fn run(builder: &mut SpanBatchBuilder, attributes: &[KeyValue]) -> Rows {
    let mark = builder.attributes_mark();
    for attribute in attributes {
        let key = builder.text(&attribute.key);
        let value = value(builder, attribute.value.as_ref());
        builder.push_attribute(key, value);
    }
    builder.attributes_since(mark)
}

fn value(builder: &mut SpanBatchBuilder, value: Option<&AnyValue>) -> Value {
    use any_value::Value as Wire;
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Wire::StringValueStrindex(_)) => Value::Empty,
        Some(Wire::StringValue(text)) => Value::Str(builder.text(text)),
        Some(Wire::BoolValue(truth)) => Value::Bool(*truth),
        Some(Wire::IntValue(number)) => Value::Int(*number),
        Some(Wire::DoubleValue(number)) => Value::Double(*number),
        Some(Wire::BytesValue(bytes)) => Value::Bytes(builder.bytes(bytes)),
        Some(Wire::ArrayValue(list)) => {
            let encoded = list.encode_to_vec();
            Value::List(builder.bytes(ListView::new(&encoded).encoded()))
        }
        Some(Wire::KvlistValue(map)) => {
            let encoded = map.encode_to_vec();
            Value::Map(builder.bytes(MapView::new(&encoded).encoded()))
        }
    }
}

//! Random messages and batches for the properties.

use proptest::collection::vec;
use proptest::prelude::*;
use spoor_model::jaeger::WARNINGS;
use spoor_model::nested::{ListView, MapView, encode_list, encode_map};
use spoor_model::{
    EventRow, LinkRow, ReferenceKind, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanKind,
    SpanRow, StatusCode, TraceId, UnixNanos, ValueView,
};

use crate::jaeger::api_v2 as wire;

/// Few distinct ids, so that references meet spans.
fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..4_u8).prop_map(move |last| {
        let mut id = vec![0; length];
        id[length - 1] = last;
        id
    })
}

fn trace_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![id(16), id(8), vec(any::<u8>(), 16), Just(Vec::new())]
}

fn span_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![id(8), vec(any::<u8>(), 8), Just(Vec::new())]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-zß€😀]{1,8}", "[a-z]{100,300}"]
}

/// Any but -0, which prost takes for the default and leaves out.
fn double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_map(|number| number + 0.0)
}

/// Every slot is filled: only the one that `v_type` names may count.
fn key_value() -> impl Strategy<Value = wire::KeyValue> {
    let key = prop_oneof![8 => text(), 1 => Just("event".to_owned())];
    let slots = (text(), any::<bool>(), any::<i64>(), double(), vec(any::<u8>(), 0..20));
    (key, 0..5, slots).prop_map(|(key, v_type, (v_str, v_bool, v_int64, v_float64, v_binary))| {
        wire::KeyValue { key, v_type, v_str, v_bool, v_int64, v_float64, v_binary: v_binary.into() }
    })
}

fn timestamp() -> impl Strategy<Value = Option<prost_types::Timestamp>> {
    let point = (0..10_000_000_000_i64, 0..1_000_000_000)
        .prop_map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos });
    prop::option::of(point)
}

fn log() -> impl Strategy<Value = wire::Log> {
    (timestamp(), vec(key_value(), 0..4)).prop_map(|(timestamp, fields)| wire::Log { timestamp, fields })
}

fn reference() -> impl Strategy<Value = wire::SpanRef> {
    (trace_id(), span_id(), 0..2).prop_map(|(trace_id, span_id, ref_type)| wire::SpanRef {
        trace_id: trace_id.into(),
        span_id: span_id.into(),
        ref_type,
    })
}

fn process() -> impl Strategy<Value = wire::Process> {
    (text(), vec(key_value(), 0..3)).prop_map(|(service_name, tags)| wire::Process { service_name, tags })
}

prop_compose! {
    fn span()(
        ids in (trace_id(), span_id()),
        operation_name in text(),
        references in vec(reference(), 0..5),
        flags in prop_oneof![Just(0), any::<u32>()],
        start_time in timestamp(),
        length in prop::option::of((0..8_000_000_000_i64, 0..1_000_000_000)),
        tags in vec(key_value(), 0..5),
        logs in vec(log(), 0..3),
        process in prop::option::of(process()),
        process_id in text(),
        warnings in vec(text(), 0..3),
    ) -> wire::Span {
        wire::Span {
            trace_id: ids.0.into(),
            span_id: ids.1.into(),
            operation_name,
            references,
            flags,
            start_time,
            duration: length.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos }),
            tags,
            logs,
            process,
            process_id,
            warnings,
        }
    }
}

/// A request of valid spans: ids of allowed lengths, times that the model can say.
pub(super) fn request() -> impl Strategy<Value = wire::PostSpansRequest> {
    (vec(span(), 0..6), prop::option::of(process()))
        .prop_map(|(spans, process)| wire::PostSpansRequest { batch: Some(wire::Batch { spans, process }) })
}

/// What an attribute of a random batch holds.
#[derive(Debug, Clone)]
pub(super) enum Plain {
    Empty,
    Text(String),
    Truth(bool),
    Number(i64),
    Double(f64),
    Bytes(Vec<u8>),
}

impl Plain {
    pub(super) fn view(&self) -> ValueView<'_> {
        match self {
            Self::Empty => ValueView::Empty,
            Self::Text(text) => ValueView::Str(text),
            Self::Truth(truth) => ValueView::Bool(*truth),
            Self::Number(number) => ValueView::Int(*number),
            Self::Double(number) => ValueView::Double(*number),
            Self::Bytes(bytes) => ValueView::Bytes(bytes),
        }
    }
}

type Attributes = Vec<(String, Plain)>;

fn attributes() -> impl Strategy<Value = Attributes> {
    let value = prop_oneof![
        Just(Plain::Empty),
        text().prop_map(Plain::Text),
        any::<bool>().prop_map(Plain::Truth),
        any::<i64>().prop_map(Plain::Number),
        double().prop_map(Plain::Double),
        vec(any::<u8>(), 0..10).prop_map(Plain::Bytes),
    ];
    vec(("[a-z]{1,3}\\.?[a-z]{0,2}", value), 0..5)
}

fn push_attributes(builder: &mut SpanBatchBuilder, attributes: &Attributes) -> spoor_model::Rows {
    builder.attributes(attributes.iter().map(|(key, value)| (key.as_str(), value.view())))
}

/// One span of a random batch: its own row, and the texts and lists that go with it.
#[derive(Debug, Clone)]
struct Plan {
    row: SpanRow,
    texts: [String; 3],
    scope: [String; 2],
    service: Option<String>,
    attributes: [Attributes; 2],
    events: Vec<(u64, String, Attributes)>,
    links: Vec<(u128, u64, ReferenceKind)>,
}

prop_compose! {
    fn row()(
        ids in (any::<u128>(), any::<u64>(), 0..4_u64),
        kind in 0..6_i64,
        status in 0..3_i64,
        flags in any::<u32>(),
        times in (any::<u64>(), any::<u64>()),
    ) -> SpanRow {
        SpanRow {
            trace_id: TraceId(ids.0),
            span_id: SpanId(ids.1),
            parent_span_id: SpanId(ids.2),
            kind: SpanKind::from_number(kind),
            status: StatusCode::from_number(status),
            flags,
            start: UnixNanos(times.0.min(times.1)),
            end: UnixNanos(times.0.max(times.1)),
            ..SpanRow::default()
        }
    }
}

prop_compose! {
    fn plan()(
        row in row(),
        texts in [text(), text(), text()],
        scope in [text(), text()],
        service in prop::option::of(text()),
        attributes in [attributes(), attributes()],
        events in vec((any::<u64>(), text(), attributes()), 0..3),
        links in vec((any::<u128>(), any::<u64>(), prop_oneof![Just(ReferenceKind::ChildOf), Just(ReferenceKind::FollowsFrom)]), 0..3),
    ) -> Plan {
        Plan { row, texts, scope, service, attributes, events, links }
    }
}

impl Plan {
    fn push(&self, builder: &mut SpanBatchBuilder) {
        let attributes = push_attributes(builder, &self.attributes[0]);
        let service = self.service.as_ref().map(|service| builder.text(service));
        let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
        let [name, version] = [&self.scope[0], &self.scope[1]].map(|text| builder.text(text));
        let scope = builder.push_scope(ScopeRow { resource, name, version, ..ScopeRow::default() });
        let attributes = push_attributes(builder, &self.attributes[1]);
        let mark = builder.events_mark();
        for (time, name, attributes) in &self.events {
            let attributes = push_attributes(builder, attributes);
            let name = builder.text(name);
            builder.push_event(EventRow { time: UnixNanos(*time), name, attributes, ..EventRow::default() });
        }
        let events = builder.events_since(mark);
        let mark = builder.links_mark();
        for (trace_id, span_id, kind) in &self.links {
            let (trace_id, span_id) = (TraceId(*trace_id), SpanId(*span_id));
            builder.push_link(LinkRow { trace_id, span_id, kind: *kind, ..LinkRow::default() });
        }
        let links = builder.links_since(mark);
        let [name, status_message, trace_state] = [0, 1, 2].map(|index| builder.text(&self.texts[index]));
        builder.push_span(SpanRow {
            scope,
            name,
            status_message,
            trace_state,
            attributes,
            events,
            links,
            ..self.row
        });
    }
}

/// A batch with everything that api_v2 can say.
pub(super) fn batch() -> impl Strategy<Value = SpanBatch> {
    vec(plan(), 0..5).prop_map(|plans| {
        let mut builder = SpanBatchBuilder::new();
        for plan in plans {
            plan.push(&mut builder);
        }
        builder.finish().expect("small")
    })
}

/// One span with warnings and a value of each kind that api_v2 has no own type for.
pub(super) fn batch_with_nested_values() -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let resource = builder.push_resource(ResourceRow::default());
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    let (mut list, mut map, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    encode_list(&mut list, [ValueView::Int(1), ValueView::Str("two")]);
    encode_map(&mut map, [("a", ValueView::Bool(true))]);
    encode_list(&mut warnings, [ValueView::Str("first"), ValueView::Str("second")]);
    let attributes = builder.attributes([
        ("list", ValueView::List(ListView::new(&list))),
        (WARNINGS, ValueView::List(ListView::new(&warnings))),
        ("map", ValueView::Map(MapView::new(&map))),
        ("empty", ValueView::Empty),
        ("bytes", ValueView::Bytes(b"\xff\x00")),
    ]);
    builder.push_span(SpanRow { scope, attributes, ..SpanRow::default() });
    builder.finish().expect("small")
}

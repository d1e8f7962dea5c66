//! Claims about the generated spans: the same again, well-formed trees, the promised shape.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use prost::Message;
use spoor_model::{SpanId, UnixNanos};
use spoor_proto::convert::jaeger_thrift::{ThriftProtocol, decode_agent_message, decode_batch};
use spoor_proto::jaeger::api_v2::PostSpansRequest;
use xxhash_rust::xxh3::xxh3_64;

use super::request::{Request, Requests, TraceRequests};
use crate::{GenerateConfig, Protocol};

/// 2026-01-01T00:00:00Z.
const BASE: UnixNanos = UnixNanos(1_767_225_600_000_000_000);

fn requests(config: &GenerateConfig) -> Vec<ExportTraceServiceRequest> {
    TraceRequests::new(config, BASE).collect()
}

/// Every span with the name of its service.
fn spans(config: &GenerateConfig) -> Vec<(String, Span)> {
    let mut all = Vec::new();
    for group in requests(config).into_iter().flat_map(|request| request.resource_spans) {
        let service = string(&group.resource.unwrap().attributes, "service.name");
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            all.push((service.clone(), span));
        }
    }
    all
}

fn traces(config: &GenerateConfig) -> HashMap<Vec<u8>, Vec<Span>> {
    let mut traces: HashMap<_, Vec<_>> = HashMap::new();
    for (_, span) in spans(config) {
        traces.entry(span.trace_id.clone()).or_default().push(span);
    }
    traces
}

fn string(attributes: &[KeyValue], key: &str) -> String {
    let value =
        attributes.iter().find(|attribute| attribute.key == key).and_then(|found| found.value.clone());
    match value.and_then(|any| any.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key} is {other:?}"),
    }
}

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[test]
fn the_same_configuration_gives_the_same_bytes() {
    for protocol in [
        Protocol::OtlpGrpc,
        Protocol::OtlpHttpJson,
        Protocol::JaegerGrpc,
        Protocol::JaegerHttp,
        Protocol::JaegerCompact,
        Protocol::JaegerBinary,
    ] {
        let config = GenerateConfig::default().with_spans(3_000);
        let one: Vec<Request> = Requests::new(&config, BASE, protocol).collect();
        let other: Vec<Request> = Requests::new(&config, BASE, protocol).collect();
        assert_eq!(one, other);
    }
}

#[test]
fn the_first_request_of_the_default_configuration_never_changes() {
    let first = Requests::new(&GenerateConfig::default(), BASE, Protocol::OtlpGrpc).next().unwrap();
    // Figures of different days are compared by these bytes; a new value here means that they cannot be any more.
    assert_eq!(
        (first.spans.len(), first.body.len(), xxh3_64(&first.body)),
        (512, 309_114, 11_125_859_772_564_560_165)
    );
}

#[test]
fn another_seed_gives_other_ids() {
    let keys = |seed| -> BTreeSet<_> {
        let config = GenerateConfig { seed, ..GenerateConfig::default() }.with_spans(5_000);
        Requests::new(&config, BASE, Protocol::OtlpGrpc).flat_map(|request| request.spans.to_vec()).collect()
    };
    let (one, two) = (keys(1), keys(2));
    assert_eq!((one.len(), two.len()), (5_000, 5_000));
    assert!(one.is_disjoint(&two));
}

#[test]
fn a_number_of_spans_is_met_exactly_and_a_number_of_traces_too() {
    let sizes: Vec<usize> =
        Requests::new(&GenerateConfig::default().with_spans(1_100), BASE, Protocol::OtlpGrpc)
            .map(|request| request.spans.len())
            .collect();
    assert_eq!(sizes, [512, 512, 76]);
    assert_eq!(traces(&GenerateConfig { traces: Some(17), ..GenerateConfig::default() }).len(), 17);
}

#[test]
fn every_trace_is_a_tree_whose_spans_lie_within_their_parents() {
    let config = GenerateConfig { traces: Some(300), ..GenerateConfig::default() };
    let oldest = BASE.saturating_sub(config.spread + Duration::from_secs(2));
    for spans in traces(&config).values() {
        assert!((8..=30).contains(&spans.len()), "{} spans", spans.len());
        let by_id: HashMap<&[u8], &Span> = spans.iter().map(|span| (&span.span_id[..], span)).collect();
        assert_eq!(by_id.len(), spans.len(), "span ids are unique");
        let roots: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect();
        assert_eq!(roots.len(), 1);
        assert!(roots[0].end_time_unix_nano <= BASE.0 && roots[0].start_time_unix_nano > oldest.0);
        for span in spans.iter().filter(|span| !span.parent_span_id.is_empty()) {
            let parent = by_id[&span.parent_span_id[..]];
            assert!(parent.start_time_unix_nano <= span.start_time_unix_nano);
            assert!(span.start_time_unix_nano < span.end_time_unix_nano);
            assert!(span.end_time_unix_nano <= parent.end_time_unix_nano);
        }
    }
}

#[test]
fn spans_have_twelve_attributes_and_at_most_two_events_within_their_time() {
    for (_, span) in spans(&GenerateConfig::default().with_spans(5_000)) {
        let keys: BTreeSet<&str> = span.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        assert_eq!((span.attributes.len(), keys.len()), (super::tags::PER_SPAN, super::tags::PER_SPAN));
        assert!(span.events.len() <= 2);
        for event in &span.events {
            assert!((span.start_time_unix_nano..=span.end_time_unix_nano).contains(&event.time_unix_nano));
            assert!(!event.attributes.is_empty());
        }
    }
}

#[test]
fn attribute_cardinality_goes_from_one_to_one_per_span() {
    let spans = spans(&GenerateConfig::default().with_spans(5_000));
    let distinct =
        |key| spans.iter().map(|(_, span)| string(&span.attributes, key)).collect::<BTreeSet<_>>().len();
    assert_eq!(distinct("component"), 1);
    assert_eq!(distinct("customer.tier"), 4);
    assert!((4_000..5_000).contains(&distinct("user.id")), "{}", distinct("user.id"));
    assert_eq!(distinct("request.id"), 5_000);
}

#[test]
fn about_two_in_a_hundred_spans_fail_with_a_message_and_an_exception() {
    let spans = spans(&GenerateConfig::default().with_spans(20_000));
    let failed = |span: &Span| span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
    let failures: Vec<&Span> = spans.iter().map(|(_, span)| span).filter(|span| failed(span)).collect();
    assert!((300..500).contains(&failures.len()), "{}", failures.len());
    for span in failures {
        assert!(!span.status.as_ref().unwrap().message.is_empty());
        assert_eq!(span.events.last().unwrap().name, "exception");
    }
    assert!(spans.iter().any(|(_, span)| !span.links.is_empty()));
}

#[test]
fn services_have_instances_operations_and_an_order_of_popularity() {
    let config = GenerateConfig::default().with_spans(60_000);
    let mut operations: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut popularity: BTreeMap<String, u32> = BTreeMap::new();
    for (service, span) in spans(&config) {
        *popularity.entry(service.clone()).or_default() += 1;
        operations.entry(service).or_default().insert(span.name);
    }
    assert_eq!(popularity.len(), 100);
    let most = operations.values().map(BTreeSet::len).max();
    assert_eq!(most, Some(50));
    let (first, median) = {
        let mut counts: Vec<u32> = popularity.into_values().collect();
        counts.sort_unstable();
        (counts[99], counts[50])
    };
    assert!(first > median * 10, "{first} against {median}");
}

#[test]
fn a_request_names_each_resource_and_scope_once() {
    for request in requests(&GenerateConfig::default().with_spans(2_000)) {
        let mut instances = BTreeSet::new();
        for group in &request.resource_spans {
            let attributes = &group.resource.as_ref().unwrap().attributes;
            assert_eq!(attributes.len(), 8);
            assert!(instances.insert(string(attributes, "service.instance.id")));
            let scopes: BTreeSet<&str> =
                group.scope_spans.iter().map(|scope| scope.scope.as_ref().unwrap().name.as_str()).collect();
            assert_eq!(scopes.len(), group.scope_spans.len());
        }
    }
}

#[test]
fn the_listed_ids_are_those_of_the_encoded_spans_in_order() {
    let config = GenerateConfig::default().with_spans(700);
    for request in Requests::new(&config, BASE, Protocol::OtlpHttp) {
        let decoded = ExportTraceServiceRequest::decode(request.body.clone()).unwrap();
        assert_eq!(Request::encode(&decoded, Protocol::OtlpHttp), [request]);
    }
}

#[test]
fn the_json_form_says_the_same_as_the_protobuf_form() {
    let config = GenerateConfig::default().with_spans(600);
    let binary = Requests::new(&config, BASE, Protocol::OtlpHttp);
    let json = Requests::new(&config, BASE, Protocol::OtlpHttpJson);
    for (binary, json) in binary.zip(json) {
        let decoded: ExportTraceServiceRequest = serde_json::from_slice(&json.body).unwrap();
        assert_eq!(decoded, ExportTraceServiceRequest::decode(binary.body).unwrap());
    }
}

#[test]
fn the_jaeger_form_has_the_same_spans_with_their_processes() {
    let config = GenerateConfig::default().with_spans(600);
    let otlp = Requests::new(&config, BASE, Protocol::OtlpGrpc);
    let jaeger = Requests::new(&config, BASE, Protocol::JaegerGrpc);
    for ((otlp, jaeger), message) in otlp.zip(jaeger).zip(requests(&config)) {
        assert_eq!(jaeger.spans, otlp.spans);
        let batch = PostSpansRequest::decode(jaeger.body).unwrap().batch.unwrap();
        let services: Vec<String> = batch
            .spans
            .iter()
            .map(|span| span.process.as_ref().or(batch.process.as_ref()).unwrap().service_name.clone())
            .collect();
        assert_eq!(services, services_in_order(&message));
        let ids: Vec<_> = batch.spans.iter().map(|span| SpanId::from_bytes(&span.span_id).unwrap()).collect();
        assert_eq!(ids, otlp.spans.iter().map(|key| key.1).collect::<Vec<_>>());
    }
}

#[test]
fn the_thrift_forms_have_the_same_spans_in_a_batch_for_each_process() {
    let config = GenerateConfig::default().with_spans(600);
    let expected: Vec<_> = spans(&config)
        .into_iter()
        .map(|(service, span)| (service, SpanId::from_bytes(&span.span_id).unwrap()))
        .collect();
    for protocol in [Protocol::JaegerHttp, Protocol::JaegerCompact, Protocol::JaegerBinary] {
        let mut found = Vec::new();
        for request in Requests::new(&config, BASE, protocol) {
            let datagram = |form| decode_agent_message(form, request.body.clone()).unwrap().spans;
            let batch = match protocol {
                Protocol::JaegerCompact => datagram(ThriftProtocol::Compact),
                Protocol::JaegerBinary => datagram(ThriftProtocol::Binary),
                _ => decode_batch(request.body.clone()).unwrap(),
            };
            assert_eq!(batch.resources().len(), 1);
            let keys: Vec<_> = batch.spans().map(|span| (span.trace_id(), span.span_id())).collect();
            assert_eq!(keys, request.spans[..]);
            found.extend(batch.spans().map(|span| (span.service().to_owned(), span.span_id())));
        }
        assert_eq!(found, expected, "{protocol:?}");
    }
}

#[test]
fn spans_of_one_process_are_spread_over_as_many_datagrams_as_they_need() {
    let config = GenerateConfig { services: count(1), instances: count(1), ..GenerateConfig::default() };
    let requests: Vec<_> = Requests::new(&config.with_spans(1_000), BASE, Protocol::JaegerBinary).collect();
    assert!(requests.len() > 4 && requests.iter().all(|request| request.body.len() <= 65_000));
    assert_eq!(requests.iter().map(|request| request.spans.len()).sum::<usize>(), 1_000);
}

/// The service of each span, in the order of the message.
fn services_in_order(message: &ExportTraceServiceRequest) -> Vec<String> {
    let mut services = Vec::new();
    for group in &message.resource_spans {
        let service = string(&group.resource.as_ref().unwrap().attributes, "service.name");
        let spans = group.scope_spans.iter().map(|scope| scope.spans.len()).sum();
        services.extend(std::iter::repeat_n(service, spans));
    }
    services
}

#[test]
fn small_landscapes_and_giant_traces_work() {
    let small = GenerateConfig {
        services: count(1),
        instances: count(1),
        operations: 5,
        traces: Some(3),
        ..GenerateConfig::default()
    };
    assert_eq!(traces(&small).len(), 3);
    let giant = GenerateConfig {
        trace_spans_min: count(25_000),
        trace_spans_max: count(25_000),
        traces: Some(1),
        ..GenerateConfig::default()
    };
    let trace = traces(&giant).into_values().next().unwrap();
    assert_eq!(trace.len(), 25_000);
    assert!(trace.iter().all(|span| span.start_time_unix_nano <= span.end_time_unix_nano));
}

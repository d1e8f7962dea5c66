//! Counts the heap allocations of decoding a PostSpans request; alone in its process, so that no other test counts along.

use std::alloc::System;

use bytes::Bytes;
use prost::Message;
use spoor_proto::convert::jaeger_v2::decode_post_spans;
use spoor_proto::jaeger::api_v2::{Batch, KeyValue, Log, PostSpansRequest, Process, Span, SpanRef};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SPANS: usize = 2_000;

fn tag(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), v_str: value.to_owned(), ..KeyValue::default() }
}

fn request() -> Bytes {
    let id = |length: usize| Bytes::from(vec![7; length]);
    let span = Span {
        trace_id: id(16),
        span_id: id(8),
        operation_name: "GET /orders".to_owned(),
        references: vec![SpanRef { trace_id: id(16), span_id: id(8), ref_type: 0 }],
        tags: vec![tag("span.kind", "server"), tag("http.route", "/orders"), tag("otel.scope.name", "axum")],
        logs: vec![Log { timestamp: None, fields: vec![tag("event", "retry"), tag("attempt", "2")] }],
        ..Span::default()
    };
    let process = Process { service_name: "shop".to_owned(), tags: vec![tag("host", "h1")] };
    let batch = Batch { spans: vec![span; SPANS], process: Some(process) };
    PostSpansRequest { batch: Some(batch) }.encode_to_vec().into()
}

#[test]
fn decoding_allocates_for_tables_and_not_for_spans() {
    let body = request();
    let region = Region::new(ALLOCATOR);
    let batch = decode_post_spans(body).expect("a valid request");
    let counted = region.change();
    assert_eq!(batch.len(), SPANS);
    let allocations = counted.allocations + counted.reallocations;
    assert!(allocations * 20 <= SPANS, "{allocations} allocations for {SPANS} spans");
}

//! Counts the heap allocations of decoding Zipkin's v2 requests; alone in its process, so that no other test counts along.

#[path = "../examples/bench_zipkin/encode.rs"]
mod encode;

use std::alloc::System;

use bytes::Bytes;
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::{SpanBatch, UnixNanos};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::convert::zipkin::{decode_v2_json, decode_v2_proto};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TIME: UnixNanos = UnixNanos(1_760_000_000_000_000_000);

fn allocations(body: Vec<u8>, decode: impl Fn(Bytes) -> SpanBatch) -> (usize, usize) {
    let body = Bytes::from(body);
    let region = Region::new(ALLOCATOR);
    let batch = decode(body);
    let counted = region.change();
    (counted.allocations + counted.reallocations, batch.len())
}

#[test]
fn decoding_allocates_for_tables_and_not_for_spans() {
    let config = GenerateConfig::default().with_spans(4_096);
    let requests = Requests::new(&config, TIME, Protocol::OtlpGrpc);
    for batch in requests.map(|request| decode_export_request(request.body).expect("valid")) {
        let json = allocations(encode::json(&batch), |body| decode_v2_json(&body).expect("valid"));
        let proto = allocations(encode::proto(&batch), |body| decode_v2_proto(body, false).expect("valid"));
        for (allocations, spans) in [json, proto] {
            assert_eq!(spans, batch.len());
            // Tables that grow by doubling; a request has some 500 spans.
            assert!(allocations <= 120, "{allocations} allocations for {spans} spans");
        }
    }
}

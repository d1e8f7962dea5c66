//! Benchmark `decode_allocations_per_span`: heap allocations (growing a table counts as one) while OTLP protobuf is decoded.
//! Apart from `bench_decode`, because counting slows every allocation and would flatter the ratio measured there.
//! Run: `cargo run --release -q -p spoor-proto --example bench_decode_allocations`; one JSON line on stdout.

use std::alloc::System;

use bytes::Bytes;
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::UnixNanos;
use spoor_proto::convert::otlp::decode_export_request;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SPANS: u64 = 32_768;
const BASE_TIME: UnixNanos = UnixNanos(1_760_000_000_000_000_000);

fn main() {
    let config = GenerateConfig::default().with_spans(SPANS);
    let bodies: Vec<Bytes> =
        Requests::new(&config, BASE_TIME, Protocol::OtlpGrpc).map(|request| request.body).collect();
    let mut allocations = 0;
    for body in &bodies {
        let body = body.clone();
        let region = Region::new(ALLOCATOR);
        let batch = decode_export_request(body).expect("the generator's requests are valid");
        let counted = region.change();
        allocations += counted.allocations + counted.reallocations;
        drop(batch);
    }
    println!(
        "{{\"figure\":\"decode_allocations_per_span\",\"value\":{:.4},\"unit\":\"allocations\",\"bar\":0.05,\"spans\":{SPANS},\
         \"method\":\"allocations and reallocations counted by the global allocator over {} requests of the generator\"}}",
        f64::from(u32::try_from(allocations).unwrap_or(u32::MAX))
            / f64::from(u32::try_from(SPANS).expect("small")),
        bodies.len(),
    );
}

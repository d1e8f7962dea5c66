//! Benchmark `decode`, Zipkin's part: requests of v2 in JSON and in protobuf, and of v1 in JSON and in Thrift, to the model. The
//! generator's spans are written as OpenTelemetry's exporters write them, so that each span repeats its resource. CPU time of the process, medians of rounds.
//! Run: `cargo run --release -q -p spoor-proto --example bench_zipkin`; each figure is one JSON line on stdout.

mod encode;
mod v1;

use std::time::Duration;

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::{SpanBatch, UnixNanos};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::convert::zipkin::{decode_v1_json, decode_v1_thrift, decode_v2_json, decode_v2_proto};

const SPANS: u64 = 32_768;
const ROUNDS: usize = 21;
const BASE_TIME: UnixNanos = UnixNanos(1_760_000_000_000_000_000);

fn main() {
    let config = GenerateConfig::default().with_spans(SPANS);
    let requests = Requests::new(&config, BASE_TIME, Protocol::OtlpGrpc);
    let batches: Vec<SpanBatch> =
        requests.map(|request| decode_export_request(request.body).expect("valid")).collect();
    // The allocator keeps what it has got from the system once it has seen something large, as in a server.
    drop(std::hint::black_box(vec![1_u8; 16 << 20]));
    let json = |body: Bytes| decode_v2_json(&body).expect("valid");
    let proto = |body: Bytes| decode_v2_proto(body, false).expect("valid");
    measure("zipkin_v2_json_decode", batches.iter().map(encode::json), json);
    measure("zipkin_v2_proto_decode", batches.iter().map(encode::proto), proto);
    let json = |body: Bytes| decode_v1_json(&body, BASE_TIME).expect("valid");
    let thrift = |body: Bytes| decode_v1_thrift(body, BASE_TIME).expect("valid");
    measure("zipkin_v1_json_decode", batches.iter().map(v1::json), json);
    measure("zipkin_v1_thrift_decode", batches.iter().map(v1::thrift), thrift);
}

fn measure(figure: &str, bodies: impl Iterator<Item = Vec<u8>>, decode: impl Fn(Bytes) -> SpanBatch) {
    let bodies: Vec<Bytes> = bodies.map(Bytes::from).collect();
    let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| cpu_time(&bodies, &decode)).collect();
    rounds.sort_unstable();
    let per_span = rounds[ROUNDS / 2].as_nanos() / u128::from(SPANS);
    let bytes: usize = bodies.iter().map(Bytes::len).sum();
    println!(
        "{{\"figure\":\"{figure}\",\"value\":{per_span},\"unit\":\"ns a span\",\"spans\":{SPANS},\
         \"method\":\"CPU time, median of {ROUNDS} rounds over {} requests of the generator's spans, {bytes} bytes, allocator warm\"}}",
        bodies.len(),
    );
}

/// CPU time that `decode` takes for all bodies, without dropping what it makes.
fn cpu_time(bodies: &[Bytes], decode: impl Fn(Bytes) -> SpanBatch) -> Duration {
    let mut total = Duration::ZERO;
    for body in bodies {
        // A receiver has just written the body, so it lies in the caches.
        let body = Bytes::copy_from_slice(body);
        let before = now();
        let decoded = decode(body);
        total += now().saturating_sub(before);
        drop(decoded);
    }
    total
}

/// CPU time of this process so far.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("CPU time is not negative")
}

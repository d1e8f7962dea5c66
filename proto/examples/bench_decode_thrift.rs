//! Benchmark of Jaeger's Thrift: from the bytes to a `SpanBatch`, in nanoseconds of CPU time a span.
//! As datagrams to an agent, compact and binary, of the committed generator: a few spans each, so that what a batch costs besides its spans
//! weighs in; and as bodies of the binary protocol by HTTP, of 512 spans of one process.
//! Run: `cargo run --release -q -p spoor-proto --example bench_decode_thrift`; each figure is one JSON line on stdout.

use std::time::Duration;

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::{SpanBatch, UnixNanos};
use spoor_proto::convert::jaeger_thrift::{ThriftProtocol, decode_agent_message, decode_batch};

const SPANS: u64 = 32_768;
const ROUNDS: usize = 21;
const BASE_TIME: UnixNanos = UnixNanos(1_760_000_000_000_000_000);

fn main() {
    // The allocator keeps what it has got from the system once it has seen something large, as in a server that has run
    // for a while; else page faults at its thresholds decide the figure.
    drop(std::hint::black_box(vec![1_u8; 16 << 20]));
    let datagram = |protocol| {
        move |body| decode_agent_message(protocol, body).expect("the generator's datagrams are valid").spans
    };
    let one = std::num::NonZeroU32::MIN;
    let many = GenerateConfig::default();
    let one_process = GenerateConfig { services: one, instances: one, ..GenerateConfig::default() };
    measure("thrift_compact_decode", &many, Protocol::JaegerCompact, datagram(ThriftProtocol::Compact));
    measure("thrift_binary_decode", &many, Protocol::JaegerBinary, datagram(ThriftProtocol::Binary));
    measure("thrift_http_decode", &one_process, Protocol::JaegerHttp, |body| {
        decode_batch(body).expect("the generator's bodies are valid")
    });
}

fn measure(figure: &str, config: &GenerateConfig, protocol: Protocol, decode: impl Fn(Bytes) -> SpanBatch) {
    let config = config.clone().with_spans(SPANS);
    let bodies: Vec<Bytes> =
        Requests::new(&config, BASE_TIME, protocol).map(|request| request.body).collect();
    let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| round(&bodies, &decode)).collect();
    rounds.sort_unstable();
    let (median, bytes) = (rounds[ROUNDS / 2], bodies.iter().map(Bytes::len).sum::<usize>());
    println!(
        "{{\"figure\":\"{figure}_ns_per_span\",\"value\":{:.0},\"unit\":\"ns\",\"bar\":null,\"spans\":{SPANS},\
         \"method\":\"CPU time, median of {ROUNDS} rounds over {} bodies of the generator, {bytes} bytes, allocator warm\"}}",
        median.as_secs_f64() * 1e9 / f64::from(u32::try_from(SPANS).expect("few")),
        bodies.len(),
    );
}

/// CPU time that decoding all bodies takes, without dropping what it makes.
fn round(bodies: &[Bytes], decode: impl Fn(Bytes) -> SpanBatch) -> Duration {
    // A receiver has just written its bodies, so they lie in the caches. Small ones are taken together: the clock costs time, too.
    let at_a_time = if bodies.len() > 1_000 { 100 } else { 1 };
    let mut total = Duration::ZERO;
    for bodies in bodies.chunks(at_a_time) {
        let bodies: Vec<Bytes> = bodies.iter().map(|body| Bytes::copy_from_slice(body)).collect();
        let mut decoded = Vec::with_capacity(bodies.len());
        let before = now();
        decoded.extend(bodies.into_iter().map(&decode));
        total += now().saturating_sub(before);
        drop(decoded);
    }
    total
}

/// CPU time of this process so far.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("CPU time is not negative")
}

//! Benchmark `decode_ratio`: our decoding of OTLP protobuf against prost's of the same bytes, in one run.
//! The committed generator makes the requests; both decoders take turns over all of them, round by round; CPU time of the
//! process; the figure is the ratio of the medians of the rounds. Dropping the results counts for neither.
//! Run: `cargo run --release -q -p spoor-proto --example bench_decode`; each figure is one JSON line on stdout.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rustix::time::{ClockId, clock_gettime};
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::UnixNanos;
use spoor_proto::convert::otlp::decode_export_request;

const SPANS: u64 = 32_768;
const ROUNDS: usize = 41;
const BASE_TIME: UnixNanos = UnixNanos(1_760_000_000_000_000_000);

fn main() {
    let config = GenerateConfig::default().with_spans(SPANS);
    let bodies: Vec<Bytes> =
        Requests::new(&config, BASE_TIME, Protocol::OtlpGrpc).map(|request| request.body).collect();
    let ours = |body| decode_export_request(body).expect("the generator's requests are valid");
    let prost =
        |body: Bytes| ExportTraceServiceRequest::decode(body).expect("the generator's requests are valid");
    // The allocator keeps what it has got from the system once it has seen something large, as in a server that has run
    // for a while; else page faults at its thresholds decide the figure.
    drop(std::hint::black_box(vec![1_u8; 16 << 20]));
    let mut rounds = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Whoever goes second finds warmer caches, so they change places.
        if round % 2 == 0 {
            rounds.0.push(cpu_time(&bodies, ours));
        }
        rounds.1.push(cpu_time(&bodies, prost));
        if round % 2 == 1 {
            rounds.0.push(cpu_time(&bodies, ours));
        }
    }
    report(median(rounds.0), median(rounds.1), &bodies);
}

/// CPU time that `decode` takes for all bodies, without dropping what it makes.
fn cpu_time<T>(bodies: &[Bytes], decode: impl Fn(Bytes) -> T) -> Duration {
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

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

fn report(ours: Duration, prost: Duration, bodies: &[Bytes]) {
    let bytes: usize = bodies.iter().map(Bytes::len).sum();
    let per_span = |time: Duration| time.as_nanos() / u128::from(SPANS);
    println!(
        "{{\"figure\":\"decode_ratio\",\"value\":{:.3},\"unit\":\"x prost\",\"bar\":0.35,\"spans\":{SPANS},\
         \"method\":\"CPU time, ratio of the medians of {ROUNDS} alternating rounds over {} requests of the generator, {bytes} bytes, allocator warm; \
         {} ns a span, prost {} ns\"}}",
        ours.as_secs_f64() / prost.as_secs_f64(),
        bodies.len(),
        per_span(ours),
        per_span(prost),
    );
}

//! Benchmark `query_json_ratio`: traces to API v1's JSON, against serde_json writing the same answer, in one run.
//! The generator's traces, decoded, 20 to an answer as a search has them; both take turns over all of them, round by round; CPU time of the
//! process; the figure is the ratio of the medians of the rounds. serde_json gets its answer ready made (structs with texts of their own):
//! only writing counts, into a buffer that is large enough from the first. Both answers are compared byte for byte before.
//! Run: `cargo xtask bench query_json`; the figure is one JSON line on stdout.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::{SpanBatch, TraceId, UnixNanos};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_query::traces_json;

#[path = "bench_query_json/answer.rs"]
mod answer;

use answer::Answer;

const SPANS: u64 = 32_768;
const TRACES_OF_AN_ANSWER: usize = 20;
const ROUNDS: usize = 41;
/// 2026-08-20, in the middle of the day.
const BASE_TIME: UnixNanos = UnixNanos(1_787_227_200_000_000_000);

fn main() {
    let traces = traces();
    let questions: Vec<&[SpanBatch]> = traces.chunks(TRACES_OF_AN_ANSWER).collect();
    let texts: Vec<Vec<u8>> = questions.iter().map(|traces| ours(traces).0).collect();
    let answers: Vec<Answer> = texts
        .iter()
        .map(|text| serde_json::from_slice(text).expect("what we write is what the structs say"))
        .collect();
    for (answer, text) in answers.iter().zip(&texts) {
        assert!(
            serde_json::to_vec(answer).expect("structs can be written") == *text,
            "both write the same answer"
        );
    }
    let (mut our_rounds, mut serde_rounds) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Whoever goes second finds warmer caches, so they change places.
        for turn in [round % 2, (round + 1) % 2] {
            match turn {
                0 => our_rounds.push(questions.iter().map(|traces| ours(traces).1).sum()),
                _ => serde_rounds
                    .push(answers.iter().zip(&texts).map(|(answer, text)| serde(answer, text.len())).sum()),
            }
        }
    }
    report(median(our_rounds), median(serde_rounds), texts.iter().map(Vec::len).sum(), questions.len());
}

/// The generator's spans, trace by trace.
fn traces() -> Vec<SpanBatch> {
    let config = GenerateConfig::default().with_spans(SPANS);
    let mut of_trace: BTreeMap<TraceId, Vec<SpanBatch>> = BTreeMap::new();
    for request in Requests::new(&config, BASE_TIME, Protocol::OtlpGrpc) {
        let batch = decode_export_request(request.body).expect("the generator's requests are valid");
        let mut places: BTreeMap<TraceId, Vec<usize>> = BTreeMap::new();
        for (place, span) in batch.spans().enumerate() {
            places.entry(span.trace_id()).or_default().push(place);
        }
        for (trace, places) in places {
            // A trace that a request's end has divided is two answers' worth of writing, too.
            of_trace.entry(trace).or_default().push(batch.compact(places));
        }
    }
    of_trace.into_values().flatten().collect()
}

/// The answer, and the time for writing it.
fn ours(traces: &[SpanBatch]) -> (Vec<u8>, Duration) {
    let traces = traces.to_vec();
    let before = now();
    let pieces: Vec<Bytes> = traces_json(traces).collect();
    let time = now().saturating_sub(before);
    (pieces.concat(), time)
}

fn serde(answer: &Answer, bytes: usize) -> Duration {
    let before = now();
    let mut text = Vec::with_capacity(bytes);
    serde_json::to_writer(&mut text, answer).expect("structs can be written");
    let time = now().saturating_sub(before);
    drop(std::hint::black_box(text));
    time
}

/// CPU time of this process so far.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("CPU time is not negative")
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

fn report(ours: Duration, serde: Duration, bytes: usize, answers: usize) {
    let per_span = |time: Duration| time.as_nanos() / u128::from(SPANS);
    println!(
        "{{\"figure\":\"query_json_ratio\",\"value\":{:.3},\"unit\":\"x serde_json\",\"bar\":0.333,\"spans\":{SPANS},\
         \"method\":\"CPU time, ratio of the medians of {ROUNDS} alternating rounds over {answers} answers of {TRACES_OF_AN_ANSWER} traces, {bytes} bytes of \
         JSON by API v1; {} ns a span, serde_json {} ns for ready-made structs\"}}",
        ours.as_secs_f64() / serde.as_secs_f64(),
        per_span(ours),
        per_span(serde),
    );
}

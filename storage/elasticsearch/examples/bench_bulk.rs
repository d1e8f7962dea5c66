//! Benchmark `bulk_ratio`: a batch of spans to a bulk body, against serde_json writing the same documents, in one run.
//! The generator's requests, decoded; both take turns over all of them, round by round; CPU time of the process; the figure is
//! the ratio of the medians of the rounds. serde_json gets its documents ready made (structs that borrow from the batch): only
//! writing them, their hashes and their action lines counts. Both bodies are compared byte for byte before.
//! Run: `cargo run --release -q -p spoor-storage-elasticsearch --example bench_bulk`; the figure is one JSON line on stdout.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::{SpanBatch, UnixNanos};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_storage_elasticsearch::{BulkEncoder, Config};

#[path = "bench_bulk/serde_documents.rs"]
mod serde_documents;

use serde_documents::{Document, build, write_body};

const SPANS: u64 = 32_768;
const ROUNDS: usize = 41;
/// 2026-08-20, in the middle of the day.
const BASE_TIME: UnixNanos = UnixNanos(1_787_227_200_000_000_000);

fn main() {
    let config = GenerateConfig::default().with_spans(SPANS);
    let batches: Vec<SpanBatch> = Requests::new(&config, BASE_TIME, Protocol::OtlpGrpc)
        .map(|request| decode_export_request(request.body).expect("the generator's requests are valid"))
        .collect();
    // The generator's moment is a fixed one, long ago.
    let mut unguarded = Config::default();
    unguarded.indices.span_window_past = Duration::ZERO;
    unguarded.indices.span_window_future = Duration::ZERO;
    let encoder = BulkEncoder::new(&unguarded).expect("the defaults can work");
    let ours = |batch: &SpanBatch| encoder.bulk_body(batch);
    let bytes = check_same(&batches, ours);
    drop(std::hint::black_box(vec![1_u8; 16 << 20]));
    let (mut our_rounds, mut serde_rounds, mut build_rounds) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Whoever goes second finds warmer caches, so they change places.
        if round % 2 == 0 {
            our_rounds.push(our_time(&batches, ours));
        }
        let (build, write) = serde_time(&batches);
        build_rounds.push(build);
        serde_rounds.push(write);
        if round % 2 == 1 {
            our_rounds.push(our_time(&batches, ours));
        }
    }
    report(median(our_rounds), median(serde_rounds), median(build_rounds), batches.len(), bytes);
    compare_layouts(&batches, &unguarded);
}

/// Every tag as a field of its own against the usual layout, in turns.
fn compare_layouts(batches: &[SpanBatch], config: &Config) {
    let mut as_fields = config.clone();
    as_fields.documents.tags_as_fields_all = true;
    let encoders =
        [config, &as_fields].map(|config| BulkEncoder::new(config).expect("the defaults can work"));
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for turn in [round % 2, (round + 1) % 2] {
            rounds[turn].push(our_time(batches, |batch| encoders[turn].bulk_body(batch)));
        }
    }
    let [usual, all] = rounds.map(median);
    println!(
        "{{\"figure\":\"bulk_all_fields_ratio\",\"value\":{:.3},\"unit\":\"x the default layout\",\"bar\":1.50,\"spans\":{SPANS},\
         \"method\":\"as bulk_ratio: documents with every tag as a field (--es.tags-as-fields.all) against documents of the default layout\"}}",
        all.as_secs_f64() / usual.as_secs_f64(),
    );
}

/// Both ways make the same bytes. Services are new in the first body and known in the second, which is compared.
fn check_same<B: AsRef<[u8]>>(batches: &[SpanBatch], ours: impl Fn(&SpanBatch) -> B) -> usize {
    let mut bytes = 0;
    for batch in batches {
        ours(batch);
        let mut body = Vec::new();
        write_body(&mut body, &build(batch));
        assert!(ours(batch).as_ref() == body, "both write the same documents");
        bytes += body.len();
    }
    bytes
}

fn our_time<B>(batches: &[SpanBatch], write: impl Fn(&SpanBatch) -> B) -> Duration {
    let mut total = Duration::ZERO;
    for batch in batches {
        let before = now();
        let body = write(batch);
        total += now().saturating_sub(before);
        drop(body);
    }
    total
}

/// Time for making the documents, and for writing them.
fn serde_time(batches: &[SpanBatch]) -> (Duration, Duration) {
    let (mut build_total, mut write_total) = (Duration::ZERO, Duration::ZERO);
    for batch in batches {
        let before = now();
        let documents: Vec<Document<'_>> = build(batch);
        let built = now();
        let mut body = Vec::with_capacity(batch.len() * 2_304);
        write_body(&mut body, &documents);
        write_total += now().saturating_sub(built);
        build_total += built.saturating_sub(before);
        drop(body);
    }
    (build_total, write_total)
}

/// CPU time of this process so far.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("CPU time is not negative")
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

fn report(ours: Duration, serde: Duration, build: Duration, requests: usize, bytes: usize) {
    let per_span = |time: Duration| time.as_nanos() / u128::from(SPANS);
    println!(
        "{{\"figure\":\"bulk_ratio\",\"value\":{:.3},\"unit\":\"x serde_json\",\"bar\":0.45,\"spans\":{SPANS},\
         \"method\":\"CPU time, ratio of the medians of {ROUNDS} alternating rounds over {requests} requests of the generator, {bytes} bytes of bulk body, \
         services known, allocator warm; {} ns a span, serde_json {} ns for ready-made documents (making them: {} ns, not counted)\"}}",
        ours.as_secs_f64() / serde.as_secs_f64(),
        per_span(ours),
        per_span(serde),
        per_span(build),
    );
}

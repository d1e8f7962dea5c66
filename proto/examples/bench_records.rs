//! Benchmark `records`: spans to Kafka records and back, ours against prost's messages of the same content, in one run.
//! Ours divides a batch by trace and writes keys and records; prost encodes messages that are divided and filled already,
//! so the ratio flatters prost. CPU time of the process, medians of alternating rounds; allocations are counted apart.
//! Run: `cargo run --release -q -p spoor-proto --example bench_records`; each figure is one JSON line on stdout.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use rustix::time::{ClockId, clock_gettime};
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::{SpanBatch, UnixNanos};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::jaeger::api_v2::Span;
use spoor_proto::record::{Encoding, RecordEncoder, RecordsDecoder};

const SPANS: u64 = 16_384;
const ROUNDS: usize = 21;
const BASE_TIME: UnixNanos = UnixNanos(1_760_000_000_000_000_000);
/// Records that an ingester may write to the store in one go, in bytes.
const BATCH_BYTES: usize = 2 << 20;

fn main() {
    let config = GenerateConfig::default().with_spans(SPANS);
    let requests = Requests::new(&config, BASE_TIME, Protocol::OtlpGrpc);
    let batches: Vec<SpanBatch> =
        requests.map(|request| decode_export_request(request.body).expect("valid")).collect();
    drop(black_box(vec![1_u8; 16 << 20]));
    for encoding in [Encoding::OtlpProto, Encoding::Protobuf, Encoding::Json, Encoding::OtlpJson] {
        let encoder = RecordEncoder::new(encoding, 1_000_000).expect("can be written");
        let records: Vec<Bytes> = batches
            .iter()
            .flat_map(|batch| encoder.encode(batch).records)
            .map(|record| record.value)
            .collect();
        match encoding {
            Encoding::OtlpProto => measure::<TracesData>(encoding, &encoder, &batches, &records),
            Encoding::Protobuf => measure::<Span>(encoding, &encoder, &batches, &records),
            _ => measure::<()>(encoding, &encoder, &batches, &records),
        }
    }
}

/// Encode and decode, beside prost's when `M` is the records' message (`()`: there is none).
fn measure<M: Message + Default>(
    encoding: Encoding,
    encoder: &RecordEncoder,
    batches: &[SpanBatch],
    records: &[Bytes],
) {
    let is_known = size_of::<M>() > 0;
    let messages: Vec<M> =
        records.iter().filter(|_| is_known).map(|record| M::decode(record.as_ref()).expect("ours")).collect();
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(cpu_time(|| batches.iter().map(|batch| encoder.encode(batch).records.len()).sum()));
        times[1].push(cpu_time(|| messages.iter().map(|message| message.encode_to_vec().len()).sum()));
        times[2].push(cpu_time(|| decode(encoding, records)));
        times[3].push(cpu_time(|| {
            let records = records.iter().filter(|_| is_known);
            records
                .map(|record| black_box(M::decode(record.as_ref()).expect("ours")).encoded_len().min(1))
                .sum()
        }));
    }
    let [encode, prost_encode, decode, prost_decode] = times.map(median);
    report("encode", encoding, encode, is_known.then_some(prost_encode), records);
    report("decode", encoding, decode, is_known.then_some(prost_decode), records);
}

fn decode(encoding: Encoding, records: &[Bytes]) -> usize {
    let mut spans = 0;
    let mut decoder = RecordsDecoder::new(Some(encoding));
    for record in records {
        decoder.push(record);
        if decoder.bytes() > BATCH_BYTES {
            let full = std::mem::replace(&mut decoder, RecordsDecoder::new(Some(encoding)));
            spans += full.finish().expect("small").batch.len();
        }
    }
    spans + decoder.finish().expect("small").batch.len()
}

fn cpu_time(work: impl FnOnce() -> usize) -> Duration {
    let before = now();
    black_box(work());
    now().saturating_sub(before)
}

/// CPU time of this process so far.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("CPU time is not negative")
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

fn report(what: &str, encoding: Encoding, ours: Duration, prost: Option<Duration>, records: &[Bytes]) {
    let bytes: usize = records.iter().map(Bytes::len).sum();
    let per_span = |time: Duration| time.as_nanos() / u128::from(SPANS);
    let versus = prost.map_or_else(String::new, |prost| {
        let ratio = ours.as_secs_f64() / prost.as_secs_f64();
        format!("; prost {} ns, ratio {ratio:.2}", per_span(prost))
    });
    println!(
        "{{\"figure\":\"records_{what}_{encoding}\",\"value\":{},\"unit\":\"ns a span\",\"spans\":{SPANS},\
         \"method\":\"CPU time, median of {ROUNDS} rounds, {} records of together {bytes} bytes{versus}\"}}",
        per_span(ours),
        records.len(),
    );
}

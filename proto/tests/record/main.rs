//! Claims about the encodings of Kafka records, through the crate's public face.

mod golden;
mod hostile;
mod otlp_by_hand;
mod round_trip;
mod splitting;
mod zipkin;

use bytes::Bytes;
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::{SpanBatch, UnixNanos};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::record::{DecodedRecords, EncodedRecords, Encoding, RecordEncoder, RecordsDecoder};

const WRITTEN: [Encoding; 4] = [Encoding::Protobuf, Encoding::Json, Encoding::OtlpProto, Encoding::OtlpJson];

/// Spans of the committed generator, several traces in one request.
fn generated(spans: u64) -> SpanBatch {
    let config = GenerateConfig::default().with_spans(spans);
    let base = UnixNanos(1_760_000_000_000_000_000);
    let body: Bytes = Requests::new(&config, base, Protocol::OtlpGrpc).next().expect("one request").body;
    decode_export_request(body).expect("the generator's requests are valid")
}

fn encode(batch: &SpanBatch, encoding: Encoding, max_record_bytes: usize) -> EncodedRecords {
    RecordEncoder::new(encoding, max_record_bytes).expect("can be written").encode(batch)
}

fn decode<'a>(encoding: Option<Encoding>, payloads: impl IntoIterator<Item = &'a [u8]>) -> DecodedRecords {
    let mut decoder = RecordsDecoder::new(encoding);
    for payload in payloads {
        decoder.push(payload);
    }
    decoder.finish().expect("small")
}

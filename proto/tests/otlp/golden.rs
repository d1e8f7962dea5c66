//! A golden request that has every field, in `testdata/otlp_every_field.binpb`, and what it says in `.txt` beside it.
//! The file was written by prost; `cargo test` compares, and never writes.

use std::fmt::Write;

use prost::Message;
use spoor_model::SpanBatch;
use spoor_proto::convert::otlp::{decode_export_request, decode_export_request_json};

const REQUEST: &[u8] = include_bytes!("../../testdata/otlp_every_field.binpb");
const TEXT: &str = include_str!("../../testdata/otlp_every_field.txt");
const JSON: &str = include_str!("../../testdata/otlp_every_field.json");

fn described(batch: &SpanBatch) -> String {
    let mut out = String::new();
    for span in batch.spans() {
        writeln!(out, "{span:#?}").expect("memory");
    }
    out
}

#[test]
fn every_field_of_the_golden_request_is_read() {
    let batch = decode_export_request(REQUEST.into()).expect("valid");
    assert_eq!(described(&batch), TEXT);
}

#[test]
fn the_golden_request_in_json_says_the_same() {
    let batch = decode_export_request_json(JSON.as_bytes()).expect("valid");
    assert_eq!(described(&batch), TEXT);
}

#[test]
fn the_golden_request_is_what_prost_makes_of_its_json() {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    let request: ExportTraceServiceRequest = serde_json::from_str(JSON).expect("valid");
    assert_eq!(request.encode_to_vec(), REQUEST);
}

#[test]
fn refuses_the_golden_request_cut_short_at_any_byte() {
    assert_eq!(decode_export_request(bytes::Bytes::new()).expect("an empty request").len(), 0);
    for length in 1..REQUEST.len() {
        assert!(decode_export_request(REQUEST[..length].into()).is_err(), "{length} bytes");
    }
    for length in 0..JSON.trim_end().len() {
        assert!(decode_export_request_json(&JSON.as_bytes()[..length]).is_err(), "{length} bytes");
    }
}

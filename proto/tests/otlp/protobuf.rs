//! The protobuf walk against prost: every field, every order of fields, and bytes that are no longer what they were.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::error::Problem;

use crate::arbitrary::{busy_requests, requests};
use crate::oracle::{assert_same, model_of};
use crate::shuffle::{Kind, shuffled};

proptest! {
    #[test]
    fn reads_every_field_as_prost_does(request in requests()) {
        let batch = decode_export_request(request.encode_to_vec().into()).expect("prost wrote it");
        assert_same(&batch, &model_of(&request));
        prop_assert_eq!(batch.repaired_texts(), 0);
        for span in batch.spans() {
            prop_assert!(span.encoded().is_some() || span.row().encoded.is_empty());
        }
    }

    #[test]
    fn reads_any_order_of_fields_and_messages_in_pieces_as_prost_does(request in requests(), seed in any::<u64>()) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let body = shuffled(Kind::Request, &request.encode_to_vec(), &mut rng);
        let request = ExportTraceServiceRequest::decode(&*body).expect("still valid");
        let batch = decode_export_request(body.into()).expect("still valid");
        assert_same(&batch, &model_of(&request));
    }

    #[test]
    fn judges_mutated_bytes_as_prost_does(request in busy_requests(), changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4)) {
        let mut body = request.encode_to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        judge(&body.into());
    }

    #[test]
    fn judges_spliced_bytes_as_prost_does(request in busy_requests(), from in any::<Index>(), to in any::<Index>(), length in 0..40_usize) {
        let body = request.encode_to_vec();
        let from = from.index(body.len());
        let to = to.index(body.len());
        let piece = &body[from..body.len().min(from + length)];
        judge(&[&body[..to], piece, &body[to..]].concat().into());
        judge(&body[..to].to_vec().into());
    }

    #[test]
    fn judges_random_bytes_as_prost_does(bytes in prop::collection::vec(prop_oneof![Just(0x0a), Just(0x12), 0..0x20_u8, any::<u8>()], 0..200)) {
        judge(&bytes.into());
    }
}

/// Both take it and read the same, or neither takes it; but for the differences that are meant.
fn judge(body: &Bytes) {
    let ours = decode_export_request(body.clone());
    let theirs = ExportTraceServiceRequest::decode(body.clone());
    match (ours, theirs) {
        (Ok(batch), Ok(request)) => {
            // Indices into a table of strings belong to another signal; to us they are unknown fields.
            if !format!("{request:?}").contains("Strindex(") {
                assert_same(&batch, &model_of(&request));
            }
            assert!(batch.memory_bytes() <= 16 * body.len() + (4 << 20));
        }
        (Ok(batch), Err(error)) => {
            let words = error.to_string();
            let index = words.contains("AnyValue.value") && words.ends_with("(expected Varint)");
            let unknown_to_us = index || ["entity_refs", "strindex"].iter().any(|part| words.contains(part));
            assert!(batch.repaired_texts() > 0 || unknown_to_us, "prost refuses: {words}");
        }
        (Err(error), Ok(_)) => {
            assert!(matches!(error.problem(), Problem::Length { .. }), "prost takes it: {error}");
            assert!(error.to_string().contains("_id"), "{error}");
        }
        (Err(_), Err(_)) => {}
    }
}

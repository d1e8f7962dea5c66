//! Bytes from anywhere: never a panic, and never at the cost of other records.

use proptest::collection::vec;
use proptest::prelude::*;
use spoor_proto::record::{Encoding, RecordError};

use crate::{WRITTEN, decode, encode, generated};

#[test]
fn a_bad_record_costs_the_good_ones_nothing() {
    let batch = generated(60);
    for encoding in WRITTEN {
        let records = encode(&batch, encoding, usize::MAX);
        let good: Vec<&[u8]> = records.records.iter().map(|record| record.value.as_ref()).collect();
        let alone = decode(Some(encoding), good.iter().copied());
        // A truncated one between all, and one of no bytes.
        let cut = &good[0][..good[0].len() - 3];
        let mixed = good.iter().flat_map(|payload| [*payload, cut, b""]);
        let found = decode(Some(encoding), mixed);
        assert_eq!(format!("{:?}", found.batch), format!("{:?}", alone.batch), "{encoding}");
        for three in found.records.chunks(3) {
            assert!(three[0].is_ok());
            assert!(matches!(three[1], Err(RecordError::Malformed { .. })), "{encoding}: {:?}", three[1]);
            assert!(matches!(three[2], Err(RecordError::Empty)));
        }
        let resources = (found.batch.resources().len(), alone.batch.resources().len());
        assert_eq!(resources.0, resources.1, "{encoding}: rows of failed records are gone");
    }
}

#[test]
fn an_error_counts_bytes_from_its_own_record_and_says_what_the_record_looks_like() {
    let batch = generated(20);
    let jaeger = encode(&batch, Encoding::Protobuf, usize::MAX).records[0].value.clone();
    let otlp = encode(&batch, Encoding::OtlpProto, usize::MAX).records[0].value.clone();
    let found = decode(Some(Encoding::Protobuf), [jaeger.as_ref(), otlp.as_ref()]);
    let Err(RecordError::Malformed { error, looks_like, .. }) = &found.records[1] else {
        panic!("{:?}", found.records)
    };
    assert_eq!(*looks_like, Some(Encoding::OtlpProto));
    assert!(error.offset() < 10, "{error}");
    let text = found.records[1].as_ref().expect_err("an error").to_string();
    assert!(text.starts_with("as protobuf: cannot decode Span.trace_id at byte"), "{text}");
    assert!(text.ends_with("(it looks like otlp_proto)"), "{text}");
}

#[test]
fn a_record_of_another_encoding_never_passes_as_one_without_spans() {
    let batch = generated(20);
    for written in WRITTEN {
        let payload = encode(&batch, written, usize::MAX).records[0].value.clone();
        for read in WRITTEN.into_iter().filter(|read| *read != written) {
            let found = decode(Some(read), [payload.as_ref()]);
            // Jaeger's JSON ignores unknown names, so that OTLP's JSON is a span of zeros to it, which normalizing refuses.
            let is_nameless = (written, read) == (Encoding::OtlpJson, Encoding::Json);
            assert_eq!(found.records[0].is_ok(), is_nameless, "{written} read as {read}");
        }
    }
}

#[test]
fn a_record_like_nothing_known_is_not_recognized() {
    let found = decode(None, [&b"hello"[..], b""]);
    assert!(matches!(found.records[0], Err(RecordError::Unrecognized)));
    assert!(matches!(found.records[1], Err(RecordError::Empty)));
}

#[test]
fn a_record_of_empty_messages_is_bounded_in_its_rows() {
    // 200 KiB of empty spans in one scope would be 40 MB of rows.
    let spans = b"\x12\x00".repeat(100_000);
    let mut payload = Vec::new();
    let mut writer = spoor_proto::wire::Writer::new(&mut payload);
    writer.message(1, |writer| writer.bytes(2, &spans));
    let found = decode(Some(Encoding::OtlpProto), [payload.as_slice()]);
    assert!(matches!(found.records[0], Err(RecordError::Malformed { .. })), "{:?}", found.records);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(payloads in vec(vec(any::<u8>(), 0..200), 0..5)) {
        for encoding in Encoding::ALL.into_iter().map(Some).chain([None]) {
            let found = decode(encoding, payloads.iter().map(Vec::as_slice));
            prop_assert_eq!(found.records.len(), payloads.len());
            let spans: usize = found.records.iter().flatten().map(|range| range.len()).sum();
            prop_assert_eq!(spans, found.batch.len());
        }
    }

    #[test]
    fn changed_and_cut_records_never_panic(seed in any::<u64>()) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let batch = generated(8);
        for encoding in WRITTEN {
            let mut payload = encode(&batch, encoding, usize::MAX).records[0].value.to_vec();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..payload.len());
                payload[at] = rng.u8(..);
            }
            payload.truncate(rng.usize(..=payload.len()));
            for read in [Some(encoding), None] {
                let found = decode(read, [payload.as_slice()]);
                // Whatever was read can also be looked at.
                let shown = format!("{:?}", found.batch);
                prop_assert!(shown.len() > 1);
            }
        }
    }
}

//! What is written is read again as the same spans.

use proptest::prelude::*;
use prost::Message;
use spoor_model::jaeger::{ErrorTags, leading_tags, references, trailing_tags, warnings};
use spoor_model::{SpanBatch, SpanView};
use spoor_proto::convert::jaeger_v2::{Process, encode_span};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::record::{EncodedRecords, Encoding};

use crate::{WRITTEN, decode, encode, generated};

#[path = "../otlp/arbitrary.rs"]
#[expect(dead_code, reason = "empty requests are of no use here")]
mod arbitrary;

/// All that Jaeger sees of a span.
fn jaeger_view(span: SpanView<'_>) -> String {
    let texts = |tags: &mut dyn Iterator<Item = (String, String)>| tags.collect::<Vec<_>>();
    let plain = |attributes: spoor_model::AttributesView<'_>| {
        let warnings = spoor_model::jaeger::WARNINGS;
        let tags = attributes.iter().filter(|tag| tag.key() != warnings);
        texts(&mut tags.map(|tag| (tag.key().to_owned(), shown(tag.value()))))
    };
    let derived = leading_tags(span).chain(trailing_tags(span, ErrorTags::StatusAndError));
    let logs: Vec<_> =
        span.events().map(|event| (event.time(), event.name(), plain(event.attributes()))).collect();
    format!(
        "{:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {:?}",
        (span.trace_id(), span.span_id(), span.name()),
        references(span).collect::<Vec<_>>(),
        texts(&mut derived.map(|(key, value)| (key.to_owned(), shown(value)))),
        plain(span.attributes()),
        span.row().jaeger_flags(),
        (span.start(), span.duration()),
        logs,
        span.resource().service(),
        span.resource().row().service.is_some(),
        plain(span.resource().attributes()),
        warnings(span),
    )
}

/// A value as Jaeger has it: no lists, no maps, nothing empty but text.
fn shown(value: spoor_model::ValueView<'_>) -> String {
    use spoor_model::ValueView as View;
    match value {
        View::Empty => "\"\"".to_owned(),
        View::List(_) | View::Map(_) => format!("{:?}", value.to_text()),
        // The text forms differ between NaNs, which JSON has only one of.
        View::Double(number) if number.is_nan() => "NaN".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The spans of the records, by their place in the first batch.
fn matched(records: &EncodedRecords, found: &SpanBatch) -> Vec<(usize, usize)> {
    let sources = records.records.iter().flat_map(|record| records.spans_of(record));
    let pairs: Vec<_> = sources.zip(0..).collect();
    assert_eq!(pairs.len(), found.len());
    pairs
}

fn read_again(batch: &SpanBatch, encoding: Encoding) -> (EncodedRecords, SpanBatch) {
    let records = encode(batch, encoding, usize::MAX);
    assert!(records.too_large.is_empty());
    let found = decode(Some(encoding), records.records.iter().map(|record| record.value.as_ref()));
    for (record, range) in records.records.iter().zip(&found.records) {
        let range = range.as_ref().expect("our own record");
        assert_eq!(range.len(), records.spans_of(record).len());
    }
    (records, found.batch)
}

#[test]
fn spans_of_the_generator_come_back_in_every_encoding_given_or_recognized() {
    let batch = generated(500);
    for encoding in WRITTEN {
        let (records, found) = read_again(&batch, encoding);
        for (source, target) in matched(&records, &found) {
            let (source, target) = (batch.span(source).expect("source"), found.span(target).expect("target"));
            assert_eq!(jaeger_view(source), jaeger_view(target), "{encoding}");
        }
        let recognized = decode(None, records.records.iter().map(|record| record.value.as_ref()));
        assert_eq!(format!("{:?}", recognized.batch), format!("{found:?}"), "{encoding}");
    }
}

#[test]
fn a_record_in_otlp_is_what_the_whole_batch_would_be_for_its_trace_alone() {
    let batch = generated(300);
    let records = encode(&batch, Encoding::OtlpProto, usize::MAX);
    assert!(records.records.len() > 1);
    for record in &records.records {
        let mut expected = Vec::new();
        spoor_proto::convert::otlp::encode_some_traces_data(&batch, records.spans_of(record), &mut expected);
        assert_eq!(record.value, expected);
    }
}

#[test]
fn equal_processes_of_neighbouring_protobuf_records_become_one_resource() {
    let batch = generated(500);
    let (_, found) = read_again(&batch, Encoding::Protobuf);
    assert!(found.resources().len() < found.len() / 2, "{} of {}", found.resources().len(), found.len());
}

#[test]
fn equal_processes_become_one_resource_however_far_apart_their_records_stand() {
    let batch = generated(500);
    let records = encode(&batch, Encoding::Protobuf, usize::MAX);
    // As records come out of many partitions.
    let apart = (0..50).flat_map(|first| records.records.iter().skip(first).step_by(50));
    let found = decode(Some(Encoding::Protobuf), apart.map(|record| &record.value[..])).batch;
    let (_, in_order) = read_again(&batch, Encoding::Protobuf);
    assert_eq!((found.len(), found.resources().len()), (in_order.len(), in_order.resources().len()));
    assert!(found.resources().len() > 50, "{}", found.resources().len());
}

#[test]
fn a_protobuf_record_is_the_span_with_its_process_whoever_stands_before_it() {
    let batch = generated(500);
    let records = encode(&batch, Encoding::Protobuf, usize::MAX);
    assert!(batch.resources().len() > 1);
    for record in &records.records {
        let index = records.spans_of(record).next().expect("one span");
        let mut alone = Vec::new();
        encode_span(&mut alone, batch.span(index).expect("in range"), Process::Embedded);
        assert_eq!(record.value, alone);
    }
}

proptest! {
    #[test]
    fn otlp_encodings_keep_every_span_as_it_is(request in arbitrary::busy_requests()) {
        let mut batch = decode_export_request(request.encode_to_vec().into()).expect("valid");
        for changed in [false, true] {
            if changed {
                for index in 0..batch.len() {
                    batch.span_row_mut(index);
                }
            }
            for encoding in [Encoding::OtlpProto, Encoding::OtlpJson] {
                let (records, found) = read_again(&batch, encoding);
                for (source, target) in matched(&records, &found) {
                    let (source, target) = (batch.span(source).expect("source"), found.span(target).expect("target"));
                    prop_assert_eq!(format!("{:?}", source), format!("{:?}", target), "{}", encoding);
                }
            }
        }
    }

    #[test]
    fn jaeger_json_says_what_jaeger_protobuf_says(request in arbitrary::busy_requests()) {
        let mut batch = decode_export_request(request.encode_to_vec().into()).expect("valid");
        for index in 0..batch.len() {
            // Go knows no durations beyond.
            let row = batch.span_row_mut(index).expect("in range");
            row.end.0 = row.end.0.min(row.start.0.saturating_add(i64::MAX.unsigned_abs()));
        }
        let (_, protobuf) = read_again(&batch, Encoding::Protobuf);
        let (_, json) = read_again(&batch, Encoding::Json);
        for (left, right) in protobuf.spans().zip(json.spans()) {
            prop_assert_eq!(jaeger_view(left), jaeger_view(right));
        }
    }
}

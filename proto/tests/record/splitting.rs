//! Which spans go into which record, and what does not fit.

use std::collections::HashSet;

use spoor_model::{ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId, ValueView};
use spoor_proto::record::{EncodedRecords, Encoding, RecordEncoder, TooLargeSpan};

use crate::{WRITTEN, decode, encode, generated};

/// Spans of one trace; the tag of the one at `large` has so many bytes.
fn one_trace(trace_id: TraceId, spans: usize, large: usize, bytes: usize) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let service = Some(builder.text("shop"));
    let resource = builder.push_resource(ResourceRow { service, ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    for index in 0..spans {
        let text = "x".repeat(if index == large { bytes } else { 10 });
        let attributes = builder.attributes([("body", ValueView::Str(&text))]);
        let span_id = SpanId(index as u64 + 1);
        builder.push_span(SpanRow { trace_id, span_id, scope, attributes, ..SpanRow::default() });
    }
    builder.finish().expect("small")
}

/// Positions of all spans in records, ascending.
fn positions(records: &EncodedRecords) -> Vec<usize> {
    let mut all: Vec<usize> = records.records.iter().flat_map(|record| records.spans_of(record)).collect();
    all.sort_unstable();
    all
}

#[test]
fn no_record_mixes_traces_and_every_span_is_in_one() {
    let batch = generated(400);
    for encoding in WRITTEN {
        let records = encode(&batch, encoding, 1_000_000);
        assert_eq!(positions(&records), (0..batch.len()).collect::<Vec<_>>(), "{encoding}");
        for record in &records.records {
            let traces: HashSet<_> =
                records.spans_of(record).map(|index| batch.span(index).expect("span").trace_id()).collect();
            let keys: Vec<_> = traces.iter().map(|id| id.to_jaeger_text()).collect();
            assert_eq!(keys, [std::str::from_utf8(&record.key).expect("hex")], "{encoding}");
        }
    }
}

#[test]
fn the_key_is_the_trace_id_as_jaeger_spells_it() {
    for (id, key) in [(0xab, "00000000000000ab"), (1 << 64 | 2, "00000000000000010000000000000002")] {
        for encoding in WRITTEN {
            let records = encode(&one_trace(TraceId(id), 1, 9, 0), encoding, 10_000);
            assert_eq!(records.records[0].key, key);
        }
    }
}

#[test]
fn a_trace_over_the_limit_is_divided_and_loses_nothing() {
    let batch = one_trace(TraceId(7), 50, 20, 300);
    for encoding in [Encoding::OtlpProto, Encoding::OtlpJson] {
        let limit = 700;
        let records = encode(&batch, encoding, limit);
        assert!(records.records.len() > 2 && records.records.len() < 50, "{encoding}");
        assert!(records.records.iter().all(|record| record.key.len() + record.value.len() <= limit));
        assert_eq!(positions(&records), (0..50).collect::<Vec<_>>());
        let found = decode(Some(encoding), records.records.iter().map(|record| record.value.as_ref()));
        assert_eq!(found.batch.len(), 50);
    }
}

#[test]
fn a_span_over_the_limit_is_named_with_its_size_and_the_others_go() {
    let batch = one_trace(TraceId(7), 9, 4, 5_000);
    for encoding in WRITTEN {
        let records = encode(&batch, encoding, 2_000);
        let [TooLargeSpan { span: 4, bytes }] = records.too_large[..] else {
            panic!("{:?}", records.too_large)
        };
        assert_eq!(positions(&records), [0, 1, 2, 3, 5, 6, 7, 8], "{encoding}");
        assert_eq!(encode(&batch, encoding, bytes).too_large, [], "{encoding}: fits exactly");
        let [TooLargeSpan { span: 4, .. }] = encode(&batch, encoding, bytes - 1).too_large[..] else {
            panic!("one byte less is too little")
        };
    }
}

#[test]
fn an_encoding_that_is_only_read_is_refused_where_the_encoder_is_made() {
    let error = RecordEncoder::new(Encoding::ZipkinThrift, 1).expect_err("read only");
    assert!(error.to_string().contains("zipkin-thrift"), "{error}");
}

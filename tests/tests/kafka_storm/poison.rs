//! Records that no store can take, and one that looks so and is fine.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
use prost::Message;
use spoor_load::SpanKey;
use spoor_model::{SpanId, TraceId};

/// Bytes of the tag that is only large.
const LARGE: usize = 900_000;

/// One of each kind of poison, in a topic of `otlp_proto`.
pub(super) fn records(random: &mut fastrand::Rng) -> Vec<Option<Vec<u8>>> {
    let whole = record(random.u128(1..), random.u64(1..), "cut", 8);
    let noise = (0..random.usize(20..200)).map(|_| random.u8(..)).collect::<Vec<u8>>();
    vec![
        // The first byte is the tag of a field that no message may have.
        Some([&[0x07][..], &noise].concat()),
        Some(Vec::new()),
        None,
        Some(whole[..whole.len() - random.usize(1..whole.len() / 2)].to_vec()),
        Some(br#"{"traceId":"AAAAAAAAAAAAAAAAAAAAAQ==","spanId":"AAAAAAAAAAE="}"#.to_vec()),
        Some(record(random.u128(1..), random.u64(1..), "short", 7)),
    ]
}

/// A span with a very large tag, which a store takes.
pub(super) fn large(random: &mut fastrand::Rng) -> (SpanKey, Vec<u8>) {
    let (trace_id, span_id) = (random.u128(1..), random.u64(1..));
    let payload = record(trace_id, span_id, &"x".repeat(LARGE), 8);
    ((TraceId(trace_id), SpanId(span_id)), payload)
}

fn record(trace_id: u128, span_id: u64, tag: &str, bytes_of_id: usize) -> Vec<u8> {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(tag.to_owned())) });
    let attribute = KeyValue { key: "tag".to_owned(), value, ..KeyValue::default() };
    let now = spoor_tests::traffic::now().0;
    let span = Span {
        trace_id: trace_id.to_be_bytes().to_vec(),
        span_id: span_id.to_be_bytes()[..bytes_of_id].to_vec(),
        name: "poison".to_owned(),
        start_time_unix_nano: now,
        end_time_unix_nano: now + 1_000,
        attributes: vec![attribute],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    TracesData { resource_spans }.encode_to_vec()
}

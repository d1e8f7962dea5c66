//! Bytes from anywhere: never a panic, and never memory out of proportion to the request.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use spoor_model::SpanBatch;
use spoor_proto::DecodeError;
use spoor_proto::convert::zipkin::{decode_v1_json, decode_v1_thrift, decode_v2_json, decode_v2_proto};

use crate::NOW;
use crate::golden::{v1_thrift, v2_proto};

const V2_JSON: &[u8] = include_bytes!("../../testdata/zipkin_v2_every_field.json");
const V1_JSON: &[u8] = include_bytes!("../../testdata/zipkin_v1_every_field.json");

fn all(body: &[u8]) -> [Result<SpanBatch, DecodeError>; 4] {
    let owned = Bytes::copy_from_slice(body);
    [
        decode_v2_json(body),
        decode_v2_proto(owned.clone(), false),
        decode_v1_json(body, NOW),
        decode_v1_thrift(owned, NOW),
    ]
}

/// Rows are charged at four times the bytes and 1 MiB; tables grow by doubling; texts of ours come on top.
fn assert_in_proportion(body: &[u8]) {
    for batch in all(body).into_iter().flatten() {
        let (memory, most) = (batch.memory_bytes(), 16 * body.len() + (4 << 20));
        assert!(memory <= most, "{memory} bytes for a request of {}", body.len());
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(body in vec(any::<u8>(), 0..400)) {
        assert_in_proportion(&body);
    }

    #[test]
    fn mutated_requests_never_panic(
        which in 0..4_usize,
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut body = [V2_JSON.to_vec(), v2_proto(), V1_JSON.to_vec(), v1_thrift()][which].clone();
        for (place, byte) in edits {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if cuts {
            body.truncate(cut.index(body.len()));
        }
        assert_in_proportion(&body);
    }
}

/// Looking through all of them for each of them would take minutes.
#[test]
fn a_tag_that_comes_many_thousand_times_is_read_in_one_pass() {
    let tags = vec![r#""otel.scope.name":"a""#; 300_000].join(",");
    let body = format!(r#"[{{"traceId":"1","id":"2","tags":{{{tags}}}}}]"#);
    let batch = decode_v2_json(body.as_bytes()).expect("a valid request");
    let span = batch.span(0).expect("a span");
    // What is left says that there was no start time.
    assert_eq!((span.scope().name(), span.attributes().len()), ("a", 1));
}

#[test]
fn a_flood_of_empty_spans_is_refused() {
    let spans = |one: &str| format!("[{}{one}]", format!("{one},").repeat(200_000));
    let error = decode_v2_json(spans(r#"{"id":"1"}"#).as_bytes()).expect_err("refused").to_string();
    assert!(error.contains("bytes of table rows"), "{error}");
    let error = decode_v2_proto(b"\x0a\x00".repeat(200_000).into(), false).expect_err("refused").to_string();
    assert!(error.contains("trace_id"), "{error}");
    let ids = b"\x0a\x14\x0a\x08\x01\x01\x01\x01\x01\x01\x01\x01\x1a\x08\x01\x01\x01\x01\x01\x01\x01\x01"
        .repeat(60_000);
    let error = decode_v2_proto(ids.into(), false).expect_err("refused").to_string();
    assert!(error.contains("bytes of table rows"), "{error}");
    let mut list = b"\x0c\x00\x03\x0d\x40".to_vec();
    list.extend(vec![0; 200_000]);
    let error = decode_v1_thrift(list.into(), NOW).expect_err("refused").to_string();
    assert!(error.contains("bytes of table rows"), "{error}");
}

#[test]
fn a_thrift_list_that_claims_more_than_there_is_is_refused() {
    let error = decode_v1_thrift(Bytes::from_static(b"\x0c\x7f\xff\xff\xff\x00"), NOW).expect_err("refused");
    assert!(error.to_string().starts_with("cannot decode list<Span>"), "{error}");
}

#[test]
fn depth_costs_nothing_where_nothing_is_known() {
    let deep =
        format!(r#"[{{"traceId":"1","id":"2","unknown":{}{}}}]"#, "[".repeat(500_000), "]".repeat(500_000));
    assert_eq!(decode_v2_json(deep.as_bytes()).expect("valid").len(), 1);
    let piped = format!("n|{{\\\"k\\\":{}{}}}|0", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(r#"[{{"traceId":"1","id":"2","annotations":[{{"timestamp":1,"value":"{piped}"}}]}}]"#);
    let batch = decode_v2_json(body.as_bytes()).expect("valid");
    let span = batch.spans().next().expect("a span");
    assert_eq!(span.events().count(), 1);
}

//! Claims about API v3's traces: every field of a rich trace, pieces, and that nothing is lost between traces.

use serde_json::Value;
use spoor_model::jaeger;
use spoor_proto::convert::otlp::decode_export_request_json;

use super::*;
use crate::fixture::plain_trace;
use crate::json::answer::tests::rich_trace;

fn text(answer: OtlpAnswer) -> String {
    String::from_utf8(answer.flat_map(|piece| piece.to_vec()).collect()).unwrap()
}

#[test]
fn every_field_is_where_otlp_readers_look_for_it() {
    let mut trace = rich_trace();
    jaeger::add_warning(&mut trace, 1, "a warning of ours");
    let answer = text(OtlpAnswer::new(vec![trace], Some("token".to_owned())));
    let golden = include_str!("golden_trace.json");
    let (answer, golden) = (answer.parse::<Value>().unwrap(), golden.parse::<Value>().unwrap());
    assert_eq!(answer, golden, "{answer:#}");
}

#[test]
fn traces_are_merged_into_one_document_that_says_what_they_say() {
    let traces = vec![plain_trace(1, 2), plain_trace(2, 3), SpanBatch::default(), plain_trace(3, 1)];
    let answer = text(OtlpAnswer::new(traces.clone(), None));
    let json: Value = answer.parse().unwrap();
    assert_eq!(json.as_object().unwrap().len(), 1, "no token without a further page");
    let read = decode_export_request_json(json["result"].to_string().as_bytes()).unwrap();
    let spans: Vec<_> = traces.iter().flat_map(SpanBatch::spans).collect();
    assert_eq!(read.spans().collect::<Vec<_>>(), spans);
}

#[test]
fn a_large_trace_leaves_in_pieces_of_bounded_size() {
    let pieces: Vec<_> = OtlpAnswer::new(vec![plain_trace(1, 20_000), plain_trace(2, 1)], None).collect();
    assert!(pieces.len() > 10);
    assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 4_096));
    let json: Value = serde_json::from_slice(&pieces.concat()).unwrap();
    let spans = |index: usize| {
        json["result"]["resourceSpans"][index]["scopeSpans"][0]["spans"].as_array().unwrap().len()
    };
    assert_eq!((spans(0), spans(1)), (20_000, 1));
}

#[test]
fn an_answer_without_traces_is_an_empty_list() {
    assert_eq!(text(OtlpAnswer::new(Vec::new(), None)), r#"{"result":{"resourceSpans":[]}}"#);
}

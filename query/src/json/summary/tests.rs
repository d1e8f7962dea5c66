//! Claims about summaries as JSON: zeros are left out, lists never are, and pieces are one document.

use serde_json::{Value, json};
use spoor_model::{RootSpan, TraceId};

use super::*;

fn text(summaries: Vec<TraceSummary>, token: Option<&str>) -> String {
    let answer = SummariesAnswer::new(summaries, token.map(str::to_owned));
    String::from_utf8(answer.flat_map(|piece| piece.to_vec()).collect()).unwrap()
}

fn service(name: &str, spans: u64, failed_spans: u64) -> ServiceSummary {
    ServiceSummary { service: name.to_owned(), spans, failed_spans }
}

/// A trace of which as little as possible is known.
fn bare(trace_id: u128) -> TraceSummary {
    TraceSummary {
        trace_id: TraceId(trace_id),
        root: None,
        start: UnixNanos::ZERO,
        end: UnixNanos::ZERO,
        spans: 1,
        failed_spans: 0,
        orphan_spans: None,
        services: Vec::new(),
    }
}

#[test]
fn a_summary_is_spelled_as_protobufs_json_spells_it() {
    let root = RootSpan { service: "shop \"1\"".to_owned(), operation: "GET /".to_owned() };
    let summary = TraceSummary {
        root: Some(root),
        start: UnixNanos(1_500_000_000_123_456_000),
        end: UnixNanos(u64::MAX),
        spans: 5_000_000_000,
        failed_spans: 2,
        orphan_spans: Some(1),
        services: vec![service("", 1, 0), service("shop \"1\"", 2, 2)],
        ..bare(0xa)
    };
    let found: Value = text(vec![summary], Some("next")).parse().unwrap();
    let expected = json!({
        "summaries": [{
            "traceId": "0000000000000000000000000000000a",
            "rootServiceName": "shop \"1\"",
            "rootOperationName": "GET /",
            "minStartTimeUnixNano": "1500000000123456000",
            "maxEndTimeUnixNano": "18446744073709551615",
            "spanCount": i32::MAX,
            "errorSpanCount": 2,
            "orphanSpanCount": 1,
            "services": [
                {"name": "", "spanCount": 1},
                {"name": "shop \"1\"", "spanCount": 2, "errorSpanCount": 2},
            ],
        }],
        "nextPageToken": "next",
    });
    assert_eq!(found, expected);
}

#[test]
fn lists_are_there_when_they_are_empty_and_zeros_are_not() {
    assert_eq!(text(Vec::new(), None), r#"{"summaries":[]}"#);
    let id = "00000000000000000000000000000001";
    assert_eq!(
        text(vec![bare(1)], None),
        format!(r#"{{"summaries":[{{"traceId":"{id}","spanCount":1,"services":[]}}]}}"#)
    );
}

#[test]
fn many_summaries_are_one_document_in_pieces() {
    let all: Vec<TraceSummary> = (1..3_000).map(bare).collect();
    let pieces: Vec<_> = SummariesAnswer::new(all, None).collect();
    assert!(pieces.len() > 2 && pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 1_000));
    let json: Value = serde_json::from_slice(&pieces.concat()).unwrap();
    let ids: Vec<_> =
        json["summaries"].as_array().unwrap().iter().map(|summary| &summary["traceId"]).collect();
    assert_eq!((ids.len(), ids[2_998].as_str()), (2_999, Some("00000000000000000000000000000bb7")));
}

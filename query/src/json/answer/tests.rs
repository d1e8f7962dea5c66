//! Claims about the JSON: every field of a rich trace, pieces, indentation, and that it is JSON whatever a span says.

use proptest::prelude::*;
use serde_json::Value;
use spoor_model::{
    EventRow, LinkRow, ReferenceKind, ResourceRow, Rows, ScopeRow, SpanBatchBuilder, SpanId, SpanKind,
    SpanRow, StatusCode, UnixNanos, ValueView, jaeger,
};

use super::*;
use crate::fixture::{SPAN, Span, batch, plain_trace};

fn text(answer: TracesAnswer) -> String {
    String::from_utf8(answer.flat_map(|piece| piece.to_vec()).collect()).unwrap()
}

fn parsed(traces: Vec<SpanBatch>) -> Value {
    serde_json::from_str(&text(TracesAnswer::new(traces, Vec::new(), false))).unwrap()
}

const WIDE: u128 = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;

/// A span with everything that a span can have, one with nothing, one of the first one's process.
pub(in crate::json) fn rich_trace() -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let service = Some(builder.text("shop \"1\""));
    let attributes =
        builder.attributes([("host.name", ValueView::Str("h\u{1}")), ("pid", ValueView::Int(7))]);
    let shop = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
    let nameless = builder.push_resource(ResourceRow::default());
    let same_again = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
    let (name, version) = (builder.text("lib"), builder.text("1.2"));
    let scope = builder.push_scope(ScopeRow { resource: shop, name, version, ..ScopeRow::default() });
    let plain = builder.push_scope(ScopeRow { resource: nameless, ..ScopeRow::default() });
    let again = builder.push_scope(ScopeRow { resource: same_again, ..ScopeRow::default() });
    let span = SpanRow {
        trace_id: TraceId(WIDE),
        start: UnixNanos(1_500_000_000_123_456_789),
        ..SpanRow::default()
    };
    let attributes = all_kinds_of_values(&mut builder);
    let (events, links) = (two_events(&mut builder), two_links(&mut builder));
    let name = builder.text("GET /ü");
    let (status_message, trace_state) = (builder.text("it broke"), builder.text("a=b"));
    builder.push_span(SpanRow {
        span_id: SpanId(0xabc),
        parent_span_id: SpanId(1),
        scope,
        name,
        kind: SpanKind::Server,
        status: StatusCode::Error,
        status_message,
        trace_state,
        flags: 3,
        end: UnixNanos(1_500_000_000_123_999_999),
        attributes,
        events,
        links,
        ..span
    });
    builder.push_span(SpanRow { span_id: SpanId(2), scope: plain, ..span });
    builder.push_span(SpanRow { span_id: SpanId(3), scope: again, status: StatusCode::Ok, ..span });
    builder.finish().unwrap()
}

fn all_kinds_of_values(builder: &mut SpanBatchBuilder) -> Rows {
    let list = builder.list([ValueView::Int(1), ValueView::Str("a\"b")]);
    let map = builder.map([("k", ValueView::Bool(false))]);
    let warned = builder.list([ValueView::Str("first"), ValueView::Str("second")]);
    let mark = builder.attributes_mark();
    for (key, value) in [
        ("text", ValueView::Str("line\nbreak")),
        ("yes", ValueView::Bool(true)),
        ("safe", ValueView::Int(-9_007_199_254_740_991)),
        ("unsafe", ValueView::Int(9_007_199_254_740_992)),
        ("double", ValueView::Double(1.5)),
        ("nan", ValueView::Double(f64::NAN)),
        ("less", ValueView::Double(f64::NEG_INFINITY)),
        ("bytes", ValueView::Bytes(&[0xff, 0x00])),
        ("nothing", ValueView::Empty),
    ] {
        let (key, value) = (builder.text(key), builder.value(value));
        builder.push_attribute(key, value);
    }
    for (key, value) in [("list", list), ("map", map), (jaeger::WARNINGS, warned)] {
        let key = builder.text(key);
        builder.push_attribute(key, value);
    }
    builder.attributes_since(mark)
}

fn two_events(builder: &mut SpanBatchBuilder) -> Rows {
    let name = builder.text("exception");
    let attributes = builder.attributes([("message", ValueView::Str("no"))]);
    let own = builder.attributes([("event", ValueView::Str("own"))]);
    let mark = builder.events_mark();
    let time = UnixNanos(1_500_000_000_123_500_000);
    builder.push_event(EventRow { time, name, attributes, ..EventRow::default() });
    builder.push_event(EventRow { time, name, attributes: own, ..EventRow::default() });
    builder.events_since(mark)
}

fn two_links(builder: &mut SpanBatchBuilder) -> Rows {
    let mark = builder.links_mark();
    let link = LinkRow { trace_id: TraceId(5), span_id: SpanId(6), ..LinkRow::default() };
    builder.push_link(link);
    builder.push_link(LinkRow { kind: ReferenceKind::ChildOf, span_id: SpanId(7), ..link });
    builder.links_since(mark)
}

#[test]
fn every_field_is_where_jaegers_ui_reads_it() {
    let errors = vec![
        AnswerError { code: None, message: "trace not found".to_owned(), trace_id: Some(TraceId(WIDE)) },
        AnswerError { code: Some(500), message: "a \"b\"".to_owned(), trace_id: None },
    ];
    let pretty = text(TracesAnswer::new(vec![rich_trace()], errors.clone(), true));
    assert_eq!(pretty, include_str!("golden_trace.json").trim_end());
    let compact = text(TracesAnswer::new(vec![rich_trace()], errors, false));
    assert_eq!(
        serde_json::from_str::<Value>(&compact).unwrap(),
        serde_json::from_str::<Value>(&pretty).unwrap()
    );
    assert!(!compact.contains('\n'));
}

#[test]
fn an_answer_without_traces_is_an_empty_list() {
    let empty = r#"{"data":[],"total":0,"limit":0,"offset":0,"errors":null}"#;
    assert_eq!(text(TracesAnswer::new(Vec::new(), Vec::new(), false)), empty);
    assert_eq!(
        text(TracesAnswer::new(vec![SpanBatch::default()], Vec::new(), false)),
        empty,
        "never an empty trace"
    );
}

#[test]
fn several_traces_stand_side_by_side() {
    let json = parsed(vec![plain_trace(1, 2), plain_trace(WIDE, 1)]);
    assert_eq!(json["data"][0]["traceID"], "0000000000000001");
    assert_eq!(json["data"][0]["spans"][1]["references"][0]["traceID"], "0000000000000001");
    assert_eq!(json["data"][1]["traceID"], "0102030405060708090a0b0c0d0e0f10");
    assert_eq!(json["data"].as_array().unwrap().len(), 2);
}

#[test]
fn a_large_trace_leaves_in_pieces_of_bounded_size() {
    let answer = TracesAnswer::new(vec![plain_trace(1, 20_000)], Vec::new(), false);
    let pieces: Vec<_> = answer.collect();
    assert!(pieces.len() > 10);
    assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 4_096));
    let json: Value = serde_json::from_slice(&pieces.concat()).unwrap();
    assert_eq!(json["data"][0]["spans"].as_array().unwrap().len(), 20_000);
}

#[test]
fn processes_are_numbered_by_first_appearance_and_equal_ones_share_a_key() {
    let (one, other) = (&[("a", ValueView::Int(1))][..], &[("a", ValueView::Int(2))][..]);
    let spans: Vec<Span<'_>> = [1, 0, 2, 3].into_iter().map(|resource| Span { resource, ..SPAN }).collect();
    let json = parsed(vec![batch(&[one, other, other, one], &spans)]);
    let trace = &json["data"][0];
    let ids: Vec<_> =
        trace["spans"].as_array().unwrap().iter().map(|span| span["processID"].as_str().unwrap()).collect();
    assert_eq!(ids, ["p1", "p2", "p1", "p2"]);
    assert_eq!(trace["processes"].as_object().unwrap().len(), 2);
    assert_eq!(trace["processes"]["p1"]["tags"][0]["value"], 2);
}

#[test]
fn lists_are_counted_in_the_envelope() {
    let list = list_answer(&["a", "b\""], false, |out, name| json::write_string(out, name.as_bytes()));
    assert_eq!(list, br#"{"data":["a","b\""],"total":2,"limit":0,"offset":0,"errors":null}"#);
    assert_eq!(null_answer(false), br#"{"data":null,"total":0,"limit":0,"offset":0,"errors":null}"#);
}

proptest! {
    #[test]
    fn indentation_is_the_same_however_the_document_is_cut(
        json in "[\\[\\]{}\",:a\\\\ 1]{0,60}", cut in 0usize..60
    ) {
        let whole = Pretty::whole(json.as_bytes());
        let (head, tail) = json.as_bytes().split_at(cut.min(json.len()));
        let (mut pretty, mut out) = (Pretty::default(), Vec::new());
        pretty.write(&mut out, head);
        pretty.write(&mut out, tail);
        prop_assert_eq!(out, whole);
    }

    #[test]
    fn whatever_spans_say_it_is_json_and_has_them_all(
        spans in prop::collection::vec((".{0,12}", any::<(u128, u64, u64, u64, u64, u32)>(), 0u32..3), 1..20),
        texts in prop::collection::vec((".{0,8}", ".{0,8}", any::<(i64, f64, bool)>(), any::<Vec<u8>>()), 3),
        pretty in any::<bool>(),
    ) {
        let tags: Vec<Vec<(&str, ValueView<'_>)>> = texts
            .iter()
            .map(|(key, text, (int, double, truth), bytes)| {
                let values = [
                    ValueView::Str(text), ValueView::Int(*int), ValueView::Double(*double), ValueView::Bool(*truth),
                    ValueView::Bytes(bytes), ValueView::Empty,
                ];
                values.map(|value| (key.as_str(), value)).to_vec()
            })
            .collect();
        let resources: Vec<&[_]> = tags.iter().map(Vec::as_slice).collect();
        let trace_id = spans[0].1.0;
        let events: Vec<_> = spans.iter().map(|(name, fields, _)| [(fields.3 / 1_000, name.as_str(), resources[1])]).collect();
        let links: Vec<_> = spans.iter().map(|(_, fields, _)| [(fields.0, fields.4, ReferenceKind::Link)]).collect();
        let made: Vec<Span<'_>> = spans
            .iter()
            .enumerate()
            .map(|(index, (name, (_, id, parent, start, duration, _), resource))| Span {
                trace: trace_id, id: *id, parent: *parent, name, start: start / 2_000, duration: duration / 2_000,
                resource: *resource, attributes: resources[0], events: &events[index], links: &links[index], ..SPAN
            })
            .collect();
        let trace = batch(&resources, &made);
        let json: Value = serde_json::from_str(&text(TracesAnswer::new(vec![trace], Vec::new(), pretty))).unwrap();
        let shown = json["data"][0]["spans"].as_array().unwrap();
        prop_assert_eq!(shown.len(), spans.len());
        for (shown, (name, (_, id, ..), _)) in shown.iter().zip(&spans) {
            prop_assert_eq!(shown["operationName"].as_str().unwrap(), name);
            prop_assert_eq!(shown["spanID"].as_str().unwrap(), format!("{id:016x}"));
            prop_assert_eq!(shown["tags"].as_array().unwrap().len(), 6);
            prop_assert!(json["data"][0]["processes"][shown["processID"].as_str().unwrap()].is_object());
            prop_assert!(shown["startTime"].is_u64() && shown["duration"].is_u64());
        }
    }
}

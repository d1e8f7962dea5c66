//! Claims about the bytes of compact documents, as the store gets them.

use spoor_model::{
    EventRow, LinkRow, ReferenceKind, ResourceRow, Rows, ScopeRow, SpanBatchBuilder, SpanId, SpanRow,
    TraceId, UnixNanos, ValueView,
};

use super::*;
use crate::filing::Belief;
use crate::index::IndexNames;

const START: UnixNanos = UnixNanos(1_787_184_000_123_456_789);

fn written(batch: &SpanBatch) -> Vec<String> {
    let names = IndexNames::new(&crate::IndexConfig::default()).unwrap();
    let mut writer = CompactWriter::new(batch, &names.compact, Belief::default().at(START, None));
    let mut out = Vec::new();
    batch.spans().for_each(|span| writer.write(&mut out, span));
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

fn event(builder: &mut SpanBatchBuilder) -> Rows {
    let attributes = builder.attributes([("k", ValueView::Double(72.5))]);
    let (mark, name) = (builder.events_mark(), builder.text("retry"));
    let time = UnixNanos(START.0 + 1_001);
    builder.push_event(EventRow { time, name, attributes, dropped_attributes: 0 });
    builder.events_since(mark)
}

fn link(builder: &mut SpanBatchBuilder) -> Rows {
    let attributes = builder.attributes([("why", ValueView::Str("batch"))]);
    let (mark, trace_state) = (builder.links_mark(), builder.text("a=1"));
    builder.push_link(LinkRow {
        trace_id: TraceId(1),
        span_id: SpanId(2),
        trace_state,
        attributes,
        flags: 3,
        kind: ReferenceKind::FollowsFrom,
        dropped_attributes: 5,
    });
    builder.links_since(mark)
}

fn full() -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let service = Some(builder.text("shop"));
    let attributes = builder.attributes([("host.name", ValueView::Str("h\"1"))]);
    let schema_url = builder.text("https://s/1");
    let resource =
        builder.push_resource(ResourceRow { service, attributes, schema_url, dropped_attributes: 4 });
    let (name, version) = (builder.text("lib"), builder.text("1.0"));
    let attributes = builder.attributes([("hot", ValueView::Bool(true))]);
    let scope = builder.push_scope(ScopeRow { resource, name, version, attributes, ..ScopeRow::default() });
    let (events, links) = (event(&mut builder), link(&mut builder));
    let attributes = builder.attributes([
        ("http.method", ValueView::Str("GET")),
        ("http.status_code", ValueView::Int(503)),
        ("delta", ValueView::Int(-17)),
        ("a=b", ValueView::Empty),
    ]);
    let row = SpanRow {
        trace_id: TraceId(0xabc),
        span_id: SpanId(0x12),
        parent_span_id: SpanId(0x11),
        scope,
        name: builder.text("GET /"),
        kind: SpanKind::Server,
        status: StatusCode::Error,
        status_message: builder.text("too late"),
        flags: 257,
        start: START,
        end: UnixNanos(START.0 + 1_500_999),
        attributes,
        events,
        links,
        dropped_links: 9,
        ..SpanRow::default()
    };
    builder.push_span(row);
    builder.finish().unwrap()
}

#[test]
fn a_span_with_everything_is_these_bytes() {
    let lines = written(&full());
    let document = concat!(
        r#"{"traceID":"00000000000000000000000000000abc","spanID":"0000000000000012","parentSpanID":"0000000000000011","#,
        r#""flags":257,"operationName":"GET /","startTime":1787184000123456,"startTimeMillis":1787184000123,"duration":1500,"#,
        r#""span":{"d":["span.kind=server","otel.status_code=ERROR","error?true","otel.status_description=too late"],"#,
        r#""a":["http.method=GET","http.status_code#d503","delta#-17","delta#X82:","a~=b!"],"#,
        r#""e":[["event=retry","k#c72.5"]],"t":[1001],"l":[["why=batch"]],"#,
        r#""r":[["00000000000000000000000000000001","0000000000000002",2,3,"a=1"]],"lo":[5],"n":[789,999],"o":[0,0,9]},"#,
        r#""scope":{"d":["otel.scope.name=lib","otel.scope.version=1.0"],"a":["hot?true"]},"#,
        r#""process":{"serviceName":"shop","a":["host.name=h\"1"],"u":"https://s/1","o":4}}"#,
    );
    assert_eq!(lines[1], document);
    assert_eq!(
        lines[0],
        format!(r#"{{"index":{{"_index":"spoor-span-2026-08-20","_id":"{}"}}}}"#, &lines[0][50..70])
    );
}

#[test]
fn the_id_follows_from_the_content_and_begins_with_the_second_of_the_start() {
    let batch = full();
    let again = written(&batch);
    assert_eq!(written(&batch), again);
    let mut other = batch;
    other.span_row_mut(0).unwrap().dropped_links = 8;
    let changed = written(&other);
    assert_ne!(changed[0], again[0]);
    let second = |line: &str| URL_SAFE_NO_PAD.decode(&line[50..70]).unwrap()[..4].to_vec();
    assert_eq!(second(&again[0]), second(&changed[0]));
    assert_eq!(second(&again[0]), 1_787_184_000_u32.to_be_bytes());
}

#[test]
fn a_text_too_long_to_be_indexed_has_its_hash_beside_it() {
    let mut batch = full();
    let long = "é".repeat(128);
    batch.add_span_attribute(0, "k", ValueView::Str(&long));
    let token = token::tokens_of("k", &long)[0].clone();
    assert!(token.starts_with('*') && token.len() == 33, "{token}");
    assert!(written(&batch)[1].contains(&format!("\"k={long}\",\"{token}\"]")), "{token}");
    let short = "x".repeat(254);
    assert_eq!(token::tokens_of("k", &short)[0], format!("k={short}"));
}

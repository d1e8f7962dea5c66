//! One span with everything that a span can have, as the store gets it in every form of documents: byte for byte as reviewed
//! (`tests/golden`). After a change that is meant, `SPOOR_REWRITE_GOLDEN=1` writes the files anew; documents that are already in stores
//! have the old form then, and a repeated span gets another id.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::Path;

use spoor_model::{
    EventRow, LinkRow, ReferenceKind, ResourceRow, Rows, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId,
    SpanKind, SpanRow, StatusCode, TraceId, UnixNanos, Value, ValueView,
};
use spoor_storage_elasticsearch::{BulkEncoder, Config, DocumentConfig, TagValues};

const START: UnixNanos = UnixNanos(1_787_227_200_123_456_789);

fn attributes_of_all_kinds(builder: &mut SpanBatchBuilder) -> Rows {
    let long = "at com.example.Shop.checkout(Shop.java:42) ".repeat(8);
    let mark = builder.attributes_mark();
    for (key, value) in [
        ("http.method", ValueView::Str("GET")),
        ("http.status_code", ValueView::Int(503)),
        ("sampled", ValueView::Bool(false)),
        ("ratio", ValueView::Double(1.0)),
        ("small", ValueView::Double(-1.5e-9)),
        ("not.a.number", ValueView::Double(f64::NAN)),
        ("endless", ValueView::Double(f64::NEG_INFINITY)),
        ("nothing", ValueView::Empty),
        ("", ValueView::Str("of no key")),
        ("user@host", ValueView::Str("é😀\n\u{1}")),
        ("twice", ValueView::Int(1)),
        ("twice", ValueView::Str("2")),
        ("stack", ValueView::Str(&long)),
        ("error", ValueView::Str("timeout")),
    ] {
        let (key, value) = (builder.text(key), builder.value(value));
        builder.push_attribute(key, value);
    }
    let (key, bytes) = (builder.text("payload"), builder.bytes(b"\x00\xab\xff"));
    builder.push_attribute(key, Value::Bytes(bytes));
    let (key, list) = (builder.text("list"), builder.list([ValueView::Str("a\"b"), ValueView::Int(1)]));
    builder.push_attribute(key, list);
    let (key, map) = (builder.text("map"), builder.map([("k", ValueView::Bool(true))]));
    builder.push_attribute(key, map);
    builder.attributes_since(mark)
}

fn one_event(builder: &mut SpanBatchBuilder) -> Rows {
    let of_event = builder.attributes([
        ("exception.message", ValueView::Str("no answer")),
        ("attempt", ValueView::Int(3)),
        ("span.kind", ValueView::Str("stays in the list")),
    ]);
    let mark = builder.events_mark();
    let name = builder.text("exception");
    builder.push_event(EventRow { time: START, name, attributes: of_event, ..EventRow::default() });
    builder.events_since(mark)
}

fn two_links(builder: &mut SpanBatchBuilder) -> Rows {
    let mark = builder.links_mark();
    builder.push_link(LinkRow { trace_id: TraceId(7), span_id: SpanId(8), ..LinkRow::default() });
    let kind = ReferenceKind::ChildOf;
    builder.push_link(LinkRow { trace_id: TraceId(9), span_id: SpanId(10), kind, ..LinkRow::default() });
    builder.links_since(mark)
}

fn everything() -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let service = Some(builder.text("shop"));
    let attributes = builder.attributes([
        ("host.name", ValueView::Str("h \"1\"")),
        ("process.pid", ValueView::Int(i64::MAX)),
        ("k8s.pod@node", ValueView::Str("kept as it is")),
    ]);
    let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
    let (name, version) = (builder.text("io.example.http"), builder.text("1.2.0"));
    let scope = builder.push_scope(ScopeRow { resource, name, version, ..ScopeRow::default() });
    let attributes = attributes_of_all_kinds(&mut builder);
    let (events, links) = (one_event(&mut builder), two_links(&mut builder));
    let row = SpanRow {
        trace_id: TraceId(0xabc),
        span_id: SpanId(0x12),
        parent_span_id: SpanId(0x11),
        scope,
        name: builder.text("GET /cart"),
        kind: SpanKind::Server,
        status: StatusCode::Error,
        status_message: builder.text("upstream failed"),
        trace_state: builder.text("vendor=1"),
        flags: 0x101,
        start: START,
        end: UnixNanos(START.0 + 1_500_999),
        attributes,
        events,
        links,
        ..SpanRow::default()
    };
    builder.push_span(row);
    builder.finish().unwrap()
}

fn written(documents: DocumentConfig) -> String {
    let mut config = Config { documents, ..Config::default() };
    config.indices.span_window_past = std::time::Duration::ZERO;
    config.indices.span_window_future = std::time::Duration::ZERO;
    let body = BulkEncoder::new(&config).unwrap().bulk_body(&everything());
    String::from_utf8(body.to_vec()).unwrap()
}

#[track_caller]
fn check(name: &str, documents: DocumentConfig) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let written = written(documents);
    if std::env::var_os("SPOOR_REWRITE_GOLDEN").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap();
    for (ours, theirs) in written.lines().zip(reviewed.lines()) {
        assert_eq!(ours, theirs, "{name}");
    }
    assert_eq!(written.lines().count(), reviewed.lines().count(), "{name}");
}

#[test]
fn by_default_only_the_kind_and_the_failure_are_fields() {
    check("default.ndjson", DocumentConfig::default());
}

#[test]
fn all_tags_are_fields_on_request() {
    check("all_as_fields.ndjson", DocumentConfig { tags_as_fields_all: true, ..DocumentConfig::default() });
}

#[test]
fn listed_tags_are_fields_with_the_replacement_of_choice() {
    let documents = DocumentConfig {
        tags_as_fields_include: "http.method,host.name,ratio,otel.scope.name,http.status_code".to_owned(),
        dot_replacement: "_".to_owned(),
        ..DocumentConfig::default()
    };
    check("listed.ndjson", documents);
}

#[test]
fn values_are_strings_on_request() {
    check(
        "string_values.ndjson",
        DocumentConfig { tag_values: TagValues::String, ..DocumentConfig::default() },
    );
}

//! Claims about filters: what they mean on a span, and which are refused with which words.

use serde_json::json;

use super::*;
use crate::{
    EventRow, LinkRow, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanKind, SpanRow,
    StatusCode, TraceId, ValueView,
};

const SECOND: u64 = 1_000_000_000;

/// A failed server span of 2 s at 10 s: `GET /cart` of `shop`, two events, one link.
fn span() -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let service = Some(builder.text("shop"));
    let attributes = builder.attributes([("region", ValueView::Str("eu")), ("size", ValueView::Int(7))]);
    let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
    let name = builder.text("http-lib");
    let attributes = builder.attributes([("lib", ValueView::Bool(true))]);
    let scope = builder.push_scope(ScopeRow { resource, name, attributes, ..ScopeRow::default() });
    let name = builder.text("GET /cart");
    let attributes = builder.attributes([
        ("size", ValueView::Int(500)),
        ("limit", ValueView::Int(9)),
        ("ratio", ValueView::Double(0.5)),
        ("cached", ValueView::Bool(false)),
        ("user", ValueView::Str("anna@example.com")),
        ("code", ValueView::Str("500")),
    ]);
    let events = builder.events_mark();
    for (time, name, tag) in [(10, "begin", "a"), (11, "exception", "b")] {
        let (name, attributes) = (builder.text(name), builder.attributes([("tag", ValueView::Str(tag))]));
        builder.push_event(EventRow {
            time: UnixNanos(time * SECOND),
            name,
            attributes,
            ..EventRow::default()
        });
    }
    let events = builder.events_since(events);
    let links = builder.links_mark();
    builder.push_link(LinkRow { trace_id: TraceId(0xbeef), span_id: SpanId(3), ..LinkRow::default() });
    let links = builder.links_since(links);
    builder.push_span(SpanRow {
        trace_id: TraceId(0xa),
        span_id: SpanId(1),
        scope,
        name,
        kind: SpanKind::Server,
        status: StatusCode::Error,
        start: UnixNanos(10 * SECOND),
        end: UnixNanos(12 * SECOND),
        attributes,
        events,
        links,
        ..SpanRow::default()
    });
    builder.finish().unwrap()
}

fn read(call: serde_json::Value) -> Result<Filter, String> {
    let call: Call = serde_json::from_value(call).map_err(|error| error.to_string())?;
    Filter::read(&call).map_err(|error| error.to_string())
}

fn holds(call: &serde_json::Value) -> bool {
    let batch = span();
    read(call.clone()).unwrap_or_else(|error| panic!("{call}: {error}")).holds(batch.span(0).unwrap())
}

fn attr(key: &str) -> serde_json::Value {
    json!({ "attr": { "key": key } })
}

fn at(level: &str, key: &str) -> serde_json::Value {
    json!({ "attr": { "key": key, "level": level } })
}

fn field(level: &str, name: &str) -> serde_json::Value {
    json!({ "field": { "name": name, "level": level } })
}

fn any(value: &str) -> serde_json::Value {
    json!({ "scalar": { "value": value } })
}

fn typed(value: &str, kind: &str) -> serde_json::Value {
    json!({ "scalar": { "value": value, "type": kind } })
}

fn op(op: &str, args: &[serde_json::Value]) -> serde_json::Value {
    json!({ "op": op, "args": args })
}

fn call(name: &str, args: &[serde_json::Value]) -> serde_json::Value {
    json!({ "call": op(name, args) })
}

#[test]
fn attributes_are_found_at_their_level_and_without_one_on_span_and_resource() {
    for (filter, expected) in [
        (op("eq", &[attr("region"), any("eu")]), true),
        (op("eq", &[at("span", "region"), any("eu")]), false),
        (op("eq", &[at("resource", "region"), any("eu")]), true),
        (op("eq", &[attr("size"), any("500")]), true),
        (op("eq", &[attr("size"), any("7")]), true),
        (op("eq", &[at("span", "size"), any("7")]), false),
        (op("ne", &[attr("size"), any("7")]), false),
        (op("eq", &[attr("tag"), any("a")]), false),
        (op("eq", &[at("event", "tag"), any("a")]), true),
        (op("eq", &[at("scope", "lib"), any("true")]), true),
        (op("exists", &[at("link", "lib")]), false),
        (op("eq", &[attr("span.kind"), any("server")]), true),
    ] {
        assert_eq!(holds(&filter), expected, "{filter}");
    }
}

#[test]
fn what_is_not_there_satisfies_nothing_but_a_not() {
    assert!(!holds(&op("ne", &[attr("absent"), any("x")])));
    let list = json!({ "list": { "values": ["x"], "type": "string" } });
    assert!(!holds(&op("not_in", &[attr("absent"), list.clone()])));
    assert!(holds(&op("not", &[call("in", &[attr("absent"), list.clone()])])));
    assert!(holds(&op("not_in", &[attr("user"), list])));
    assert!(!holds(&op("exists", &[field("span", "parentSpanID")])));
}

#[test]
fn a_declared_type_is_the_type_of_the_value() {
    for (key, value, kind, expected) in [
        ("size", "500", "int", true),
        ("size", "500", "string", false),
        ("size", "500", "double", false),
        ("code", "500", "string", true),
        ("code", "500", "int", false),
        ("ratio", "0.5", "double", true),
        ("cached", "false", "bool", true),
        ("cached", "false", "string", false),
    ] {
        assert_eq!(holds(&op("eq", &[at("span", key), typed(value, kind)])), expected, "{key} {kind}");
    }
}

#[test]
fn numbers_are_compared_by_size_and_texts_by_their_characters() {
    for (filter, expected) in [
        (op("gt", &[at("span", "size"), any("9")]), true),
        (op("gt", &[attr("code"), any("9")]), false),
        (op("lt", &[any("9"), at("span", "size")]), true),
        (op("gte", &[at("span", "size"), typed("500", "int")]), true),
        (op("lt", &[attr("ratio"), any("0.75")]), true),
        (op("gt", &[field("span", "name"), any("A")]), true),
        (op("gt", &[at("span", "size"), attr("limit")]), true),
        (op("lt", &[field("span", "startTime"), field("span", "endTime")]), true),
    ] {
        assert_eq!(holds(&filter), expected, "{filter}");
    }
}

#[test]
fn every_field_can_be_asked_about() {
    for (level, name, value) in [
        ("span", "traceID", "0000000000000000000000000000000a"),
        ("span", "spanID", "0000000000000001"),
        ("span", "name", "GET /cart"),
        ("span", "kind", "server"),
        ("span", "startTime", "1970-01-01T00:00:10Z"),
        ("span", "endTime", "1970-01-01T00:00:12.000000000Z"),
        ("span", "duration", "2s"),
        ("span", "status", "error"),
        ("resource", "service", "shop"),
        ("scope", "name", "http-lib"),
        ("event", "name", "exception"),
        ("event", "time", "1970-01-01T00:00:11Z"),
        ("event", "timeSinceStart", "1s"),
        ("link", "traceID", "0000000000000000000000000000beef"),
        ("link", "spanID", "0000000000000003"),
    ] {
        assert!(holds(&op("eq", &[field(level, name), any(value)])), "{level}.{name}");
        assert!(holds(&op("exists", &[field(level, name)])), "{level}.{name}");
    }
    for (level, name) in [
        ("span", "parentSpanID"),
        ("span", "traceState"),
        ("span", "statusMessage"),
        ("resource", "schemaURL"),
        ("scope", "version"),
        ("scope", "schemaURL"),
        ("link", "traceState"),
    ] {
        assert!(!holds(&op("exists", &[field(level, name)])), "{level}.{name}");
    }
}

#[test]
fn some_speaks_of_one_event_and_bare_references_of_any() {
    let named = call("eq", &[field("event", "name"), any("begin")]);
    let late = call("gt", &[field("event", "timeSinceStart"), any("500ms")]);
    let both = op("and", &[named, late.clone()]);
    assert!(holds(&both), "one is called so, the other is late");
    let nested = json!({ "nested": { "level": "event" } });
    assert!(!holds(&op("some", &[nested.clone(), json!({ "call": both })])));
    let exception = call("eq", &[field("event", "name"), any("exception")]);
    assert!(holds(&op("some", &[nested, call("and", &[exception, late])])));
}

#[test]
fn error_is_about_the_failure() {
    assert!(holds(&op("eq", &[attr("error"), any("true")])));
    assert!(!holds(&op("eq", &[attr("error"), typed("false", "bool")])));
}

#[test]
fn a_part_of_a_text_matches_an_expression() {
    assert!(holds(&op("regex", &[attr("user"), any("@ex[a-z]+\\.com")])));
    assert!(!holds(&op("regex", &[attr("user"), any("EXAMPLE")])));
    assert!(holds(&op("regex", &[field("span", "name"), any("GET|PUT")])));
}

#[test]
fn what_makes_no_sense_is_refused_in_words_that_help() {
    let deep = (0..20).fold(call("exists", &[attr("a")]), |inner, _| call("not", &[inner]));
    for (filter, words) in [
        (op("eq", &[attr("a")]), "\"eq\" takes 2 arguments, not 1"),
        (op("and", &[call("exists", &[attr("a")])]), "two conditions or more"),
        (op("like", &[attr("a"), any("b")]), "\"like\" is none of"),
        (op("eq", &[attr(""), any("b")]), "no key"),
        (op("eq", &[at("trace", "a"), any("b")]), "none of span, resource"),
        (op("eq", &[field("span", "service"), any("b")]), "span has no field \"service\"; it has traceID"),
        (op("gt", &[field("span", "duration"), any("2")]), "no duration such as 2s"),
        (op("gt", &[field("span", "startTime"), any("now")]), "no moment such as"),
        (op("eq", &[field("span", "kind"), any("SERVER")]), "unspecified, internal, server"),
        (op("gt", &[field("span", "kind"), any("server")]), "an order that"),
        (op("gt", &[attr("a"), typed("true", "bool")]), "an order that"),
        (op("eq", &[field("span", "duration"), field("span", "name")]), "of different kinds"),
        (op("eq", &[field("span", "name"), typed("1", "int")]), "of another type"),
        (op("eq", &[any("1"), any("1")]), "two constants"),
        (op("eq", &[attr("a"), typed("x", "int")]), "no integer"),
        (op("eq", &[attr("a"), typed("x", "text")]), "none of string, int"),
        (op("in", &[attr("a"), json!({ "list": { "values": ["x"] } })]), "needs a type"),
        (op("in", &[attr("a"), json!({ "list": { "values": [], "type": "int" } })]), "one value or more"),
        (op("regex", &[attr("a"), any("^a")]), "anchors"),
        (op("regex", &[attr("a"), any("a*?")]), "lazy"),
        (op("regex", &[attr("a"), any("(?i)a")]), "flags"),
        (op("regex", &[attr("a"), any("(")]), "at position 0"),
        (op("regex", &[field("span", "duration"), any("a")]), "matches texts"),
        (op("some", &[attr("a"), call("exists", &[attr("a")])]), "\"some\" takes"),
        (op("not", &[attr("a")]), "takes a condition"),
        (deep["call"].clone(), "more than 20 deep"),
        (json!({ "op": "eq", "arguments": [] }), "unknown field"),
    ] {
        let error = read(filter.clone()).unwrap_err();
        assert!(error.contains(words), "{filter}: {error}");
    }
    let nested = json!({ "nested": { "level": "link" } });
    let inner = call("some", &[nested.clone(), call("exists", &[field("link", "traceID")])]);
    assert!(read(op("some", &[nested, inner])).unwrap_err().contains("not defined"));
}

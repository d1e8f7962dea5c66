//! Claims about what an index is asked for a filter.

use serde_json::json;
use spoor_model::filter::{Call, Filter};

use super::*;

fn of(call: Value) -> Condition {
    let call: Call = serde_json::from_value(call).unwrap();
    Condition::of(&Filter::read(&call).unwrap(), "@")
}

fn compared(op: &str, level: &str, constant: &Value) -> Condition {
    of(json!({ "op": op, "args": [{ "attr": { "key": "n", "level": level } }, { "scalar": constant }] }))
}

fn duration(op: &str, value: &str) -> Condition {
    of(json!({ "op": op, "args": [
        { "field": { "name": "duration", "level": "span" } },
        { "scalar": { "value": value } },
    ] }))
}

fn negated(call: &Value) -> Value {
    json!({ "op": "not", "args": [{ "call": call }] })
}

/// Values too long for the index.
fn long(field: &str) -> Value {
    json!({ "prefix": { field: { "value": "*" } } })
}

#[test]
fn an_integer_by_its_size_is_a_range_of_tokens() {
    let condition = compared("gte", "scope", &json!({ "value": "500", "type": "int" }));
    let range = json!({ "range": { "scope.a": { "gte": "n#d500", "lt": "n#{" } } });
    let doubles =
        json!({ "regexp": { "scope.a": { "value": r"n\#[A-Za-z]([0-9:]*\.[0-9:]*)", "flags": "NONE" } } });
    assert_eq!(condition.bounds.most, bounds::any([range.clone(), long("scope.a")]));
    assert_eq!(condition.bounds.least, bounds::all([range, bounds::not(&doubles)]));
}

#[test]
fn numbers_of_one_size_stand_between_two_tokens_whatever_their_types() {
    let range = |op: &str, value: &str| {
        let least = compared(op, "link", &json!({ "value": value })).bounds.least;
        least.pointer("/bool/should/1/bool/should/0").unwrap().clone()
    };
    for (op, value, expected) in [
        ("gt", "500", json!({ "gt": "n#d500.0", "lt": "n#{" })),
        ("gte", "5e2", json!({ "gte": "n#d500", "lt": "n#{" })),
        ("lt", "0", json!({ "gte": "n#A", "lt": "n#Y9.9:" })),
        ("lte", "-17", json!({ "gte": "n#A", "lte": "n#X82:" })),
        ("gt", "0.5", json!({ "gt": "n#b0.5", "lt": "n#{" })),
    ] {
        assert_eq!(range(op, value), json!({ "range": { "span.l": expected } }), "{op} {value}");
    }
}

#[test]
fn a_value_with_its_type_is_one_token() {
    for (value, kind, token) in [
        ("500", "int", "n#d500"),
        ("500", "double", "n#d500.0"),
        ("true", "bool", "n?true"),
        ("a", "string", "n=a"),
    ] {
        let bounds = compared("eq", "span", &json!({ "value": value, "type": kind })).bounds;
        assert_eq!(bounds.in_doubt(), None, "{kind}");
        assert_eq!(bounds.least, json!({ "terms": { "span.a": [token] } }), "{kind}");
    }
}

#[test]
fn of_nanoseconds_only_the_spans_of_that_microsecond_are_in_doubt() {
    let micro = json!({ "term": { "duration": 5_000 } });
    let bounds = duration("gt", "5000002ns").bounds;
    assert_eq!(bounds.certain(), Some(&json!({ "range": { "duration": { "gt": 5_000 } } })));
    assert_eq!(bounds.most, bounds::any([bounds.least.clone(), micro.clone()]));
    assert_eq!(duration("eq", "5000002ns").bounds, Bounds::possible(micro));
    assert_eq!(duration("lt", "5ms").bounds.in_doubt(), None, "a whole microsecond leaves no doubt");
}

#[test]
fn what_is_in_doubt_is_so_when_it_is_negated() {
    let exists = json!({ "op": "exists", "args": [{ "attr": { "key": "n", "level": "link" } }] });
    let (plain, turned) = (of(exists.clone()).bounds, of(negated(&exists)).bounds);
    assert_eq!(turned.least, bounds::not(&plain.most));
    assert_eq!(turned.most, bounds::not(&plain.least));
    let root = json!({ "op": "exists", "args": [{ "field": { "name": "parentSpanID", "level": "span" } }] });
    assert_eq!(of(negated(&root)).bounds, Bounds::unknown());
}

#[test]
fn some_speaks_of_one_event_so_that_no_document_is_certain() {
    let inner = json!({ "op": "exists", "args": [{ "attr": { "key": "n", "level": "event" } }] });
    let some = |condition: Value| {
        of(json!({ "op": "some", "args": [{ "nested": { "level": "event" } }, { "call": condition }] }))
            .bounds
    };
    assert_eq!(some(inner.clone()).certain(), None);
    let turned = some(negated(&inner));
    assert_eq!(turned.certain(), None);
    assert!(!turned.most.to_string().contains("span.e"), "another event may have it");
}

#[test]
fn only_what_jaegers_documents_do_not_tell_concerns_them() {
    assert!(compared("eq", "span", &json!({ "value": "500" })).untold.is_none());
    assert!(duration("gt", "5000002ns").untold.is_none());
    let untold = compared("gt", "span", &json!({ "value": "500" })).untold.unwrap();
    assert_eq!(untold.concerned, json!({ "match_all": {} }));
    assert!(untold.reason.contains("\"gt\" is not told"), "{}", untold.reason);
    let other_spelling = compared("eq", "span", &json!({ "value": "5e2" })).untold.unwrap();
    assert!(other_spelling.reason.contains("numbers are indexed as they are shown"));
    let narrowed = of(json!({ "op": "and", "args": [
        { "call": { "op": "eq", "args": [{ "field": { "name": "name", "level": "span" } }, { "scalar": { "value": "GET" } }] } },
        { "call": { "op": "exists", "args": [{ "attr": { "key": "n", "level": "scope" } }] } },
    ] }));
    assert_eq!(narrowed.untold.unwrap().concerned, json!({ "term": { "operationName": "GET" } }));
}

//! Claims about the two directions between OTLP's fields and Jaeger's tags and references.

use super::*;
use crate::{LinkRow, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanRow};

fn interpreted(tags: &[(&str, ValueView<'_>)]) -> (SpanBatch, Interpreted) {
    interpreted_by(TagInterpreter::default(), tags)
}

fn interpreted_by(
    mut tag_interpreter: TagInterpreter,
    tags: &[(&str, ValueView<'_>)],
) -> (SpanBatch, Interpreted) {
    let mut builder = SpanBatchBuilder::new();
    let mark = builder.attributes_mark();
    for (key, value) in tags {
        let key = builder.text(key);
        let value = builder.value(*value);
        tag_interpreter.push(&mut builder, key, value);
    }
    let fields = tag_interpreter.finish(&mut builder);
    let attributes = builder.attributes_since(mark);
    let resource = builder.push_resource(ResourceRow::default());
    let scope = builder.push_scope(ScopeRow {
        resource,
        name: fields.scope_name,
        version: fields.scope_version,
        ..ScopeRow::default()
    });
    builder.push_span(SpanRow {
        scope,
        kind: fields.kind,
        status: fields.status,
        status_message: fields.status_message,
        trace_state: fields.trace_state,
        attributes,
        ..SpanRow::default()
    });
    (builder.finish().unwrap(), fields)
}

fn tags_of(span: SpanView<'_>) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    let mut add = |key: &str, value: ValueView<'_>| tags.push((key.to_owned(), value.to_text()));
    leading_tags(span).for_each(|(key, value)| add(key, value));
    span.attributes().iter().for_each(|attribute| add(attribute.key(), attribute.value()));
    trailing_tags(span, ErrorTags::StatusAndError).for_each(|(key, value)| add(key, value));
    tags
}

#[test]
fn tags_become_fields_and_fields_become_the_same_tags() {
    let tags = [
        (SCOPE_NAME, ValueView::Str("lib")),
        (SCOPE_VERSION, ValueView::Str("1.2")),
        ("k", ValueView::Int(1)),
        (SPAN_KIND, ValueView::Str("client")),
        (STATUS_CODE, ValueView::Str("ERROR")),
        (ERROR, ValueView::Bool(true)),
        (STATUS_DESCRIPTION, ValueView::Str("boom")),
        (TRACE_STATE, ValueView::Str("a=b")),
    ];
    let (batch, fields) = interpreted(&tags);
    assert_eq!((fields.kind, fields.status), (SpanKind::Client, StatusCode::Error));
    let expected: Vec<_> = tags.iter().map(|(key, value)| ((*key).to_owned(), value.to_text())).collect();
    assert_eq!(tags_of(batch.span(0).unwrap()), expected);
}

#[test]
fn only_a_boolean_error_tag_is_a_status() {
    let (batch, fields) = interpreted(&[(ERROR, ValueView::Str("true"))]);
    assert_eq!(fields.status, StatusCode::Unset);
    assert_eq!(batch.span(0).unwrap().attributes().get(ERROR), Some(ValueView::Str("true")));
    let (batch, fields) =
        interpreted(&[(ERROR, ValueView::Bool(false)), (STATUS_CODE, ValueView::Str("ok"))]);
    assert_eq!(fields.status, StatusCode::Ok);
    assert_eq!(batch.span(0).unwrap().attributes().get(ERROR), Some(ValueView::Bool(false)));
}

#[test]
fn http_codes_decide_when_nothing_else_does() {
    let status = |code, kind| {
        interpreted(&[("http.status_code", ValueView::Int(code)), (SPAN_KIND, ValueView::Str(kind))]).1.status
    };
    assert_eq!(status(404, "client"), StatusCode::Error);
    assert_eq!(status(404, "server"), StatusCode::Unset);
    assert_eq!(status(503, "server"), StatusCode::Error);
    assert_eq!(status(200, "client"), StatusCode::Unset);
    assert_eq!(status(302, "server"), StatusCode::Unset);
    assert_eq!(status(0, "server"), StatusCode::Error);
}

#[test]
fn which_attribute_is_the_http_code_depends_on_where_tags_come_from() {
    let tags = |key| [(key, ValueView::Int(503))];
    for (key, received, stored) in [
        ("http.status_code", StatusCode::Error, StatusCode::Unset),
        ("http.response.status_code", StatusCode::Unset, StatusCode::Error),
    ] {
        assert_eq!(interpreted(&tags(key)).1.status, received, "{key}");
        assert_eq!(interpreted_by(TagInterpreter::of_stored_tags(), &tags(key)).1.status, stored, "{key}");
    }
}

#[test]
fn what_says_nothing_about_a_field_stays_an_attribute() {
    let (batch, fields) = interpreted(&[
        (STATUS_DESCRIPTION, ValueView::Str("why")),
        (SCOPE_VERSION, ValueView::Str("1")),
        (SPAN_KIND, ValueView::Str("odd")),
    ]);
    assert_eq!(fields, Interpreted::default());
    assert_eq!(batch.span(0).unwrap().attributes().len(), 3);
}

#[test]
fn a_tag_that_comes_again_or_says_nothing_known_is_not_lost() {
    let tags = [
        (SCOPE_NAME, "lib"),
        (SCOPE_NAME, "other lib"),
        (SCOPE_VERSION, "1"),
        (SCOPE_VERSION, "2"),
        (STATUS_CODE, "odd"),
        (STATUS_CODE, "ERROR"),
        (STATUS_CODE, "OK"),
        (STATUS_DESCRIPTION, "first"),
        (STATUS_DESCRIPTION, "second"),
        (TRACE_STATE, "a=1"),
        (TRACE_STATE, "b=2"),
        (SPAN_KIND, "client"),
        (SPAN_KIND, "server"),
    ];
    let (batch, fields) = interpreted(&tags.map(|(key, text)| (key, ValueView::Str(text))));
    let text = |text| batch.str(text).to_owned();
    assert_eq!((fields.kind, fields.status), (SpanKind::Server, StatusCode::Ok), "the last ones hold");
    assert_eq!((text(fields.status_message), text(fields.trace_state)), ("second".into(), "b=2".into()));
    assert_eq!(text(fields.scope_name), "lib", "and the first one of the scope");
    let mut before = tags.map(|(key, text)| (key.to_owned(), text.to_owned()));
    before.sort();
    let mut after = tags_of(batch.span(0).unwrap());
    after.sort();
    assert_eq!(after, before);
}

#[test]
fn an_attribute_that_is_called_as_a_field_does_not_take_its_place_on_the_way_back() {
    let mut builder = SpanBatchBuilder::new();
    let attributes = builder.attributes([
        (SCOPE_NAME, ValueView::Str("own")),
        (SPAN_KIND, ValueView::Str("server")),
        (STATUS_CODE, ValueView::Str("ERROR")),
        (STATUS_DESCRIPTION, ValueView::Str("own")),
        (TRACE_STATE, ValueView::Str("own=1")),
    ]);
    let resource = builder.push_resource(ResourceRow::default());
    let name = builder.text("lib");
    let scope = builder.push_scope(ScopeRow { resource, name, ..ScopeRow::default() });
    let status_message = builder.text("true");
    let trace_state = builder.text("true=1");
    let (kind, status) = (SpanKind::Internal, StatusCode::Ok);
    let row = SpanRow { scope, kind, status, status_message, trace_state, attributes, ..SpanRow::default() };
    builder.push_span(row);
    let sent = builder.finish().unwrap();
    let tags = tags_of(sent.span(0).unwrap());
    let tags: Vec<_> = tags.iter().map(|(key, text)| (key.as_str(), ValueView::Str(text))).collect();
    for interpreter in [TagInterpreter::default(), TagInterpreter::of_stored_tags()] {
        let (back, _) = interpreted_by(interpreter, &tags);
        assert_eq!(back.span(0), sent.span(0));
    }
}

#[test]
fn a_status_said_to_be_unset_is_the_last_word() {
    let (batch, fields) =
        interpreted(&[(STATUS_CODE, ValueView::Str("UNSET")), ("http.status_code", ValueView::Int(503))]);
    assert_eq!(fields.status, StatusCode::Unset);
    assert_eq!(batch.span(0).unwrap().attributes().len(), 1);
}

#[test]
fn the_parent_is_the_first_reference_and_a_link_to_it_only_changes_its_kind() {
    let mut builder = SpanBatchBuilder::new();
    let resource = builder.push_resource(ResourceRow::default());
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    let (trace_id, parent) = (TraceId(9), SpanId(1));
    let mark = builder.links_mark();
    builder.push_link(LinkRow { trace_id: TraceId(8), span_id: SpanId(5), ..LinkRow::default() });
    builder.push_link(LinkRow {
        trace_id,
        span_id: parent,
        kind: ReferenceKind::FollowsFrom,
        ..LinkRow::default()
    });
    let links = builder.links_since(mark);
    builder.push_span(SpanRow {
        trace_id,
        span_id: SpanId(2),
        parent_span_id: parent,
        scope,
        links,
        ..SpanRow::default()
    });
    let batch = builder.finish().unwrap();
    let found: Vec<_> = references(batch.span(0).unwrap()).collect();
    assert_eq!(
        found,
        [
            Reference { child_of: false, trace_id, span_id: parent },
            Reference { child_of: false, trace_id: TraceId(8), span_id: SpanId(5) },
        ]
    );
}

#[test]
fn warnings_gather_in_one_attribute() {
    let (mut batch, _) = interpreted(&[("k", ValueView::Int(1))]);
    add_warning(&mut batch, 0, "first");
    add_warning(&mut batch, 0, "second");
    add_warning(&mut batch, 7, "no such span");
    let span = batch.span(0).unwrap();
    assert_eq!(warnings(span), ["first", "second"]);
    assert_eq!(span.attributes().len(), 2);
}

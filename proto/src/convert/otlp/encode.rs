//! From the model to OTLP protobuf, grouped by resource and scope. Spans that nothing has changed are copied as received.
//! Hot path: one output buffer; the only other allocation is the list that brings the spans into the order of their groups.

use spoor_model::nested::encode_value;
use spoor_model::{
    AttributesView, EventView, LinkView, REFERENCE_KIND_ATTRIBUTE, ReferenceKind, ResourceView, ScopeView,
    SpanBatch, SpanView, StatusCode, ValueView,
};

use super::SERVICE_NAME;
use super::fields::{
    event, key_value, link, resource, resource_spans, scope, scope_spans, span, status, traces,
};
use crate::wire::{Tag, Writer};

/// Appends the batch as an OTLP `TracesData` (or `ExportTraceServiceRequest`, the same on the wire).
///
/// Resources and scopes come in the order of their rows, the spans of each in the batch's order; those without spans are left
/// out. The service's name becomes the first attribute of its resource. A link's kind that its attributes do not tell becomes
/// the attribute `opentracing.ref_type`.
pub fn encode_traces_data(batch: &SpanBatch, out: &mut Vec<u8>) {
    encode_some_traces_data(batch, 0..batch.len(), out);
}

/// As [`encode_traces_data`], with only the spans at `indices`; an index out of range is passed over.
pub fn encode_some_traces_data(
    batch: &SpanBatch,
    indices: impl IntoIterator<Item = usize>,
    out: &mut Vec<u8>,
) {
    let mut spans: Vec<Placed<'_>> =
        indices.into_iter().filter_map(|index| Placed::new(batch, index)).collect();
    // Stable, and quick for spans that are in order already.
    spans.sort_by_key(|placed| (placed.resource, placed.span.row().scope));
    let mut writer = Writer::new(out);
    for group in spans.chunk_by(|left, right| left.resource == right.resource) {
        writer.message(traces::RESOURCE_SPANS.number(), |writer| write_resource_spans(writer, group));
    }
}

/// A span with the row of its resource.
struct Placed<'a> {
    resource: usize,
    span: SpanView<'a>,
}

impl<'a> Placed<'a> {
    fn new(batch: &'a SpanBatch, index: usize) -> Option<Self> {
        let span = batch.span(index)?;
        Some(Self { resource: batch.resource_index(span.row()), span })
    }
}

/// `group`: spans of one resource, in the order of their scopes.
fn write_resource_spans(writer: &mut Writer<'_>, group: &[Placed<'_>]) {
    let Some(first) = group.first() else { return };
    let view = first.span.resource();
    write_resource_head(writer, view);
    for spans in group.chunk_by(|left, right| left.span.row().scope == right.span.row().scope) {
        writer.message(resource_spans::SCOPE_SPANS.number(), |writer| write_scope_spans(writer, spans));
    }
    write_resource_tail(writer, view);
}

/// What stands in a `ResourceSpans` before its scopes.
pub(super) fn write_resource_head(writer: &mut Writer<'_>, view: ResourceView<'_>) {
    writer.message(resource_spans::RESOURCE.number(), |writer| write_resource(writer, view));
}

/// What stands in a `ResourceSpans` behind its scopes.
pub(super) fn write_resource_tail(writer: &mut Writer<'_>, view: ResourceView<'_>) {
    write_text(writer, resource_spans::SCHEMA_URL, view.schema_url());
}

/// What stands in a `ScopeSpans` before its spans.
pub(super) fn write_scope_head(writer: &mut Writer<'_>, view: ScopeView<'_>) {
    writer.message(scope_spans::SCOPE.number(), |writer| write_scope(writer, view));
}

/// What stands in a `ScopeSpans` behind its spans.
pub(super) fn write_scope_tail(writer: &mut Writer<'_>, view: ScopeView<'_>) {
    write_text(writer, scope_spans::SCHEMA_URL, view.schema_url());
}

fn write_resource(writer: &mut Writer<'_>, view: ResourceView<'_>) {
    if view.row().service.is_some() {
        write_attribute(writer, resource::ATTRIBUTES, SERVICE_NAME, ValueView::Str(view.service()));
    }
    write_attributes(writer, resource::ATTRIBUTES, view.attributes());
    write_number(writer, resource::DROPPED_ATTRIBUTES, view.row().dropped_attributes);
}

/// `spans`: of one scope.
fn write_scope_spans(writer: &mut Writer<'_>, spans: &[Placed<'_>]) {
    let Some(first) = spans.first() else { return };
    let view = first.span.scope();
    write_scope_head(writer, view);
    for Placed { span, .. } in spans {
        match span.encoded() {
            Some(encoded) => writer.bytes(scope_spans::SPANS.number(), encoded),
            None => writer.message(scope_spans::SPANS.number(), |writer| write_span(writer, *span)),
        }
    }
    write_scope_tail(writer, view);
}

fn write_scope(writer: &mut Writer<'_>, view: ScopeView<'_>) {
    write_text(writer, scope::NAME, view.name());
    write_text(writer, scope::VERSION, view.version());
    write_attributes(writer, scope::ATTRIBUTES, view.attributes());
    write_number(writer, scope::DROPPED_ATTRIBUTES, view.row().dropped_attributes);
}

pub(super) fn write_span(writer: &mut Writer<'_>, view: SpanView<'_>) {
    let row = view.row();
    write_id(writer, span::TRACE_ID, &row.trace_id.to_bytes());
    write_id(writer, span::SPAN_ID, &row.span_id.to_bytes());
    write_text(writer, span::TRACE_STATE, view.trace_state());
    write_id(writer, span::PARENT_SPAN_ID, &row.parent_span_id.to_bytes());
    write_text(writer, span::NAME, view.name());
    write_number(writer, span::KIND, u32::from(row.kind.number()));
    write_time(writer, span::START, row.start.0);
    write_time(writer, span::END, row.end.0);
    write_attributes(writer, span::ATTRIBUTES, view.attributes());
    write_number(writer, span::DROPPED_ATTRIBUTES, row.dropped_attributes);
    for view in view.events() {
        writer.message(span::EVENTS.number(), |writer| write_event(writer, view));
    }
    write_number(writer, span::DROPPED_EVENTS, row.dropped_events);
    for view in view.links() {
        writer.message(span::LINKS.number(), |writer| write_link(writer, view));
    }
    write_number(writer, span::DROPPED_LINKS, row.dropped_links);
    if row.status != StatusCode::Unset || !row.status_message.is_empty() {
        writer.message(span::STATUS.number(), |writer| {
            write_text(writer, status::MESSAGE, view.status_message());
            write_number(writer, status::CODE, u32::from(row.status.number()));
        });
    }
    write_flags(writer, span::FLAGS, row.otlp_flags());
}

fn write_event(writer: &mut Writer<'_>, view: EventView<'_>) {
    write_time(writer, event::TIME, view.time().0);
    write_text(writer, event::NAME, view.name());
    write_attributes(writer, event::ATTRIBUTES, view.attributes());
    write_number(writer, event::DROPPED_ATTRIBUTES, view.row().dropped_attributes);
}

fn write_link(writer: &mut Writer<'_>, view: LinkView<'_>) {
    write_id(writer, link::TRACE_ID, &view.trace_id().to_bytes());
    write_id(writer, link::SPAN_ID, &view.span_id().to_bytes());
    write_text(writer, link::TRACE_STATE, view.trace_state());
    write_attributes(writer, link::ATTRIBUTES, view.attributes());
    let kind = match view.kind() {
        ReferenceKind::Link => None,
        ReferenceKind::ChildOf => Some("child_of"),
        ReferenceKind::FollowsFrom => Some("follows_from"),
    };
    if let Some(kind) = kind
        && view.attributes().get(REFERENCE_KIND_ATTRIBUTE).is_none()
    {
        write_attribute(writer, link::ATTRIBUTES, REFERENCE_KIND_ATTRIBUTE, ValueView::Str(kind));
    }
    write_number(writer, link::DROPPED_ATTRIBUTES, view.row().dropped_attributes);
    write_flags(writer, link::FLAGS, view.row().flags);
}

fn write_attributes(writer: &mut Writer<'_>, tag: Tag, attributes: AttributesView<'_>) {
    for attribute in attributes.iter() {
        write_attribute(writer, tag, attribute.key(), attribute.value());
    }
}

fn write_attribute(writer: &mut Writer<'_>, tag: Tag, key: &str, value: ValueView<'_>) {
    writer.message(tag.number(), |writer| {
        write_text(writer, key_value::KEY, key);
        writer.message(key_value::VALUE.number(), |writer| encode_value(writer.buffer(), value));
    });
}

/// As all the following: nothing for the default, as proto3 has it.
fn write_text(writer: &mut Writer<'_>, tag: Tag, text: &str) {
    if !text.is_empty() {
        writer.string(tag.number(), text);
    }
}

fn write_id(writer: &mut Writer<'_>, tag: Tag, id: &[u8]) {
    if id.iter().any(|byte| *byte != 0) {
        writer.bytes(tag.number(), id);
    }
}

fn write_number(writer: &mut Writer<'_>, tag: Tag, number: u32) {
    if number != 0 {
        writer.varint(tag.number(), u64::from(number));
    }
}

fn write_time(writer: &mut Writer<'_>, tag: Tag, nanos: u64) {
    if nanos != 0 {
        writer.fixed64(tag.number(), nanos);
    }
}

fn write_flags(writer: &mut Writer<'_>, tag: Tag, flags: u32) {
    if flags != 0 {
        writer.fixed32(tag.number(), flags);
    }
}

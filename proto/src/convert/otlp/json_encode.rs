//! Hot path: spans straight from their views to OTLP JSON, piece by piece, grouped by resource and scope. Budget: one list of
//! positions a batch; nothing a span but the buffer's growth.
//! Spelling of the OTLP specification and of the collector's `pdata`: ids as hex, enums as numbers, 64-bit integers as text, bytes
//! as base64, doubles that JSON has not by their names; `resource`, `scope` and `status` are there even when empty, what else is
//! unset is left out.

use spoor_model::nested::{ListView, MapView};
use spoor_model::{
    AttributesView, EventView, LinkView, REFERENCE_KIND_ATTRIBUTE, ReferenceKind, ResourceView, ScopeView,
    SpanBatch, SpanView, UnixNanos, ValueView, json,
};

use super::SERVICE_NAME;
use crate::convert::json_object::{JsonObject, write_list};

/// Writes the spans of a batch as the elements of a `resourceSpans` list, as far as its caller wants at a time.
#[derive(Debug)]
pub struct ResourceSpansJson {
    batch: SpanBatch,
    /// Positions of the spans by resource and scope, in the batch's order within.
    order: Vec<u32>,
    next: usize,
}

impl ResourceSpansJson {
    /// Of all spans of a batch.
    #[must_use]
    pub fn new(batch: SpanBatch) -> Self {
        let mut order: Vec<u32> = (0..u32::try_from(batch.len()).unwrap_or(u32::MAX)).collect();
        let rows = batch.span_rows();
        // Stable, and quick for spans that are in order already.
        order.sort_by_key(|&index| {
            let row = &rows[index as usize];
            (batch.resource_index(row), row.scope)
        });
        Self { batch, order, next: 0 }
    }

    /// Appends further spans, with what opens and closes around them, until `out` has `enough` bytes; at least one span. False
    /// once all are written. Elements are separated by commas; none stands before the first or behind the last.
    pub fn write_some(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        let mut before = self.next.checked_sub(1).and_then(|last| self.at(last));
        let mut next = self.next;
        while let Some(span) = self.at(next) {
            if next > self.next && out.len() >= enough {
                self.next = next;
                return true;
            }
            write_between(out, before, span);
            write_span(out, span);
            before = Some(span);
            next += 1;
        }
        if let Some(last) = before {
            write_tail(out, last.scope().schema_url());
            write_tail(out, last.resource().schema_url());
        }
        self.next = next;
        false
    }

    fn at(&self, place: usize) -> Option<SpanView<'_>> {
        self.batch.span(*self.order.get(place)? as usize)
    }
}

/// What stands between two spans: a comma, or also what ends the scope and resource of the one and begins those of the other.
fn write_between(out: &mut Vec<u8>, before: Option<SpanView<'_>>, span: SpanView<'_>) {
    let Some(before) = before else {
        write_resource_head(out, span.resource());
        return write_scope_head(out, span.scope());
    };
    let resource = |span: SpanView<'_>| span.batch().resource_index(span.row());
    if before.row().scope == span.row().scope {
        return out.push(b',');
    }
    write_tail(out, before.scope().schema_url());
    if resource(before) != resource(span) {
        write_tail(out, before.resource().schema_url());
        out.push(b',');
        write_resource_head(out, span.resource());
    } else {
        out.push(b',');
    }
    write_scope_head(out, span.scope());
}

pub(super) fn write_tail(out: &mut Vec<u8>, schema_url: &str) {
    out.push(b']');
    if !schema_url.is_empty() {
        out.extend_from_slice(br#","schemaUrl":"#);
        json::write_string(out, schema_url.as_bytes());
    }
    out.push(b'}');
}

pub(super) fn write_resource_head(out: &mut Vec<u8>, view: ResourceView<'_>) {
    out.extend_from_slice(br#"{"resource":"#);
    JsonObject::write(out, |resource| {
        let service = view.row().service.map(|_| (SERVICE_NAME, ValueView::Str(view.service())));
        write_attributes(resource, service, view.attributes(), None);
        resource.number("droppedAttributesCount", view.row().dropped_attributes);
    });
    out.extend_from_slice(br#","scopeSpans":["#);
}

pub(super) fn write_scope_head(out: &mut Vec<u8>, view: ScopeView<'_>) {
    out.extend_from_slice(br#"{"scope":"#);
    JsonObject::write(out, |scope| {
        scope.text("name", view.name());
        scope.text("version", view.version());
        write_attributes(scope, None, view.attributes(), None);
        scope.number("droppedAttributesCount", view.row().dropped_attributes);
    });
    out.extend_from_slice(br#","spans":["#);
}

pub(super) fn write_span(out: &mut Vec<u8>, view: SpanView<'_>) {
    let row = view.row();
    JsonObject::write(out, |span| {
        write_id(span, "traceId", &row.trace_id.to_hex());
        write_id(span, "spanId", &row.span_id.to_hex());
        span.text("traceState", view.trace_state());
        write_id(span, "parentSpanId", &row.parent_span_id.to_hex());
        span.number("flags", row.otlp_flags());
        span.text("name", view.name());
        span.number("kind", u32::from(row.kind.number()));
        write_time(span, "startTimeUnixNano", row.start);
        write_time(span, "endTimeUnixNano", row.end);
        write_attributes(span, None, view.attributes(), None);
        span.number("droppedAttributesCount", row.dropped_attributes);
        span.objects("events", view.events(), write_event);
        span.number("droppedEventsCount", row.dropped_events);
        span.objects("links", view.links(), write_link);
        span.number("droppedLinksCount", row.dropped_links);
        span.object("status", |status| {
            status.text("message", view.status_message());
            status.number("code", u32::from(row.status.number()));
        });
    });
}

fn write_event(event: &mut JsonObject<'_>, view: EventView<'_>) {
    write_time(event, "timeUnixNano", view.time());
    event.text("name", view.name());
    write_attributes(event, None, view.attributes(), None);
    event.number("droppedAttributesCount", view.row().dropped_attributes);
}

fn write_link(link: &mut JsonObject<'_>, view: LinkView<'_>) {
    write_id(link, "traceId", &view.trace_id().to_hex());
    write_id(link, "spanId", &view.span_id().to_hex());
    link.text("traceState", view.trace_state());
    let kind = match view.kind() {
        ReferenceKind::Link => None,
        ReferenceKind::ChildOf => Some("child_of"),
        ReferenceKind::FollowsFrom => Some("follows_from"),
    };
    let untold = kind.filter(|_| view.attributes().get(REFERENCE_KIND_ATTRIBUTE).is_none());
    let last = untold.map(|kind| (REFERENCE_KIND_ATTRIBUTE, ValueView::Str(kind)));
    write_attributes(link, None, view.attributes(), last);
    link.number("droppedAttributesCount", view.row().dropped_attributes);
    link.number("flags", view.row().flags);
}

/// An id in hex, unless it is none.
fn write_id(object: &mut JsonObject<'_>, key: &str, hex: &[u8]) {
    if hex.iter().any(|digit| *digit != b'0') {
        json::write_string(object.key(key), hex);
    }
}

/// A moment, unless it is not set.
fn write_time(object: &mut JsonObject<'_>, key: &str, time: UnixNanos) {
    if time != UnixNanos::ZERO {
        object.long(key, time.0);
    }
}

type Entry<'a> = (&'a str, ValueView<'a>);

/// The attributes, with one before and one behind them.
fn write_attributes<'a>(
    owner: &mut JsonObject<'_>,
    first: Option<Entry<'a>>,
    attributes: AttributesView<'a>,
    last: Option<Entry<'a>>,
) {
    let own = attributes.iter().map(|attribute| (attribute.key(), attribute.value()));
    owner.objects("attributes", first.into_iter().chain(own).chain(last), write_entry);
}

fn write_entry(object: &mut JsonObject<'_>, (key, value): Entry<'_>) {
    object.text("key", key);
    object.object("value", |any| write_value(any, value));
}

fn write_value(any: &mut JsonObject<'_>, value: ValueView<'_>) {
    match value {
        ValueView::Empty => {}
        ValueView::Str(text) => json::write_string(any.key("stringValue"), text.as_bytes()),
        ValueView::Bool(truth) => ValueView::Bool(truth).write_json(any.key("boolValue")),
        ValueView::Int(number) => any.long("intValue", number),
        ValueView::Double(number) => json::write_double(any.key("doubleValue"), number),
        ValueView::Bytes(bytes) => any.base64("bytesValue", bytes),
        ValueView::List(list) => any.object("arrayValue", |object| write_items(object.key("values"), list)),
        ValueView::Map(map) => any.object("kvlistValue", |object| write_entries(object.key("values"), map)),
    }
}

fn write_items(out: &mut Vec<u8>, list: ListView<'_>) {
    write_list(out, list.iter(), |out, item| JsonObject::write(out, |any| write_value(any, item)));
}

fn write_entries(out: &mut Vec<u8>, map: MapView<'_>) {
    write_list(out, map.iter(), |out, entry| JsonObject::write(out, |object| write_entry(object, entry)));
}

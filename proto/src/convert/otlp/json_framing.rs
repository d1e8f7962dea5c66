//! OTLP JSON of chosen spans, from parts that are written once, as `framing.rs` does for protobuf.
//! Spelling of the OTLP specification: ids as hex, enums as numbers, 64-bit integers as text, bytes as base64.

use std::ops::Range;

use spoor_model::nested::{ListView, MapView};
use spoor_model::{
    AttributesView, EventView, LinkView, REFERENCE_KIND_ATTRIBUTE, ReferenceKind, ResourceView, ScopeView,
    SpanBatch, SpanView, StatusCode, ValueView, json,
};

use super::SERVICE_NAME;
use crate::convert::json_object::{JsonObject, write_list};
use crate::convert::placed::{Placed, TraceFraming};

/// The parts of a batch's OTLP JSON.
pub(crate) struct JsonFraming {
    parts: Vec<u8>,
    resources: Vec<Ends>,
    scopes: Vec<Ends>,
    spans: Vec<Range<usize>>,
}

/// Fields before the children's list, and behind it.
struct Ends {
    head: Range<usize>,
    tail: Range<usize>,
}

const ROOT: (&[u8], &[u8]) = (br#"{"resourceSpans":["#, b"]}");

impl JsonFraming {
    /// Writes all parts.
    pub(crate) fn new(batch: &SpanBatch) -> Self {
        let mut parts = Vec::new();
        let ends = |parts: &mut Vec<u8>, head: &dyn Fn(&mut Vec<u8>), url: &str| Ends {
            head: part(parts, head),
            tail: part(parts, |out| write_tail(out, url)),
        };
        let resources = batch
            .resources()
            .map(|view| ends(&mut parts, &|out| write_resource_head(out, view), view.schema_url()))
            .collect();
        let scopes = batch
            .scopes()
            .map(|view| ends(&mut parts, &|out| write_scope_head(out, view), view.schema_url()))
            .collect();
        let spans = batch.spans().map(|span| part(&mut parts, |out| write_span(out, span))).collect();
        Self { parts, resources, scopes, spans }
    }

    /// Hands over the pieces of the message, one after the other.
    fn pieces<'p>(&'p self, spans: &[Placed], take: &mut dyn FnMut(&'p [u8])) {
        take(ROOT.0);
        for (index, group) in spans.chunk_by(Placed::shares_resource).enumerate() {
            take(comma(index));
            let ends = self.resources.get(group[0].resource as usize);
            take(ends.map_or(b"", |ends| &self.parts[ends.head.clone()]));
            self.scope_pieces(group, take);
            take(ends.map_or(b"", |ends| &self.parts[ends.tail.clone()]));
        }
        take(ROOT.1);
    }

    /// The same for spans of one resource.
    fn scope_pieces<'p>(&'p self, spans: &[Placed], take: &mut dyn FnMut(&'p [u8])) {
        for (index, group) in spans.chunk_by(Placed::shares_scope).enumerate() {
            take(comma(index));
            let ends = self.scopes.get(group[0].scope as usize);
            take(ends.map_or(b"", |ends| &self.parts[ends.head.clone()]));
            for (index, placed) in group.iter().enumerate() {
                take(comma(index));
                let span = self.spans.get(placed.index as usize);
                take(span.map_or(b"", |range| &self.parts[range.clone()]));
            }
            take(ends.map_or(b"", |ends| &self.parts[ends.tail.clone()]));
        }
    }
}

fn comma(index: usize) -> &'static [u8] {
    if index == 0 { b"" } else { b"," }
}

impl TraceFraming for JsonFraming {
    fn size(&self, spans: &[Placed]) -> usize {
        let mut size = 0;
        self.pieces(spans, &mut |piece| size += piece.len());
        size
    }

    fn write(&self, spans: &[Placed], out: &mut Vec<u8>) {
        self.pieces(spans, &mut |piece| out.extend_from_slice(piece));
    }
}

fn part(parts: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
    let start = parts.len();
    write(parts);
    start..parts.len()
}

fn write_tail(out: &mut Vec<u8>, schema_url: &str) {
    out.push(b']');
    if !schema_url.is_empty() {
        out.extend_from_slice(br#","schemaUrl":"#);
        json::write_string(out, schema_url.as_bytes());
    }
    out.push(b'}');
}

fn write_resource_head(out: &mut Vec<u8>, view: ResourceView<'_>) {
    out.extend_from_slice(br#"{"resource":"#);
    JsonObject::write(out, |resource| {
        let service = view.row().service.map(|_| (SERVICE_NAME, ValueView::Str(view.service())));
        write_attributes(resource, service, view.attributes(), None);
        resource.number("droppedAttributesCount", view.row().dropped_attributes);
    });
    out.extend_from_slice(br#","scopeSpans":["#);
}

fn write_scope_head(out: &mut Vec<u8>, view: ScopeView<'_>) {
    out.extend_from_slice(br#"{"scope":"#);
    JsonObject::write(out, |scope| {
        scope.text("name", view.name());
        scope.text("version", view.version());
        write_attributes(scope, None, view.attributes(), None);
        scope.number("droppedAttributesCount", view.row().dropped_attributes);
    });
    out.extend_from_slice(br#","spans":["#);
}

fn write_span(out: &mut Vec<u8>, view: SpanView<'_>) {
    let row = view.row();
    JsonObject::write(out, |span| {
        write_id(span, "traceId", &row.trace_id.to_hex());
        write_id(span, "spanId", &row.span_id.to_hex());
        span.text("traceState", view.trace_state());
        write_id(span, "parentSpanId", &row.parent_span_id.to_hex());
        span.number("flags", row.flags);
        span.text("name", view.name());
        span.number("kind", u32::from(row.kind.number()));
        span.long("startTimeUnixNano", row.start.0);
        span.long("endTimeUnixNano", row.end.0);
        write_attributes(span, None, view.attributes(), None);
        span.number("droppedAttributesCount", row.dropped_attributes);
        span.objects("events", view.events(), write_event);
        span.number("droppedEventsCount", row.dropped_events);
        span.objects("links", view.links(), write_link);
        span.number("droppedLinksCount", row.dropped_links);
        if row.status != StatusCode::Unset || !row.status_message.is_empty() {
            span.object("status", |status| {
                status.text("message", view.status_message());
                status.number("code", u32::from(row.status.number()));
            });
        }
    });
}

fn write_event(event: &mut JsonObject<'_>, view: EventView<'_>) {
    event.long("timeUnixNano", view.time().0);
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

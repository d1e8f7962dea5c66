//! Spans with their status, events and links.
//! An array is read to its end before the next key, so each owner's rows are one run without further ado.

use serde::de::{DeserializeSeed, Deserializer, MapAccess};
use spoor_model::{EventRow, LinkRow, SpanRow, UnixNanos};

use super::super::reference_kind;
use super::value::Attributes;
use super::visit::{Items, Message, Object};
use super::{Walk, skip};

/// The spans of one scope.
pub(super) struct Spans {
    pub(super) scope: u32,
}

impl Items for Spans {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<SpanRow, _>()?;
        let mut span = Span(SpanRow { scope: self.scope, ..SpanRow::default() });
        Object(walk, &mut span).deserialize(item)?;
        walk.builder.push_span(span.0);
        Ok(())
    }
}

struct Span(SpanRow);

impl Message for Span {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let row = &mut self.0;
        match key {
            "traceId" | "trace_id" => row.trace_id = walk.scalar(map, |id| id.trace_id())?,
            "spanId" | "span_id" => row.span_id = walk.scalar(map, |id| id.span_id())?,
            "parentSpanId" | "parent_span_id" => row.parent_span_id = walk.scalar(map, |id| id.span_id())?,
            "traceState" | "trace_state" => row.trace_state = walk.text(map)?,
            "flags" => row.flags = walk.scalar(map, |flags| flags.u32())?,
            "name" => row.name = walk.text(map)?,
            "kind" => row.kind = walk.scalar(map, |kind| kind.kind())?,
            "startTimeUnixNano" | "start_time_unix_nano" => {
                row.start = UnixNanos(walk.scalar(map, |time| time.u64())?);
            }
            "endTimeUnixNano" | "end_time_unix_nano" => {
                row.end = UnixNanos(walk.scalar(map, |time| time.u64())?)
            }
            "attributes" => row.attributes = walk.attributes(map, &mut Attributes::default())?,
            "events" => {
                let mark = walk.builder.events_mark();
                walk.list(map, &mut Events)?;
                row.events = walk.builder.events_since(mark);
            }
            "links" => {
                let mark = walk.builder.links_mark();
                walk.list(map, &mut Links)?;
                row.links = walk.builder.links_since(mark);
            }
            "status" => {
                let mut status = Status(SpanRow::default());
                walk.object(map, &mut status)?;
                row.status = status.0.status;
                row.status_message = status.0.status_message;
            }
            _ => return self.dropped(walk, key, map),
        }
        Ok(())
    }
}

impl Span {
    fn dropped<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let count = match key {
            "droppedAttributesCount" | "dropped_attributes_count" => &mut self.0.dropped_attributes,
            "droppedEventsCount" | "dropped_events_count" => &mut self.0.dropped_events,
            "droppedLinksCount" | "dropped_links_count" => &mut self.0.dropped_links,
            _ => return skip(map),
        };
        *count = walk.scalar(map, |count| count.u32())?;
        Ok(())
    }
}

/// A span's row of which only the status is used.
struct Status(SpanRow);

impl Message for Status {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "code" => self.0.status = walk.scalar(map, |code| code.status())?,
            "message" => self.0.status_message = walk.text(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Events;

impl Items for Events {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<EventRow, _>()?;
        let mut event = Event(EventRow::default());
        Object(walk, &mut event).deserialize(item)?;
        walk.builder.push_event(event.0);
        Ok(())
    }
}

struct Event(EventRow);

impl Message for Event {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let row = &mut self.0;
        match key {
            "timeUnixNano" | "time_unix_nano" => row.time = UnixNanos(walk.scalar(map, |time| time.u64())?),
            "name" => row.name = walk.text(map)?,
            "attributes" => row.attributes = walk.attributes(map, &mut Attributes::default())?,
            "droppedAttributesCount" | "dropped_attributes_count" => {
                row.dropped_attributes = walk.scalar(map, |count| count.u32())?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Links;

impl Items for Links {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<LinkRow, _>()?;
        let mut link = Link(LinkRow::default());
        Object(walk, &mut link).deserialize(item)?;
        link.0.kind = reference_kind(walk.builder.batch(), link.0.attributes);
        walk.builder.push_link(link.0);
        Ok(())
    }
}

struct Link(LinkRow);

impl Message for Link {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let row = &mut self.0;
        match key {
            "traceId" | "trace_id" => row.trace_id = walk.scalar(map, |id| id.trace_id())?,
            "spanId" | "span_id" => row.span_id = walk.scalar(map, |id| id.span_id())?,
            "traceState" | "trace_state" => row.trace_state = walk.text(map)?,
            "attributes" => row.attributes = walk.attributes(map, &mut Attributes::default())?,
            "flags" => row.flags = walk.scalar(map, |flags| flags.u32())?,
            "droppedAttributesCount" | "dropped_attributes_count" => {
                row.dropped_attributes = walk.scalar(map, |count| count.u32())?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

//! Hot path: a v2 span, however it was written, to a row. Budget: no allocation but the tables' growth, links and piped events apart.
//! The readers fill [`Assembly::span`] with texts that are in the batch already, and push.

use spoor_model::{
    EventRow, FlagsAre, LinkRow, Rows, ScopeRow, SpanBatchBuilder, SpanId, SpanKind, SpanRow, Text, TraceId,
    UnixNanos, Value,
};

use super::DEBUG;
use super::piped::{self, PipedEvent, PipedLink};
use super::table::{Name, Table};
use super::v2_tags::{Role, Tags};
use crate::convert::limits::Budget;
use crate::error::DecodeError;

/// One side of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Endpoint {
    pub(super) service: Text,
    /// Counts only where there is no `ipv6`.
    pub(super) ipv4: Text,
    pub(super) ipv6: Text,
    /// 0 is none.
    pub(super) port: u16,
}

impl Endpoint {
    fn ip(&self) -> Text {
        if self.ipv6.is_empty() { self.ipv4 } else { self.ipv6 }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Annotation {
    /// Microseconds (µs) since 1970.
    pub(super) timestamp: u64,
    pub(super) value: Text,
}

/// A span's fields, but for its lists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) parent_span_id: SpanId,
    pub(super) name: Text,
    pub(super) kind: SpanKind,
    /// Microseconds (µs) since 1970; 0 is none.
    pub(super) timestamp: u64,
    /// Microseconds (µs).
    pub(super) duration: u64,
    pub(super) debug: bool,
    pub(super) local: Endpoint,
    pub(super) remote: Endpoint,
}

/// A span that is being read; its lists are used again and again.
#[derive(Default)]
pub(super) struct Span {
    pub(super) head: Head,
    pub(super) tags: Tags,
    pub(super) annotations: Vec<Annotation>,
}

/// From spans to rows.
#[derive(Default)]
pub(super) struct Assembly {
    pub(super) span: Span,
    table: Table,
    resource_tags: Vec<(Text, Text)>,
    /// A text that is read while the batch is written to.
    scratch: String,
}

impl Assembly {
    /// Begins a new span.
    pub(super) fn begin(&mut self) {
        self.span.head = Head::default();
        self.span.tags.clear();
        self.span.annotations.clear();
    }

    /// Pushes the rows of the span. The reader has charged its row, a row for each tag and annotation; `at` is where it lies.
    pub(super) fn push(
        &mut self,
        builder: &mut SpanBatchBuilder,
        budget: &mut Budget,
        at: usize,
    ) -> Result<(), DecodeError> {
        let head = self.span.head;
        let (kind, status, status_message, trace_state) = self.fields(builder);
        let start = UnixNanos::from_micros(head.timestamp);
        let end = UnixNanos::from_micros(head.timestamp.saturating_add(head.duration));
        let parent = head.parent_span_id;
        let mut row = SpanRow {
            trace_id: head.trace_id,
            span_id: head.span_id,
            // Clients of old made the root its own parent.
            parent_span_id: if parent == head.span_id { SpanId::NONE } else { parent },
            name: head.name,
            kind,
            status,
            status_message,
            trace_state,
            flags: if head.debug { DEBUG } else { 0 },
            flags_are: FlagsAre::Jaeger,
            start,
            end,
            ..SpanRow::default()
        };
        row.links = self.links(builder, budget, at)?;
        row.events = self.events(builder, budget, at)?;
        row.scope = self.scope(builder, budget, at)?;
        row.attributes = self.attributes(builder);
        builder.push_span(row);
        Ok(())
    }

    /// What tags say about the span's own fields.
    fn fields(&mut self, builder: &SpanBatchBuilder) -> (SpanKind, spoor_model::StatusCode, Text, Text) {
        let (batch, tags) = (builder.batch(), &mut self.span.tags);
        let told = self.span.head.kind;
        let of_tag = tags.take_if(Role::Kind, |text| {
            let kind = SpanKind::from_name(batch.str(text));
            kind.filter(|kind| told == SpanKind::Unspecified || told == *kind)
        });
        let (status, message) = tags.status(batch);
        let trace_state = tags.take(Role::TraceState).unwrap_or_default();
        (of_tag.unwrap_or(told), status, message, trace_state)
    }

    fn links(
        &mut self,
        builder: &mut SpanBatchBuilder,
        budget: &mut Budget,
        at: usize,
    ) -> Result<Rows, DecodeError> {
        let mark = builder.links_mark();
        for place in self.span.tags.links(builder.batch()) {
            self.copy(builder, self.span.tags.value(place));
            let Some(link) = PipedLink::parse(&self.scratch) else { continue };
            let Some(attributes) = piped::attributes(builder, budget, link.attributes, at)? else { continue };
            budget.take::<LinkRow>(1, at)?;
            let trace_state = builder.text(link.trace_state);
            builder.push_link(LinkRow { trace_state, attributes, ..link.row });
            self.span.tags.take_at(place);
        }
        Ok(builder.links_since(mark))
    }

    fn events(
        &mut self,
        builder: &mut SpanBatchBuilder,
        budget: &mut Budget,
        at: usize,
    ) -> Result<Rows, DecodeError> {
        let mark = builder.events_mark();
        for index in 0..self.span.annotations.len() {
            let Annotation { timestamp, value } = self.span.annotations[index];
            let time = UnixNanos::from_micros(timestamp);
            let row = match self.piped_event(builder, budget, value, at)? {
                Some(row) => EventRow { time, ..row },
                None => EventRow { time, name: value, ..EventRow::default() },
            };
            builder.push_event(row);
        }
        Ok(builder.events_since(mark))
    }

    fn piped_event(
        &mut self,
        builder: &mut SpanBatchBuilder,
        budget: &mut Budget,
        value: Text,
        at: usize,
    ) -> Result<Option<EventRow>, DecodeError> {
        if !builder.batch().bytes(value).contains(&b'|') {
            return Ok(None);
        }
        self.copy(builder, value);
        let Some(event) = PipedEvent::parse(&self.scratch) else { return Ok(None) };
        let Some(attributes) = piped::attributes(builder, budget, event.attributes, at)? else {
            return Ok(None);
        };
        let name = builder.text(event.name);
        Ok(Some(EventRow { name, attributes, dropped_attributes: event.dropped, ..EventRow::default() }))
    }

    fn copy(&mut self, builder: &SpanBatchBuilder, text: Text) {
        self.scratch.clear();
        self.scratch.push_str(builder.batch().str(text));
    }

    fn scope(
        &mut self,
        builder: &mut SpanBatchBuilder,
        budget: &mut Budget,
        at: usize,
    ) -> Result<u32, DecodeError> {
        let local = self.span.head.local.service;
        let tags = &mut self.span.tags;
        let service = tags.take(Role::ServiceName).or_else(|| (!local.is_empty()).then_some(local));
        self.resource_tags.clear();
        if service.is_some() {
            // The name is that of the endpoint, wherever it came from.
            tags.take(Role::ServiceNameSource);
            let of_resource = tags.iter().filter(|tag| tag.role == Role::Resource);
            self.resource_tags.extend(of_resource.map(|tag| (tag.key, tag.value)));
        }
        let name = tags.take_same(builder.batch(), Role::ScopeName).unwrap_or_default();
        let version =
            if name.is_empty() { None } else { tags.take_same(builder.batch(), Role::ScopeVersion) };
        let resource = self.table.resource(builder, budget, service, &self.resource_tags, at)?;
        let version = version.unwrap_or_default();
        let row = ScopeRow { resource, name, version, ..ScopeRow::default() };
        self.table.scope(builder, budget, row, at)
    }

    fn attributes(&mut self, builder: &mut SpanBatchBuilder) -> Rows {
        let Head { local, remote, timestamp, .. } = self.span.head;
        let on_resource = !self.resource_tags.is_empty();
        let mark = builder.attributes_mark();
        for tag in self.span.tags.iter() {
            let is_told_elsewhere = match tag.role {
                Role::Taken => true,
                Role::Resource => on_resource,
                Role::HostIp => !local.ip().is_empty(),
                Role::HostPort => local.port != 0,
                Role::PeerService => !remote.service.is_empty(),
                Role::PeerIp => !remote.ip().is_empty(),
                Role::PeerPort => remote.port != 0,
                _ => false,
            };
            if !is_told_elsewhere {
                builder.push_attribute(tag.key, Value::Str(tag.value));
            }
        }
        let table = &mut self.table;
        for (name, text) in
            [(Name::HostIp, local.ip()), (Name::PeerService, remote.service), (Name::PeerIp, remote.ip())]
        {
            if !text.is_empty() {
                table.push_named(builder, name, Value::Str(text));
            }
        }
        for (name, port) in [(Name::HostPort, local.port), (Name::PeerPort, remote.port)] {
            if port != 0 {
                table.push_named(builder, name, Value::Int(i64::from(port)));
            }
        }
        if timestamp == 0 {
            table.push_named(builder, Name::StartAbsent, Value::Bool(true));
        }
        builder.attributes_since(mark)
    }
}

//! A v1 span, however it was written, to a row: its annotations say when it was, on which side, and of which service.
//! The readers fill [`Assembly::span`] with texts that are in the batch already, and push.

use spoor_model::{
    EventRow, FlagsAre, Rows, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanKind, SpanRow, Text,
    TraceId, UnixNanos, Value,
};

use super::DEBUG;
use super::table::{Name, Table};
use super::v1_status::StatusMapper;
use crate::convert::limits::Budget;
use crate::error::DecodeError;

/// The service of a span that names none.
const UNKNOWN_SERVICE: &str = "unknown-service";

/// `Endpoint`; what is not told is empty.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Host {
    pub(super) service: Text,
    pub(super) ipv4: Text,
    pub(super) ipv6: Text,
    pub(super) port: u16,
}

/// `Annotation`
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Annotation {
    /// Microseconds (µs) since 1970.
    pub(super) timestamp: i64,
    pub(super) value: Text,
    pub(super) host: Host,
}

/// `BinaryAnnotation`
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BinaryAnnotation {
    pub(super) key: Text,
    pub(super) value: Value,
    pub(super) host: Host,
}

/// A span's fields, but for its lists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) parent_span_id: SpanId,
    pub(super) name: Text,
    /// Microseconds (µs) since 1970; 0 is none.
    pub(super) timestamp: i64,
    /// Microseconds (µs).
    pub(super) duration: i64,
    pub(super) debug: bool,
}

/// A span that is being read; its lists are used again and again.
#[derive(Default)]
pub(super) struct Span {
    pub(super) head: Head,
    pub(super) annotations: Vec<Annotation>,
    pub(super) binary: Vec<BinaryAnnotation>,
}

/// From spans to rows.
pub(super) struct Assembly {
    pub(super) span: Span,
    table: Table,
    /// When a span began that does not say.
    now: UnixNanos,
}

impl Assembly {
    pub(super) fn new(now: UnixNanos) -> Self {
        Self { span: Span::default(), table: Table::default(), now }
    }

    /// Begins a new span.
    pub(super) fn begin(&mut self) {
        self.span.head = Head::default();
        self.span.annotations.clear();
        self.span.binary.clear();
    }

    /// Pushes the rows of the span. The reader has charged its row, two of an event for each annotation, and five of an attribute
    /// for each binary one; `at` is where it lies.
    pub(super) fn push(
        &mut self,
        builder: &mut SpanBatchBuilder,
        budget: &mut Budget,
        at: usize,
    ) -> Result<(), DecodeError> {
        let head = self.span.head;
        let (start, end) = self.times();
        let is_absent = start == UnixNanos::ZERO;
        let (start, end) = if is_absent { (self.now, self.now) } else { (start, end) };
        let events = self.events(builder);
        let resource = self.resource(builder, budget, at)?;
        let scope = ScopeRow { resource, ..ScopeRow::default() };
        let scope = self.table.scope(builder, budget, scope, at)?;
        let mut row = SpanRow {
            trace_id: head.trace_id,
            span_id: head.span_id,
            parent_span_id: head.parent_span_id,
            scope,
            name: head.name,
            kind: self.kind(builder.batch()),
            flags: if head.debug { DEBUG } else { 0 },
            flags_are: FlagsAre::Jaeger,
            start,
            end,
            events,
            ..SpanRow::default()
        };
        self.tags(builder, &mut row, is_absent);
        builder.push_span(row);
        Ok(())
    }

    /// From the span's own fields; else from its first annotation to its last. Zero where nothing tells.
    fn times(&self) -> (UnixNanos, UnixNanos) {
        let Head { timestamp, duration, .. } = self.span.head;
        if timestamp != 0 {
            return (micros(timestamp), micros(timestamp.saturating_add(duration)));
        }
        let times = || self.told().map(|annotation| annotation.timestamp);
        (times().min().map_or(UnixNanos::ZERO, micros), times().max().map_or(UnixNanos::ZERO, micros))
    }

    /// Annotations that say something.
    fn told(&self) -> impl Iterator<Item = &Annotation> {
        self.span.annotations.iter().filter(|annotation| !annotation.value.is_empty())
    }

    fn kind(&self, batch: &SpanBatch) -> SpanKind {
        self.told().find_map(|annotation| side(batch.bytes(annotation.value))).unwrap_or_default()
    }

    fn events(&self, builder: &mut SpanBatchBuilder) -> Rows {
        let mark = builder.events_mark();
        for Annotation { timestamp, value, .. } in self.told() {
            if side(builder.batch().bytes(*value)).is_none() {
                builder.push_event(EventRow {
                    time: micros(*timestamp),
                    name: *value,
                    ..EventRow::default()
                });
            }
        }
        builder.events_since(mark)
    }

    fn resource(
        &mut self,
        builder: &mut SpanBatchBuilder,
        budget: &mut Budget,
        at: usize,
    ) -> Result<u32, DecodeError> {
        let host = self.local_host(builder.batch());
        let service = match host.service {
            service if service.is_empty() => builder.text(UNKNOWN_SERVICE),
            service => service,
        };
        let mut tags = [(Text::EMPTY, Text::EMPTY); 3];
        let mut count = 0;
        let port = match host.port {
            0 => Text::EMPTY,
            port => builder.text(itoa::Buffer::new().format(port)),
        };
        for (name, text) in [(Name::Ipv4, host.ipv4), (Name::Ipv6, host.ipv6), (Name::Port, port)] {
            if !text.is_empty() {
                tags[count] = (self.table.name(builder, name), text);
                count += 1;
            }
        }
        self.table.resource(builder, budget, Some(service), &tags[..count], at)
    }

    /// Who has recorded the span: the host of a core annotation. Else only the service is told, by a tag's host or by `lc`.
    fn local_host(&self, batch: &SpanBatch) -> Host {
        let is_core = |annotation: &&Annotation| side(batch.bytes(annotation.value)).is_some();
        let named = |host: &Host| !host.service.is_empty();
        if let Some(host) =
            self.told().filter(is_core).map(|annotation| annotation.host).find(|host| named(host))
        {
            return host;
        }
        // An address tag's host is the other side.
        let own = self.span.binary.iter().filter(|tag| !is_address(batch.bytes(tag.key)));
        let service = own.map(|tag| tag.host.service).filter(|service| !service.is_empty()).last();
        let component = || {
            let found = self.span.binary.iter().rfind(|tag| batch.bytes(tag.key) == LOCAL_COMPONENT);
            found.and_then(|tag| match tag.value {
                Value::Str(text) => Some(text),
                _ => None,
            })
        };
        Host { service: service.or_else(component).unwrap_or_default(), ..Host::default() }
    }

    fn tags(&mut self, builder: &mut SpanBatchBuilder, row: &mut SpanRow, is_absent: bool) {
        let mark = builder.attributes_mark();
        let mut status = StatusMapper::default();
        for index in 0..self.span.binary.len() {
            let BinaryAnnotation { key, value, host } = self.span.binary[index];
            if status.takes(builder.batch(), key, value) {
                continue;
            }
            match builder.batch().bytes(key) {
                LOCAL_COMPONENT => self.table.push_named(builder, Name::Component, value),
                other => {
                    let is_address = is_address(other);
                    builder.push_attribute(key, value);
                    if is_address {
                        self.push_peer(builder, host);
                    }
                }
            }
        }
        if is_absent {
            self.table.push_named(builder, Name::StartAbsent, Value::Bool(true));
        }
        row.attributes = builder.attributes_since(mark);
        (row.status, row.status_message) = status.status();
    }

    /// The other side, under the names that it has in v2.
    fn push_peer(&mut self, builder: &mut SpanBatchBuilder, host: Host) {
        let ip = if host.ipv6.is_empty() { host.ipv4 } else { host.ipv6 };
        for (name, text) in [(Name::PeerService, host.service), (Name::PeerIp, ip)] {
            if !text.is_empty() {
                self.table.push_named(builder, name, Value::Str(text));
            }
        }
        if host.port != 0 {
            self.table.push_named(builder, Name::PeerPort, Value::Int(i64::from(host.port)));
        }
    }
}

/// The tag of a span that has no other side.
const LOCAL_COMPONENT: &[u8] = b"lc";

/// Tags whose host is the other side: of a server, a client, or a broker.
fn is_address(key: &[u8]) -> bool {
    matches!(key, b"sa" | b"ca" | b"ma")
}

/// The side that a core annotation tells of.
fn side(value: &[u8]) -> Option<SpanKind> {
    match value {
        b"cs" | b"cr" => Some(SpanKind::Client),
        b"ss" | b"sr" => Some(SpanKind::Server),
        b"ms" => Some(SpanKind::Producer),
        b"mr" => Some(SpanKind::Consumer),
        _ => None,
    }
}

/// A point in time from microseconds; what lies before 1970 is moved there.
fn micros(micros: i64) -> UnixNanos {
    UnixNanos::from_micros(u64::try_from(micros).unwrap_or_default())
}

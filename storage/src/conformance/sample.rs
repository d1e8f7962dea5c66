//! Spans for the claims: a plain struct with defaults, written into a batch by the one builder.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spoor_model::{
    EventRow, LinkRow, ReferenceKind, ResourceRow, Rows, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId,
    SpanKind, SpanRow, StatusCode, TraceId, UnixNanos, ValueView,
};

/// Key and value of an attribute.
pub type Attribute<'a> = (&'a str, ValueView<'a>);

/// One span to be written.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: u64,
    /// The parent; 0 for a root.
    pub parent: u64,
    /// The service's name.
    pub service: &'a str,
    /// The operation.
    pub name: &'a str,
    /// The kind.
    pub kind: SpanKind,
    /// The status.
    pub status: StatusCode,
    /// Words to the status.
    pub status_message: &'a str,
    /// The W3C trace state.
    pub trace_state: &'a str,
    /// Name and version of the scope.
    pub scope: (&'a str, &'a str),
    /// When it began.
    pub start: UnixNanos,
    /// How long it took.
    pub duration: Duration,
    /// The span's attributes.
    pub attributes: Vec<Attribute<'a>>,
    /// The resource's attributes, without the service's name.
    pub resource: Vec<Attribute<'a>>,
    /// The events.
    pub events: Vec<SampleEvent<'a>>,
    /// The links.
    pub links: Vec<SampleLink>,
}

/// An event of a [`Sample`].
#[derive(Debug, Clone)]
pub struct SampleEvent<'a> {
    /// When.
    pub time: UnixNanos,
    /// Its name.
    pub name: &'a str,
    /// Its attributes.
    pub attributes: Vec<Attribute<'a>>,
}

/// A link of a [`Sample`].
#[derive(Debug, Clone, Copy)]
pub struct SampleLink {
    /// The other trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: u64,
    /// What it means.
    pub kind: ReferenceKind,
}

impl<'a> Sample<'a> {
    /// A root span of 5 ms without attributes, service `shop`, operation `GET /cart`.
    #[must_use]
    pub fn new(trace_id: TraceId, span_id: u64, start: UnixNanos) -> Self {
        Self {
            trace_id,
            span_id,
            parent: 0,
            service: "shop",
            name: "GET /cart",
            kind: SpanKind::Server,
            status: StatusCode::Unset,
            status_message: "",
            trace_state: "",
            scope: ("", ""),
            start,
            duration: Duration::from_millis(5),
            attributes: Vec::new(),
            resource: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, key: &'a str, value: ValueView<'a>) -> Self {
        self.attributes.push((key, value));
        self
    }
}

/// The samples as one batch, each with a resource and a scope of its own.
#[must_use]
pub fn batch_of(samples: &[Sample<'_>]) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    for sample in samples {
        push(&mut builder, sample);
    }
    builder.finish().expect("samples are small")
}

fn push(builder: &mut SpanBatchBuilder, sample: &Sample<'_>) {
    let service = Some(builder.text(sample.service));
    let attributes = builder.attributes(sample.resource.iter().copied());
    let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
    let name = builder.text(sample.scope.0);
    let version = builder.text(sample.scope.1);
    let scope = builder.push_scope(ScopeRow { resource, name, version, ..ScopeRow::default() });
    let events = push_events(builder, &sample.events);
    let links = push_links(builder, &sample.links);
    let attributes = builder.attributes(sample.attributes.iter().copied());
    let row = SpanRow {
        trace_id: sample.trace_id,
        span_id: SpanId(sample.span_id),
        parent_span_id: SpanId(sample.parent),
        scope,
        name: builder.text(sample.name),
        kind: sample.kind,
        status: sample.status,
        status_message: builder.text(sample.status_message),
        trace_state: builder.text(sample.trace_state),
        start: sample.start,
        end: sample.start.saturating_add(sample.duration),
        attributes,
        events,
        links,
        ..SpanRow::default()
    };
    builder.push_span(row);
}

fn push_events(builder: &mut SpanBatchBuilder, events: &[SampleEvent<'_>]) -> Rows {
    let mark = builder.events_mark();
    for event in events {
        let attributes = builder.attributes(event.attributes.iter().copied());
        let name = builder.text(event.name);
        builder.push_event(EventRow { time: event.time, name, attributes, dropped_attributes: 0 });
    }
    builder.events_since(mark)
}

fn push_links(builder: &mut SpanBatchBuilder, links: &[SampleLink]) -> Rows {
    let mark = builder.links_mark();
    for link in links {
        builder.push_link(LinkRow {
            trace_id: link.trace_id,
            span_id: SpanId(link.span_id),
            kind: link.kind,
            ..LinkRow::default()
        });
    }
    builder.links_since(mark)
}

/// Ten minutes ago, to the second: within every store's retention and at a whole millisecond.
#[must_use]
pub fn some_minutes_ago() -> UnixNanos {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UnixNanos::from_millis((now - 600) * 1_000)
}

/// The n-th trace of a claim, an id of 128 bits.
#[must_use]
pub fn trace_id(number: u64) -> TraceId {
    TraceId((0xfeed_0000_0000_0001 << 64) | u128::from(number))
}

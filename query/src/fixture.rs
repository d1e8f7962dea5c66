//! Traces and a store for the tests of this crate: spans in a few words, and a reader that answers what it was told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use spoor_model::{
    EventRow, FoundTrace, LinkRow, Operation, OperationQuery, ReferenceKind, ResourceRow, ScopeRow,
    SpanBatch, SpanBatchBuilder, SpanId, SpanKind, SpanRow, TraceId, TraceLookup, TraceQuery, UnixNanos,
    ValueView,
};
use spoor_storage::{
    Capabilities, Credentials, ReadError, ReadErrorKind, RequestContext, SpanReader, SpanStream,
};

/// Attributes in a few words.
pub(crate) type Tags<'a> = &'a [(&'a str, ValueView<'a>)];

/// A span in a few words; times in µs.
#[derive(Clone, Copy)]
pub(crate) struct Span<'a> {
    pub(crate) trace: u128,
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) name: &'a str,
    pub(crate) kind: SpanKind,
    pub(crate) start: u64,
    pub(crate) duration: u64,
    /// Which of the trace's resources.
    pub(crate) resource: u32,
    pub(crate) attributes: Tags<'a>,
    pub(crate) events: &'a [(u64, &'a str, Tags<'a>)],
    pub(crate) links: &'a [(u128, u64, ReferenceKind)],
}

/// An empty span of trace 1 to start from.
pub(crate) const SPAN: Span<'static> = Span {
    trace: 1,
    id: 1,
    parent: 0,
    name: "op",
    kind: SpanKind::Unspecified,
    start: 1_000,
    duration: 100,
    resource: 0,
    attributes: &[],
    events: &[],
    links: &[],
};

/// A batch of these spans, whose resources have the service `service` and these attributes, one scope each.
pub(crate) fn batch(resources: &[Tags<'_>], spans: &[Span<'_>]) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    for tags in resources {
        let attributes = builder.attributes(tags.iter().copied());
        let service = Some(builder.text("service"));
        let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
        builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    }
    for span in spans {
        push(&mut builder, span);
    }
    builder.finish().unwrap()
}

fn push(builder: &mut SpanBatchBuilder, span: &Span<'_>) {
    let name = builder.text(span.name);
    let attributes = builder.attributes(span.attributes.iter().copied());
    let mark = builder.events_mark();
    for (time, name, tags) in span.events {
        let (name, attributes) = (builder.text(name), builder.attributes(tags.iter().copied()));
        builder.push_event(EventRow {
            time: UnixNanos::from_micros(*time),
            name,
            attributes,
            ..EventRow::default()
        });
    }
    let events = builder.events_since(mark);
    let mark = builder.links_mark();
    for &(trace, id, kind) in span.links {
        builder.push_link(LinkRow {
            trace_id: TraceId(trace),
            span_id: SpanId(id),
            kind,
            ..LinkRow::default()
        });
    }
    let links = builder.links_since(mark);
    builder.push_span(SpanRow {
        trace_id: TraceId(span.trace),
        span_id: SpanId(span.id),
        parent_span_id: SpanId(span.parent),
        scope: span.resource,
        name,
        kind: span.kind,
        start: UnixNanos::from_micros(span.start),
        end: UnixNanos::from_micros(span.start + span.duration),
        attributes,
        events,
        links,
        ..SpanRow::default()
    });
}

/// A trace of `spans` plain spans, ids from 1 on, all children of the first.
pub(crate) fn plain_trace(trace: u128, spans: u64) -> SpanBatch {
    let spans: Vec<Span<'_>> =
        (1..=spans).map(|id| Span { trace, id, parent: u64::from(id > 1), ..SPAN }).collect();
    batch(&[&[]], &spans)
}

/// What a [`FakeReader`] does when asked for spans.
pub(crate) enum Script {
    /// Gives these parts.
    Parts(Vec<SpanBatch>),
    /// Fails at once.
    Fail(ReadErrorKind),
    /// Gives these parts, then fails.
    FailAfter(Vec<SpanBatch>, ReadErrorKind),
    /// Gives these parts, then nothing more, and does not end.
    HangAfter(Vec<SpanBatch>),
    /// Never answers.
    Hang,
}

/// Answers by its script, and remembers what it was asked.
pub(crate) struct FakeReader {
    pub(crate) script: Script,
    /// Traces that are found and have gone when they are read.
    pub(crate) gone: Vec<TraceId>,
    pub(crate) services: Vec<String>,
    pub(crate) operations: Vec<Operation>,
    /// Lists of names are said to be cut.
    pub(crate) cuts: bool,
    pub(crate) lookups: Mutex<Vec<TraceLookup>>,
    pub(crate) searches: Mutex<Vec<TraceQuery>>,
    pub(crate) operation_queries: Mutex<Vec<OperationQuery>>,
    /// Whose token came with each question for services.
    pub(crate) callers: Mutex<Vec<Option<Credentials>>>,
    /// The question that each search and each look at a trace was a part of.
    pub(crate) questions: Mutex<Vec<Option<u64>>>,
    /// Questions for spans that were begun and neither answered nor dropped.
    pub(crate) working: AtomicUsize,
}

impl FakeReader {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            script,
            gone: Vec::new(),
            services: Vec::new(),
            operations: Vec::new(),
            cuts: false,
            lookups: Mutex::default(),
            searches: Mutex::default(),
            operation_queries: Mutex::default(),
            callers: Mutex::default(),
            questions: Mutex::default(),
            working: AtomicUsize::new(0),
        }
    }

    fn fail(kind: ReadErrorKind) -> ReadError {
        ReadError::new(kind, "read from the fake", "it was told to fail")
    }

    fn tell(&self, context: &RequestContext) {
        if self.cuts {
            context.is_cut();
        }
    }

    fn check(&self) -> Result<(), ReadError> {
        match self.script {
            Script::Fail(kind) => Err(Self::fail(kind)),
            _ => Ok(()),
        }
    }

    async fn stream(&self, only: Option<TraceId>) -> Result<SpanStream<'_>, ReadError> {
        self.working.fetch_add(1, Ordering::SeqCst);
        let _working = Working(&self.working);
        let (parts, end) = match &self.script {
            Script::Parts(parts) => (parts, None),
            Script::FailAfter(parts, kind) => (parts, Some(Err(Self::fail(*kind)))),
            Script::HangAfter(parts) => {
                let parts = futures::stream::iter(parts.iter().cloned().map(Ok));
                return Ok(parts.chain(futures::stream::pending()).boxed());
            }
            Script::Fail(kind) => return Err(Self::fail(*kind)),
            Script::Hang => std::future::pending().await,
        };
        let wanted = move |part: &&SpanBatch| {
            only.is_none_or(|id| part.span(0).is_some_and(|span| span.trace_id() == id))
        };
        Ok(futures::stream::iter(parts.iter().filter(wanted).cloned().map(Ok).chain(end)).boxed())
    }
}

struct Working<'a>(&'a AtomicUsize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl SpanReader for FakeReader {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError> {
        self.callers.lock().unwrap().push(context.credentials.clone());
        self.check()?;
        self.tell(context);
        Ok(self.services.clone())
    }

    async fn operations(
        &self,
        context: &RequestContext,
        query: &OperationQuery,
    ) -> Result<Vec<Operation>, ReadError> {
        self.check()?;
        self.operation_queries.lock().unwrap().push(query.clone());
        self.tell(context);
        Ok(self.operations.clone())
    }

    async fn trace<'a>(
        &'a self,
        context: &RequestContext,
        lookup: &TraceLookup,
    ) -> Result<SpanStream<'a>, ReadError> {
        self.questions.lock().unwrap().push(context.question);
        self.lookups.lock().unwrap().push(lookup.clone());
        if self.gone.contains(&lookup.trace_id) {
            return Ok(futures::stream::empty().boxed());
        }
        self.stream(Some(lookup.trace_id)).await
    }

    async fn find_traces<'a>(
        &'a self,
        _: &RequestContext,
        query: &TraceQuery,
    ) -> Result<SpanStream<'a>, ReadError> {
        self.searches.lock().unwrap().push(query.clone());
        self.stream(None).await
    }

    /// The places of the script's traces, in its order.
    async fn find_trace_ids(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        after: Option<FoundTrace>,
    ) -> Result<Vec<FoundTrace>, ReadError> {
        self.questions.lock().unwrap().push(context.question);
        self.searches.lock().unwrap().push(query.clone());
        let traces: Vec<_> = self.stream(None).await?.collect().await;
        let mut ids: Vec<TraceId> = Vec::new();
        for part in traces {
            ids.extend(part?.span(0).map(|span| span.trace_id()));
        }
        ids.dedup();
        let place =
            |(index, trace_id)| FoundTrace { newest_match_micros: 1_000_000 - index as u64, trace_id };
        let places = ids.into_iter().enumerate().map(place);
        Ok(places.filter(|place| after.is_none_or(|after| *place > after)).take(query.limit).collect())
    }
}

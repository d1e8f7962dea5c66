//! Claims about who calls whom: what is a call, which traces are a day's, and who counts.

mod days;
mod jobs;
mod rules;

use spoor_model::{
    LinkRow, ReferenceKind, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanKind, SpanRow,
    TraceId, UnixNanos, ValueView,
};

/// A span in a few words.
#[derive(Clone, Copy)]
struct Span<'a> {
    trace: u128,
    id: u64,
    parent: u64,
    service: &'a str,
    kind: SpanKind,
    peer: &'a str,
    /// The trace and span of each.
    links: &'a [(u128, u64)],
    start: UnixNanos,
}

const SPAN: Span<'static> = Span {
    trace: 1,
    id: 1,
    parent: 0,
    service: "a",
    kind: SpanKind::Unspecified,
    peer: "",
    links: &[],
    start: UnixNanos(1_000),
};

/// A batch of these spans, each with a resource of its own.
fn batch(spans: &[Span<'_>]) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    for span in spans {
        let service = (!span.service.is_empty()).then(|| builder.text(span.service));
        let resource = builder.push_resource(ResourceRow { service, ..ResourceRow::default() });
        let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        let name = builder.text("op");
        let peer = (!span.peer.is_empty()).then_some(("peer.service", ValueView::Str(span.peer)));
        let attributes = builder.attributes(peer);
        let mark = builder.links_mark();
        for &(trace, id) in span.links {
            let kind = ReferenceKind::FollowsFrom;
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
            scope,
            name,
            kind: span.kind,
            start: span.start,
            end: span.start,
            attributes,
            links,
            ..SpanRow::default()
        });
    }
    builder.finish().unwrap()
}

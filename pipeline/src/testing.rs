//! Batches for the tests of the steps: one resource a span, as plain as can be.

use spoor_model::{
    ResourceRow, Rows, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId, UnixNanos, ValueView,
};

/// A span to be made.
#[derive(Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) service: Option<&'static str>,
    pub(crate) resource: &'static [(&'static str, ValueView<'static>)],
    pub(crate) name: &'static str,
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Default for Spec {
    fn default() -> Self {
        Self { service: Some("shop"), resource: &[], name: "op", trace_id: 1, span_id: 1, start: 5, end: 8 }
    }
}

pub(crate) fn batch(specs: &[Spec]) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    for spec in specs {
        let service = spec.service.map(|service| builder.text(service));
        let attributes = builder.attributes(spec.resource.iter().copied());
        let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
        let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        let name = builder.text(spec.name);
        builder.push_span(SpanRow {
            trace_id: TraceId(spec.trace_id),
            span_id: SpanId(spec.span_id),
            scope,
            name,
            start: UnixNanos(spec.start),
            end: UnixNanos(spec.end),
            attributes: Rows::NONE,
            ..SpanRow::default()
        });
    }
    builder.finish().unwrap()
}

//! Spans for this crate's own tests.

use spoor_model::{ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanRow, TraceId, UnixNanos};
use spoor_proto::convert::jaeger_v2::{encode_batch_span, encode_process};

use crate::datagram::Format;
use crate::package::Package;

/// So many spans of a service, told apart by their ids.
pub(crate) fn batch(service: &str, spans: u64) -> SpanBatch {
    batch_of_ids(service, 1..=spans)
}

/// Spans of a service with these ids.
pub(crate) fn batch_of_ids(service: &str, ids: impl IntoIterator<Item = u64>) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let service = builder.text(service);
    let resource = builder.push_resource(ResourceRow { service: Some(service), ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    for id in ids {
        let name = builder.text("work");
        let (start, end) = (UnixNanos(1_000_000), UnixNanos(2_000_000));
        let (trace_id, span_id) = (TraceId(7), SpanId(id));
        builder.push_span(SpanRow { trace_id, span_id, scope, name, start, end, ..SpanRow::default() });
    }
    builder.finish().expect("a few spans fit")
}

/// The same, sealed.
pub(crate) fn package(service: &str, spans: u32) -> Package {
    let batch = batch(service, u64::from(spans));
    let (mut encoded, mut process) = (Vec::new(), Vec::new());
    for span in batch.spans() {
        encode_batch_span(&mut encoded, span);
    }
    encode_process(&mut process, batch.resources().next().expect("there is one"));
    Package::seal(Format::Jaeger, spans, &encoded, &process)
}

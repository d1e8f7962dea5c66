//! A `PostSpans` request out of parts that were encoded apart, as whoever gathers spans of one process over time needs them.

use spoor_model::{ResourceView, SpanView};

use super::encode::{Process, write_process, write_span};
use super::fields::{batch, request};
use crate::wire::{Writer, varint_width};

/// Appends a `Process` message (its content, without a length before it).
pub fn encode_process(out: &mut Vec<u8>, resource: ResourceView<'_>) {
    write_process(&mut Writer::new(out), resource);
}

/// Appends a span as an item of a `Batch`, with its field's head and without its process.
pub fn encode_batch_span(out: &mut Vec<u8>, span: SpanView<'_>) {
    Writer::new(out).message(batch::SPANS.number(), |writer| write_span(writer, span, Process::Omitted));
}

/// Appends a `PostSpansRequest` message of spans that [`encode_batch_span`] wrote and a process of [`encode_process`].
pub fn encode_post_spans_of(out: &mut Vec<u8>, spans: &[u8], process: &[u8]) {
    // The process: one byte of tag, its length, itself.
    let process_field = 1 + varint_width(process.len() as u64) + process.len();
    let mut writer = Writer::new(out);
    writer.length(request::BATCH.number(), spans.len() + process_field);
    writer.raw(spans);
    writer.bytes(batch::PROCESS.number(), process);
}

#[cfg(test)]
mod tests {
    use spoor_model::{ResourceRow, ScopeRow, SpanBatchBuilder, SpanId, SpanRow, TraceId};

    use super::*;
    use crate::convert::jaeger_v2::encode_post_spans;

    #[test]
    fn the_parts_make_the_same_bytes_as_the_whole() {
        for length in [1, 200, 20_000] {
            let mut builder = SpanBatchBuilder::new();
            let service = builder.text(&"s".repeat(length));
            let resource =
                builder.push_resource(ResourceRow { service: Some(service), ..ResourceRow::default() });
            let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
            for id in 1..=2 {
                let name = builder.text(&"n".repeat(length));
                let (trace_id, span_id) = (TraceId(1), SpanId(id));
                builder.push_span(SpanRow { trace_id, span_id, scope, name, ..SpanRow::default() });
            }
            let batch = builder.finish().unwrap();
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            encode_post_spans(&mut whole, batch.spans());
            let (mut spans, mut process) = (Vec::new(), Vec::new());
            batch.spans().for_each(|span| encode_batch_span(&mut spans, span));
            encode_process(&mut process, batch.resources().next().unwrap());
            encode_post_spans_of(&mut parts, &spans, &process);
            assert!(whole == parts, "{length}");
        }
    }
}

//! Hot path: OTLP messages of chosen spans, made of parts that are written once: what every message repeats of a resource or
//! a scope, and the spans themselves, which are copied as received wherever nothing has changed them. Lengths are known
//! before anything is written, so nothing is moved.

use std::ops::Range;

use spoor_model::SpanBatch;

use super::encode::{
    write_resource_head, write_resource_tail, write_scope_head, write_scope_tail, write_span,
};
use super::fields::{resource_spans, scope_spans, traces};
use crate::convert::placed::{Placed, TraceFraming};
use crate::wire::{Writer, varint_width};

/// The parts of a batch's OTLP messages.
pub(crate) struct Framing<'b> {
    batch: &'b SpanBatch,
    /// All parts that had to be written.
    parts: Vec<u8>,
    /// Head and tail of each resource, by row.
    resources: Vec<Ends>,
    /// Head and tail of each scope, by row.
    scopes: Vec<Ends>,
    /// Spans that had to be written, by position; left empty as long as there is none.
    written: Vec<Range<usize>>,
}

/// What stands before and behind the children of a message.
pub(super) struct Ends {
    pub(super) head: Range<usize>,
    pub(super) tail: Range<usize>,
}

impl Ends {
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }
}

impl<'b> Framing<'b> {
    /// Writes the parts that cannot be copied.
    pub(crate) fn new(batch: &'b SpanBatch) -> Self {
        let mut parts = Vec::new();
        let resources = batch.resources().map(|view| Ends {
            head: part(&mut parts, |writer| write_resource_head(writer, view)),
            tail: part(&mut parts, |writer| write_resource_tail(writer, view)),
        });
        let resources = resources.collect();
        let scopes = batch.scopes().map(|view| Ends {
            head: part(&mut parts, |writer| write_scope_head(writer, view)),
            tail: part(&mut parts, |writer| write_scope_tail(writer, view)),
        });
        let scopes = scopes.collect();
        let mut written = Vec::new();
        if batch.spans().any(|span| span.encoded().is_none()) {
            let spans = batch.spans().map(|span| match span.encoded() {
                Some(_) => 0..0,
                None => part(&mut parts, |writer| write_span(writer, span)),
            });
            written = spans.collect();
        }
        Self { batch, parts, resources, scopes, written }
    }

    fn span(&self, placed: &Placed) -> &[u8] {
        let index = placed.index as usize;
        let encoded = self.batch.span(index).and_then(|span| span.encoded());
        encoded.or_else(|| self.parts.get(self.written.get(index)?.clone())).unwrap_or_default()
    }

    /// Length of a `ScopeSpans` of these spans, all of one scope.
    fn scope_size(&self, spans: &[Placed]) -> usize {
        let ends = spans.first().and_then(|first| self.scopes.get(first.scope as usize)).map_or(0, Ends::len);
        ends + spans.iter().map(|placed| field_size(self.span(placed).len())).sum::<usize>()
    }

    /// Length of a `ResourceSpans` of these spans, all of one resource.
    fn resource_size(&self, spans: &[Placed]) -> usize {
        let first = spans.first().and_then(|first| self.resources.get(first.resource as usize));
        let ends = first.map_or(0, Ends::len);
        ends + spans
            .chunk_by(Placed::shares_scope)
            .map(|group| field_size(self.scope_size(group)))
            .sum::<usize>()
    }

    fn write_resource_spans(&self, spans: &[Placed], writer: &mut Writer<'_>) {
        let Some(ends) = spans.first().and_then(|first| self.resources.get(first.resource as usize)) else {
            return;
        };
        writer.raw(&self.parts[ends.head.clone()]);
        for group in spans.chunk_by(Placed::shares_scope) {
            writer.length(resource_spans::SCOPE_SPANS.number(), self.scope_size(group));
            self.write_scope_spans(group, writer);
        }
        writer.raw(&self.parts[ends.tail.clone()]);
    }

    fn write_scope_spans(&self, spans: &[Placed], writer: &mut Writer<'_>) {
        let Some(ends) = spans.first().and_then(|first| self.scopes.get(first.scope as usize)) else {
            return;
        };
        writer.raw(&self.parts[ends.head.clone()]);
        for placed in spans {
            writer.bytes(scope_spans::SPANS.number(), self.span(placed));
        }
        writer.raw(&self.parts[ends.tail.clone()]);
    }
}

impl TraceFraming for Framing<'_> {
    fn size(&self, spans: &[Placed]) -> usize {
        spans.chunk_by(Placed::shares_resource).map(|group| field_size(self.resource_size(group))).sum()
    }

    fn write(&self, spans: &[Placed], out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        for group in spans.chunk_by(Placed::shares_resource) {
            writer.length(traces::RESOURCE_SPANS.number(), self.resource_size(group));
            self.write_resource_spans(group, &mut writer);
        }
    }
}

/// Writes one part and answers its place.
pub(super) fn part(parts: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) -> Range<usize> {
    let start = parts.len();
    write(&mut Writer::new(parts));
    start..parts.len()
}

/// Length of a field of so many bytes, with its tag of one byte and its length.
pub(super) fn field_size(length: usize) -> usize {
    1 + varint_width(length as u64) + length
}

//! Hot path: consecutive spans of a batch as one `TracesData` of bounded size, for answers that go out message by message.
//! Budget: each span is written once (or not at all, where it is copied as received) and copied once; lengths are known before
//! anything is put into the message, so nothing in it is moved.

use std::collections::HashMap;

use spoor_model::{SpanBatch, SpanRow};

use super::encode::{
    write_resource_head, write_resource_tail, write_scope_head, write_scope_tail, write_span,
};
use super::fields::{resource_spans, scope_spans, traces};
use super::framing::{Ends, field_size, part};
use crate::wire::Writer;

/// The longest that the tag and the length before a nested message can be: messages end far below 4 GiB.
const LONGEST_PREFIX: usize = 6;

/// Appends a `TracesData` of consecutive spans from the one at `from` on: as many as fit into `limit` bytes, at least one, grouped
/// as [`super::encode_traces_data`] does. Answers the position behind the last of them, which is the batch's length when that was
/// all.
pub fn encode_traces_chunk(batch: &SpanBatch, from: usize, limit: usize, out: &mut Vec<u8>) -> usize {
    let mut chunk = Chunk::new(batch);
    let mut next = from;
    while next < batch.len() && chunk.push(next, limit) {
        next += 1;
    }
    chunk.write(out);
    next
}

/// A span by what it is grouped by; the order is that of the fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    resource: u32,
    scope: u32,
    index: usize,
    /// Where its encoded form begins in the parts, and how long it is; it is copied from the batch when it is as received.
    start: usize,
    length: usize,
}

struct Chunk<'b> {
    batch: &'b SpanBatch,
    /// All parts that had to be written.
    parts: Vec<u8>,
    resources: HashMap<u32, Ends>,
    scopes: HashMap<u32, Ends>,
    spans: Vec<Placed>,
    /// The message is not longer than this.
    size: usize,
}

impl<'b> Chunk<'b> {
    fn new(batch: &'b SpanBatch) -> Self {
        Self {
            batch,
            parts: Vec::new(),
            resources: HashMap::new(),
            scopes: HashMap::new(),
            spans: Vec::new(),
            size: 0,
        }
    }

    /// Takes the span at `index` if there is room for it; there is always room for one.
    fn push(&mut self, index: usize, limit: usize) -> bool {
        let Some(span) = self.batch.span(index) else { return false };
        let start = self.parts.len();
        let length = span.encoded().map_or_else(
            || {
                write_span(&mut Writer::new(&mut self.parts), span);
                self.parts.len() - start
            },
            <[u8]>::len,
        );
        let (resource, scope) = self.place(span.row());
        let size = self.size + LONGEST_PREFIX + length + self.open(resource, scope);
        if size > limit && !self.spans.is_empty() {
            return false;
        }
        self.size = size;
        self.spans.push(Placed { resource, scope, index, start, length });
        true
    }

    fn place(&self, row: &SpanRow) -> (u32, u32) {
        (u32::try_from(self.batch.resource_index(row)).unwrap_or(u32::MAX), row.scope)
    }

    /// Writes the ends of a resource and a scope that are new here; answers how much longer they make the message.
    fn open(&mut self, resource: u32, scope: u32) -> usize {
        let mut more = 0;
        if !self.resources.contains_key(&resource)
            && let Some(view) = self.batch.resources().nth(resource as usize)
        {
            let head = part(&mut self.parts, |writer| write_resource_head(writer, view));
            let tail = part(&mut self.parts, |writer| write_resource_tail(writer, view));
            let ends = Ends { head, tail };
            more += LONGEST_PREFIX + ends.len();
            self.resources.insert(resource, ends);
        }
        if !self.scopes.contains_key(&scope)
            && let Some(view) = self.batch.scopes().nth(scope as usize)
        {
            let head = part(&mut self.parts, |writer| write_scope_head(writer, view));
            let tail = part(&mut self.parts, |writer| write_scope_tail(writer, view));
            let ends = Ends { head, tail };
            more += LONGEST_PREFIX + ends.len();
            self.scopes.insert(scope, ends);
        }
        more
    }

    fn write(mut self, out: &mut Vec<u8>) {
        self.spans.sort_unstable();
        out.reserve(self.size);
        let mut writer = Writer::new(out);
        for group in self.spans.chunk_by(|left, right| left.resource == right.resource) {
            let Some(ends) = group.first().and_then(|first| self.resources.get(&first.resource)) else {
                continue;
            };
            let scopes = group.chunk_by(|left, right| left.scope == right.scope);
            let size = scopes.clone().map(|spans| field_size(self.scope_size(spans))).sum::<usize>();
            writer.length(traces::RESOURCE_SPANS.number(), ends.len() + size);
            writer.raw(&self.parts[ends.head.clone()]);
            scopes.for_each(|spans| self.write_scope_spans(spans, &mut writer));
            writer.raw(&self.parts[ends.tail.clone()]);
        }
    }

    /// Length of a `ScopeSpans` of these spans, all of one scope.
    fn scope_size(&self, spans: &[Placed]) -> usize {
        let ends = spans.first().and_then(|first| self.scopes.get(&first.scope)).map_or(0, Ends::len);
        ends + spans.iter().map(|placed| field_size(placed.length)).sum::<usize>()
    }

    fn write_scope_spans(&self, spans: &[Placed], writer: &mut Writer<'_>) {
        writer.length(resource_spans::SCOPE_SPANS.number(), self.scope_size(spans));
        let ends = spans.first().and_then(|first| self.scopes.get(&first.scope));
        if let Some(ends) = ends {
            writer.raw(&self.parts[ends.head.clone()]);
        }
        for placed in spans {
            let received = self.batch.span(placed.index).and_then(|span| span.encoded());
            let written = || &self.parts[placed.start..placed.start + placed.length];
            writer.bytes(scope_spans::SPANS.number(), received.unwrap_or_else(written));
        }
        if let Some(ends) = ends {
            writer.raw(&self.parts[ends.tail.clone()]);
        }
    }
}

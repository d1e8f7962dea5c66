//! OTLP JSON of chosen spans, from parts that are written once, as `framing.rs` does for protobuf.

use std::ops::Range;

use spoor_model::SpanBatch;

use super::json_encode::{write_resource_head, write_scope_head, write_span, write_tail};
use crate::convert::placed::{Placed, TraceFraming};

/// The parts of a batch's OTLP JSON.
pub(crate) struct JsonFraming {
    parts: Vec<u8>,
    resources: Vec<Ends>,
    scopes: Vec<Ends>,
    spans: Vec<Range<usize>>,
}

/// Fields before the children's list, and behind it.
struct Ends {
    head: Range<usize>,
    tail: Range<usize>,
}

const ROOT: (&[u8], &[u8]) = (br#"{"resourceSpans":["#, b"]}");

impl JsonFraming {
    /// Writes all parts.
    pub(crate) fn new(batch: &SpanBatch) -> Self {
        let mut parts = Vec::new();
        let ends = |parts: &mut Vec<u8>, head: &dyn Fn(&mut Vec<u8>), url: &str| Ends {
            head: part(parts, head),
            tail: part(parts, |out| write_tail(out, url)),
        };
        let resources = batch
            .resources()
            .map(|view| ends(&mut parts, &|out| write_resource_head(out, view), view.schema_url()))
            .collect();
        let scopes = batch
            .scopes()
            .map(|view| ends(&mut parts, &|out| write_scope_head(out, view), view.schema_url()))
            .collect();
        let spans = batch.spans().map(|span| part(&mut parts, |out| write_span(out, span))).collect();
        Self { parts, resources, scopes, spans }
    }

    /// Hands over the pieces of the message, one after the other.
    fn pieces<'p>(&'p self, spans: &[Placed], take: &mut dyn FnMut(&'p [u8])) {
        take(ROOT.0);
        for (index, group) in spans.chunk_by(Placed::shares_resource).enumerate() {
            take(comma(index));
            let ends = self.resources.get(group[0].resource as usize);
            take(ends.map_or(b"", |ends| &self.parts[ends.head.clone()]));
            self.scope_pieces(group, take);
            take(ends.map_or(b"", |ends| &self.parts[ends.tail.clone()]));
        }
        take(ROOT.1);
    }

    /// The same for spans of one resource.
    fn scope_pieces<'p>(&'p self, spans: &[Placed], take: &mut dyn FnMut(&'p [u8])) {
        for (index, group) in spans.chunk_by(Placed::shares_scope).enumerate() {
            take(comma(index));
            let ends = self.scopes.get(group[0].scope as usize);
            take(ends.map_or(b"", |ends| &self.parts[ends.head.clone()]));
            for (index, placed) in group.iter().enumerate() {
                take(comma(index));
                let span = self.spans.get(placed.index as usize);
                take(span.map_or(b"", |range| &self.parts[range.clone()]));
            }
            take(ends.map_or(b"", |ends| &self.parts[ends.tail.clone()]));
        }
    }
}

fn comma(index: usize) -> &'static [u8] {
    if index == 0 { b"" } else { b"," }
}

impl TraceFraming for JsonFraming {
    fn size(&self, spans: &[Placed]) -> usize {
        let mut size = 0;
        self.pieces(spans, &mut |piece| size += piece.len());
        size
    }

    fn write(&self, spans: &[Placed], out: &mut Vec<u8>) {
        self.pieces(spans, &mut |piece| out.extend_from_slice(piece));
    }
}

fn part(parts: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
    let start = parts.len();
    write(parts);
    start..parts.len()
}

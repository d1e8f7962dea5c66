//! Hot path: one trace, span by span, so that a caller can stop at any span and send what there is.

use spoor_model::SpanBatch;

use super::process::Processes;
use super::span::{write_span, write_trace_id};

/// Writes a trace that is whole and adjusted.
pub(super) struct TraceWriter {
    trace: SpanBatch,
    processes: Processes,
    next_span: usize,
}

impl TraceWriter {
    /// `trace` holds the spans of one trace, at least one.
    pub(super) fn new(trace: SpanBatch) -> Self {
        Self { trace, processes: Processes::default(), next_span: 0 }
    }

    /// Appends the next piece: the trace's head with its first spans, further spans, or its end. Goes on until `out` has `enough`
    /// bytes; false once the trace's end is written.
    pub(super) fn write_some(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        if self.next_span == 0 {
            self.write_head(out);
        }
        while let Some(span) = self.trace.span(self.next_span) {
            if out.len() >= enough && self.next_span > 0 {
                return true;
            }
            if self.next_span > 0 {
                out.push(b',');
            }
            let process = self.processes.number(span);
            write_span(out, span, process);
            self.next_span += 1;
        }
        out.extend_from_slice(b"],\"processes\":");
        self.processes.write(out);
        out.extend_from_slice(b",\"warnings\":null}");
        false
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"traceID\":\"");
        if let Some(first) = self.trace.span(0) {
            write_trace_id(out, first.trace_id());
        }
        out.extend_from_slice(b"\",\"spans\":[");
    }
}

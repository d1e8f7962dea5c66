//! Hot path: one trace, span by span, so that a caller can stop at any span and send what there is.

use spoor_model::SpanBatch;

use super::process::Processes;
use super::span::{write_span, write_trace_id};

/// Writes a trace, whole or part after part.
pub(super) struct TraceWriter {
    /// The part being written.
    trace: SpanBatch,
    processes: Processes,
    next_span: usize,
    /// The first span of the trace is written.
    begun: bool,
}

impl TraceWriter {
    /// `trace` holds the spans of one trace, or of its first part; at least one.
    pub(super) fn new(trace: SpanBatch) -> Self {
        Self { trace, processes: Processes::default(), next_span: 0, begun: false }
    }

    /// Takes the next part of the trace, when all spans of the one before are written.
    pub(super) fn go_on(&mut self, part: SpanBatch) {
        self.trace = part;
        self.next_span = 0;
        self.processes.of_next_part();
    }

    /// Appends the next piece of a whole trace: its head with its first spans, further spans, or its end. Goes on until `out` has
    /// `enough` bytes; false once the trace's end is written.
    pub(super) fn write_some(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        let more = self.write_spans(out, enough);
        if !more {
            self.write_end(out);
        }
        more
    }

    /// Appends spans, behind the trace's head at first, until `out` has `enough` bytes; false once all of the part are written.
    pub(super) fn write_spans(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        if !self.begun {
            self.write_head(out);
        }
        while let Some(span) = self.trace.span(self.next_span) {
            if out.len() >= enough && self.begun {
                return true;
            }
            if self.begun {
                out.push(b',');
            }
            let process = self.processes.number(span);
            write_span(out, span, process);
            self.next_span += 1;
            self.begun = true;
        }
        false
    }

    /// Appends the trace's end.
    pub(super) fn write_end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"],\"processes\":");
        self.processes.write(out);
        out.extend_from_slice(b",\"warnings\":null}");
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"traceID\":\"");
        if let Some(first) = self.trace.span(0) {
            write_trace_id(out, first.trace_id());
        }
        out.extend_from_slice(b"\",\"spans\":[");
    }
}

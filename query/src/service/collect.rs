//! From a stream of a trace's parts to whole traces, within bounds. What a bound cuts off is said in the trace or beside it.

use spoor_model::{SpanBatch, SpanBatchBuilder, TraceId};
use spoor_net::limits::{Full, Permit};

/// Bounds of one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Most spans of one trace.
    pub(super) trace_spans: usize,
    /// Most memory of the spans of one trace, in bytes.
    pub(super) trace_bytes: usize,
    /// Most spans of all traces.
    pub(super) spans: usize,
    /// Most memory of all spans, in bytes.
    pub(super) bytes: usize,
}

/// A trace, as whole as the bounds allow.
pub(super) struct Collected {
    /// All its spans, in the order in which they came.
    pub(super) trace: SpanBatch,
    /// Some are missing.
    pub(super) cut: bool,
}

/// Whether more parts are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// More of this trace, or of the next.
    More,
    /// No more of this trace: it is cut already.
    NextTrace,
    /// Nothing: there is no room for another trace.
    Nothing,
}

/// Takes parts of traces, one trace after the other.
pub(super) struct Collector {
    bounds: Bounds,
    /// Room for what is held, among all answers.
    room: Permit,
    done: Vec<Collected>,
    growing: Option<Growing>,
    used: usize,
    used_spans: usize,
    /// A trace was cut for lack of room in the answer: nothing behind it is taken, however small.
    full: bool,
    /// A further trace had no room.
    pub(super) omitted: bool,
}

struct Growing {
    trace_id: TraceId,
    parts: Parts,
    spans: usize,
    bytes: usize,
    cut: bool,
}

/// Most traces come in one part, which is taken as it is.
enum Parts {
    One(SpanBatch),
    Many(SpanBatchBuilder),
}

impl Collector {
    pub(super) fn new(bounds: Bounds, room: Permit) -> Self {
        Self {
            bounds,
            room,
            done: Vec::new(),
            growing: None,
            used: 0,
            used_spans: 0,
            full: false,
            omitted: false,
        }
    }

    /// Takes the next part. A part without spans is passed over.
    ///
    /// # Errors
    /// [`Full`] when all answers together hold as much as they may.
    pub(super) fn push(&mut self, part: SpanBatch) -> Result<Want, Full> {
        let Some(trace_id) = part.span(0).map(|span| span.trace_id()) else { return Ok(Want::More) };
        if self.growing.as_ref().is_some_and(|growing| growing.trace_id != trace_id) {
            self.end_trace();
        }
        let (spans_before, bytes_before) =
            self.growing.as_ref().map_or((0, 0), |growing| (growing.spans, growing.bytes));
        if self.growing.as_ref().is_some_and(|growing| growing.cut) {
            return Ok(Want::NextTrace);
        }
        let fits = self.fitting_spans(&part, spans_before, bytes_before);
        let cut = fits < part.len();
        if fits == 0 && spans_before == 0 {
            self.omitted = true;
            return Ok(Want::Nothing);
        }
        let part = if cut { part.select(0..fits) } else { part };
        if fits > 0 {
            let bytes = part.memory_bytes();
            self.room.grow(bytes)?;
            self.used += bytes;
            self.used_spans += fits;
            self.grow(trace_id, part, bytes);
        }
        if let Some(growing) = &mut self.growing {
            growing.cut = cut;
        }
        Ok(if cut { Want::NextTrace } else { Want::More })
    }

    /// How many spans of a part may be taken. The first span of an answer always may.
    fn fitting_spans(&mut self, part: &SpanBatch, spans_before: usize, bytes_before: usize) -> usize {
        if self.full {
            return 0;
        }
        let Bounds { trace_spans, trace_bytes, spans, bytes } = self.bounds;
        let of_trace = part
            .len()
            .min(trace_spans.saturating_sub(spans_before))
            .min(within(part, trace_bytes.saturating_sub(bytes_before)).max(usize::from(spans_before == 0)));
        let of_answer = within(part, bytes.saturating_sub(self.used))
            .min(spans.saturating_sub(self.used_spans))
            .max(usize::from(self.used_spans == 0));
        self.full = of_answer < of_trace;
        of_trace.min(of_answer)
    }

    fn grow(&mut self, trace_id: TraceId, part: SpanBatch, bytes: usize) {
        let spans = part.len();
        let Some(growing) = &mut self.growing else {
            self.growing = Some(Growing { trace_id, parts: Parts::One(part), spans, bytes, cut: false });
            return;
        };
        growing.spans += spans;
        growing.bytes += bytes;
        growing.parts = match std::mem::replace(&mut growing.parts, Parts::Many(SpanBatchBuilder::new())) {
            Parts::One(first) => {
                let mut builder = SpanBatchBuilder::new();
                builder.append(&first, 0..first.len());
                drop(first);
                builder.append(&part, 0..spans);
                Parts::Many(builder)
            }
            Parts::Many(mut builder) => {
                builder.append(&part, 0..spans);
                Parts::Many(builder)
            }
        };
    }

    /// What was begun is whole now: no part of it follows.
    pub(super) fn end_trace(&mut self) {
        let Some(growing) = self.growing.take() else { return };
        let trace = match growing.parts {
            Parts::One(trace) => Ok(trace),
            Parts::Many(builder) => builder.finish(),
        };
        match trace {
            Ok(trace) => self.done.push(Collected { trace, cut: growing.cut }),
            // More than a batch can describe (2 GiB of text), under a bound that allows it.
            Err(_) => self.omitted = true,
        }
    }

    /// How many traces are complete.
    pub(super) fn traces(&self) -> usize {
        self.done.len()
    }

    /// The traces in the order in which they came, and the room that they need for as long as they are held.
    pub(super) fn finish(mut self) -> (Vec<Collected>, Permit) {
        self.end_trace();
        (self.done, self.room)
    }
}

/// How many of the part's spans have room, each taken to need as much as the others.
fn within(part: &SpanBatch, room: usize) -> usize {
    let bytes = part.memory_bytes();
    if bytes <= room {
        return part.len();
    }
    let share = part.len() as u128 * room as u128 / bytes as u128;
    usize::try_from(share).unwrap_or(usize::MAX)
}

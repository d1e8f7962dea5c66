//! From collected traces to an answer: adjusted, and told where a limit cut them. That is work for a processor and not for the threads
//! that serve connections, which it leaves after a few spans; it ends with the caller's patience, as reading does.

use spoor_model::{SpanBatch, TraceId, jaeger};
use spoor_storage::{ReadError, RequestContext};

use super::collect::{Collected, Collector};
use super::room::Turn;
use super::{Room, Service, Traces};
use crate::adjust::{self, Settings};

/// So many spans are adjusted at a time where connections are served: less than a millisecond of work. More of them, be they of one
/// trace or of several, are adjusted elsewhere, about so many at a time: who hangs up, or has no time left, ends it in between.
const SPANS_AT_A_TIME: usize = 2_000;

impl Service {
    /// The traces as they are shown.
    ///
    /// # Errors
    /// When the caller's time is up before they are adjusted.
    pub(super) async fn answer(
        &self,
        context: &RequestContext,
        collector: Collector,
        turn: Turn,
        missing: Vec<TraceId>,
        raw: bool,
    ) -> Result<Traces, ReadError> {
        let omitted = collector.omitted;
        let (collected, bytes) = collector.finish();
        let cut = collected.iter().any(|trace| trace.cut);
        if omitted || cut {
            self.metrics.cut.inc();
        }
        let collected = if raw {
            collected
        } else {
            let adjusted = tokio::time::timeout(context.remaining(), adjusted(collected, self.adjust));
            adjusted.await.map_err(|_| self.too_late("adjust the traces"))?
        };
        let traces = collected.into_iter().map(with_warning).collect();
        // What is left is to send it, at the client's pace: that takes room, and nobody's turn.
        drop(turn);
        Ok(Traces { traces, missing, omitted, cut, room: Room::new(bytes, None) })
    }
}

async fn adjusted(collected: Vec<Collected>, settings: Settings) -> Vec<Collected> {
    let mut rest = collected.into_iter().peekable();
    let mut done = Vec::with_capacity(rest.len());
    while rest.peek().is_some() {
        let (mut some, mut spans) = (Vec::new(), 0);
        while let Some(next) = rest.next_if(|_| spans < SPANS_AT_A_TIME) {
            spans += next.trace.len();
            some.push(next);
        }
        let adjust = move || {
            some.iter_mut().for_each(|Collected { trace, .. }| adjust::adjust(trace, settings));
            some
        };
        if spans <= SPANS_AT_A_TIME && done.is_empty() && rest.peek().is_none() {
            return adjust();
        }
        match tokio::task::spawn_blocking(adjust).await {
            Ok(some) => done.extend(some),
            // It broke, or the runtime is ending: nobody can go on either way.
            Err(error) => std::panic::resume_unwind(Box::new(error.to_string())),
        }
    }
    done
}

/// Says in the trace what a limit cut off.
fn with_warning(Collected { mut trace, cut }: Collected) -> SpanBatch {
    if cut {
        let warning = format!(
            "this trace is larger than the limits of the answer: only its first {} spans are here",
            trace.len()
        );
        jaeger::add_warning(&mut trace, 0, &warning);
    }
    trace
}

//! Slow questions in the log: what kind of question it was, where the time went, how much came. Never what was asked for: values of a
//! search are other people's business.

use std::fmt;
use std::time::{Duration, Instant};

use spoor_model::{SpanBatch, TraceQuery};

use super::{Room, Traces};
use crate::metrics::Operation;

/// The rule by which a question is slow.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlowLog {
    /// `None` logs nothing.
    threshold: Option<Duration>,
}

/// What a question looks like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape<'a> {
    Search { operation: Operation, query: &'a TraceQuery, raw: bool },
    Lookup { ids: usize, raw: bool },
}

/// A question for traces on its way; logged when this is dropped, should it have been slow, so that those count that fail or are given up.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    threshold: Option<Duration>,
    shape: Shape<'a>,
    began: Instant,
    /// What of it the store has taken; waiting for a turn is not in it.
    store: Duration,
    /// Since when the store is being asked.
    asking: Option<Instant>,
    /// What of it was spent waiting for who takes the answer.
    taken: Duration,
    /// Since when that is waited for.
    giving: Option<Instant>,
    came: Came,
    succeeded: bool,
}

/// How much came.
#[derive(Debug, Clone, Copy, Default)]
struct Came {
    traces: usize,
    spans: usize,
    bytes: usize,
}

impl SlowLog {
    /// Zero logs nothing.
    pub(super) fn new(threshold: Duration) -> Self {
        Self { threshold: (!threshold.is_zero()).then_some(threshold) }
    }

    /// Begins to watch a question for traces.
    pub(super) fn watch<'a>(&self, shape: Shape<'a>) -> Watch<'a> {
        Watch {
            threshold: self.threshold,
            shape,
            began: Instant::now(),
            store: Duration::ZERO,
            asking: None,
            taken: Duration::ZERO,
            giving: None,
            came: Came::default(),
            succeeded: false,
        }
    }

    /// Tells of a slow question that is not for traces; those are watched.
    pub(super) fn asked(&self, operation: Operation, took: Duration, succeeded: bool) {
        let is_watched = matches!(
            operation,
            Operation::find_traces
                | Operation::get_trace
                | Operation::find_trace_ids
                | Operation::find_trace_summaries
        );
        if !is_watched && is_slow(self.threshold, took) {
            tracing::warn!(question = ?operation, ms = millis(took), succeeded, "a slow question");
        }
    }
}

impl Watch<'_> {
    /// Asks the store, and counts its time.
    pub(super) async fn asking<T>(&mut self, question: impl Future<Output = T>) -> T {
        self.asking = Some(Instant::now());
        let answer = question.await;
        self.store += self.asking.take().unwrap_or(self.began).elapsed();
        answer
    }

    /// Waits for who takes the answer, which makes no question slow.
    pub(super) async fn giving<T>(&mut self, taken: impl Future<Output = T>) -> T {
        self.giving = Some(Instant::now());
        let done = taken.await;
        self.taken += self.giving.take().unwrap_or(self.began).elapsed();
        done
    }

    /// Some of a trace is ready; none is its end.
    pub(super) fn came(&mut self, part: Option<&SpanBatch>) {
        let Some(part) = part else {
            self.succeeded = true;
            return;
        };
        let Came { traces: _, spans, bytes } = self.came;
        self.came = Came { traces: 1, spans: spans + part.len(), bytes: bytes + part.memory_bytes() };
    }

    /// The answer is ready.
    pub(super) fn answered(&mut self, found: &Traces) {
        let spans = found.traces.iter().map(SpanBatch::len).sum();
        let bytes = found.room.held_bytes();
        self.came = Came { traces: found.traces.len(), spans, bytes };
        self.succeeded = true;
    }

    /// The answer is ready, and has no spans but these summaries.
    pub(super) fn summed_up(&mut self, summaries: usize, room: &Room) {
        self.came = Came { traces: summaries, spans: 0, bytes: room.held_bytes() };
        self.succeeded = true;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let so_far = |since: Option<Instant>| since.map_or(Duration::ZERO, |since| since.elapsed());
        let took = self.began.elapsed().saturating_sub(self.taken + so_far(self.giving));
        if !is_slow(self.threshold, took) {
            return;
        }
        let store = self.store + so_far(self.asking);
        let Came { traces, spans, bytes } = self.came;
        tracing::warn!(
            question = %self.shape,
            ms = millis(took),
            store_ms = millis(store),
            succeeded = self.succeeded,
            traces,
            spans,
            bytes,
            "a slow question"
        );
    }
}

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Search { operation, query, raw } => {
                write!(f, "{operation:?} by")?;
                let conditions = [
                    (query.service.is_some(), "service"),
                    (query.operation.is_some(), "operation"),
                    (query.duration_min.is_some(), "min-duration"),
                    (query.duration_max.is_some(), "max-duration"),
                    (query.filter.is_some(), "filter"),
                ];
                for (_, name) in conditions.iter().filter(|(given, _)| *given) {
                    write!(f, " {name}")?;
                }
                let window = query.start.end.0.saturating_sub(query.start.start.0) / 1_000_000_000;
                write!(f, " tags={} window={window}s limit={}", query.tags.len(), query.limit)?;
                raw_flag(f, raw)
            }
            Self::Lookup { ids, raw } => {
                write!(f, "get_trace ids={ids}")?;
                raw_flag(f, raw)
            }
        }
    }
}

fn raw_flag(f: &mut fmt::Formatter<'_>, raw: bool) -> fmt::Result {
    if raw { f.write_str(" raw") } else { Ok(()) }
}

fn is_slow(threshold: Option<Duration>, took: Duration) -> bool {
    threshold.is_some_and(|threshold| took >= threshold)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use spoor_model::{TimeRange, UnixNanos};

    use super::*;

    #[test]
    fn the_shape_of_a_search_names_its_conditions_and_none_of_their_values() {
        let query = TraceQuery {
            service: Some("shop".to_owned()),
            operation: None,
            tags: vec![("card".to_owned(), "4711".to_owned())],
            filter: None,
            start: TimeRange { start: UnixNanos(1_000_000_000), end: UnixNanos(3_601_000_000_000) },
            duration_min: Some(Duration::from_secs(5)),
            duration_max: None,
            limit: 20,
            enough_spans: usize::MAX,
        };
        let shape = Shape::Search { operation: Operation::find_traces, query: &query, raw: true };
        let shape = shape.to_string();
        assert_eq!(shape, "find_traces by service min-duration tags=1 window=3600s limit=20 raw");
        assert_eq!(Shape::Lookup { ids: 3, raw: false }.to_string(), "get_trace ids=3");
    }

    #[test]
    fn zero_makes_nothing_slow() {
        assert!(!is_slow(SlowLog::new(Duration::ZERO).threshold, Duration::MAX));
        let log = SlowLog::new(Duration::from_secs(1));
        assert!(
            is_slow(log.threshold, Duration::from_secs(1))
                && !is_slow(log.threshold, Duration::from_millis(999))
        );
    }
}

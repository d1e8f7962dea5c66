//! What readers are asked: searches, lookups, lists.

use std::time::Duration;

use crate::filter::Filter;
use crate::{SpanKind, TraceId, UnixNanos};

/// A stretch of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The earliest moment.
    pub start: UnixNanos,
    /// The latest moment.
    pub end: UnixNanos,
}

/// A search for traces. One span must satisfy all conditions; the whole trace is the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceQuery {
    /// The span's service; `None` for any, where the store can ([`crate::Operation`] lists need one always).
    pub service: Option<String>,
    /// The span's exact name.
    pub operation: Option<String>,
    /// Key and text of attributes on the span, its resource or its events; all must match.
    pub tags: Vec<(String, String)>,
    /// What else must hold; a store that cannot tell refuses the question ([`crate::filter`]).
    pub filter: Option<Filter>,
    /// When the span started.
    pub start: TimeRange,
    /// The span took at least this long.
    pub duration_min: Option<Duration>,
    /// The span took at most this long.
    pub duration_max: Option<Duration>,
    /// At most so many traces, the newest ones.
    pub limit: usize,
    /// So many spans of each trace are enough: a store that has given as many, the earliest ones, may leave out the others.
    /// Whoever must know whether a trace is longer than it takes asks for one more. [`usize::MAX`] for whole traces.
    pub enough_spans: usize,
}

/// A trace that a search found, at its place in the order of the answer: newest first, traces of one microsecond by id.
///
/// Sorting puts them in that order. As the last one of a page it says where the next page begins; both numbers can be
/// given away in a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FoundTrace {
    /// The latest start among the spans that satisfy the query, in µs since the epoch.
    pub newest_match_micros: u64,
    /// The trace.
    pub trace_id: TraceId,
}

impl Ord for FoundTrace {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other
            .newest_match_micros
            .cmp(&self.newest_match_micros)
            .then_with(|| self.trace_id.cmp(&other.trace_id))
    }
}

impl PartialOrd for FoundTrace {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A request for one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceLookup {
    /// The trace.
    pub trace_id: TraceId,
    /// Where in time the caller thinks it lies: a hint that may speed a store up, never a filter.
    pub hint: Option<TimeRange>,
}

/// A request for the operations of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationQuery {
    /// The service.
    pub service: String,
    /// Only operations of this kind, where the store knows kinds; those of which it does not know the kind come along.
    pub span_kind: Option<SpanKind>,
}

/// An operation of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The span name.
    pub name: String,
    /// The kind of its spans; [`SpanKind::Unspecified`] where the store does not know.
    pub span_kind: SpanKind,
}

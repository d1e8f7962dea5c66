//! What readers are asked: searches, lookups, lists.

use std::time::Duration;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceQuery {
    /// The span's service; `None` for any, where the store can ([`crate::Operation`] lists need one always).
    pub service: Option<String>,
    /// The span's exact name.
    pub operation: Option<String>,
    /// Key and text of attributes on the span, its resource or its events; all must match.
    pub tags: Vec<(String, String)>,
    /// When the span started.
    pub start: TimeRange,
    /// The span took at least this long.
    pub duration_min: Option<Duration>,
    /// The span took at most this long.
    pub duration_max: Option<Duration>,
    /// At most so many traces, the newest ones.
    pub limit: usize,
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
    /// Only operations of this kind, where the store knows kinds.
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

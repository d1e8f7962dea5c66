//! Rates and latencies computed from spans: what is asked and what is answered.

use std::time::Duration;

use crate::{SpanKind, TimeRange, UnixNanos};

/// A question about the spans of some services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanMetricsQuery {
    /// The services; each has series of its own.
    pub services: Vec<String>,
    /// Only spans of these kinds; none means any kind.
    pub kinds: Vec<SpanKind>,
    /// A series for each operation of a service instead of one for the service.
    pub by_operation: bool,
    /// From the first point to the last.
    pub range: TimeRange,
    /// The time between two points; points lie at whole multiples of it since 1970.
    pub step: Duration,
    /// Over how long a time a rate is taken; rounded up to whole steps.
    pub rate_per: Duration,
}

/// The points of one service, or of one operation of it, in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSeries {
    /// The service.
    pub service: String,
    /// The operation, where the question was by operation.
    pub operation: Option<String>,
    /// One point a step; the unit follows from the question.
    pub points: Vec<MetricPoint>,
}

/// A value at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricPoint {
    /// The beginning of the step.
    pub time: UnixNanos,
    /// The value; nothing where no span tells one (Jaeger says NaN).
    pub value: Option<f64>,
}

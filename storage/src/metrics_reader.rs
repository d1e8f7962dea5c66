//! [`MetricsReader`]: the door to rates and latencies of services.

use std::time::Duration;

use async_trait::async_trait;
use spoor_model::{MetricSeries, SpanMetricsQuery};

use crate::{ReadError, RequestContext};

/// Computes metrics of services from their spans.
///
/// **One series each.** Every service of the question that had a span in the time asked about has a series, every operation of it
/// where the question is by operation; series are sorted by service and operation, all have the same points. Who had no span has no
/// series.
///
/// **A point tells of the time before it.** Points lie at whole multiples of the step since 1970, from the last one not after the
/// range's start to the last one not after its end. A rate is taken over [`SpanMetricsQuery::rate_per`] before its point, a latency over
/// the one step before it, so the first point is as good as the last and none is about the future.
///
/// **What counts.** Spans by the moment they started, of the kinds asked for; each stored span once. A span failed when its status is an
/// error or its attribute `error` is true.
///
/// **Whole or an error**, **deadline**: as [`crate::SpanReader`]. More points than a store can compute are
/// [`crate::ReadErrorKind::Invalid`].
#[async_trait]
pub trait MetricsReader: Send + Sync + 'static {
    /// The shortest step that can be asked for.
    fn min_step(&self) -> Duration;

    /// The duration in milliseconds that the share `quantile` (0 to 1) of the spans did not exceed; estimated where a store
    /// estimates. Nothing where no span started.
    async fn latencies(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
        quantile: f64,
    ) -> Result<Vec<MetricSeries>, ReadError>;

    /// Spans per second.
    async fn call_rates(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError>;

    /// The share of spans that failed, 0 to 1. Nothing where no span started.
    async fn error_rates(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError>;
}

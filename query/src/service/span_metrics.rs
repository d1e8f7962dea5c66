//! Rates and latencies of services, from whoever computes them.

use std::future::Future;
use std::time::Duration;

use spoor_model::{MetricPoint, MetricSeries, SpanMetricsQuery};
use spoor_storage::{MetricsReader, ReadError, RequestContext};

use super::{Room, Service};
use crate::metrics::Operation;

/// Which metric is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SpanMetric {
    /// The duration in ms that this share of the spans (0 to 1) did not exceed.
    Latency(f64),
    /// Spans a second.
    CallRate,
    /// The share of spans that failed, 0 to 1.
    ErrorRate,
}

/// Series, and the room they need; who keeps the series keeps the room.
pub(crate) struct Series {
    /// Sorted by service and operation.
    pub(crate) series: Vec<MetricSeries>,
    /// Until when there is room for them.
    pub(crate) room: Room,
}

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpanMetricsError {
    /// Nobody computes any; Jaeger's words.
    #[error("metrics querying is currently disabled")]
    Disabled,
    /// They could not be computed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Service {
    /// The series of a metric.
    pub(crate) async fn span_metrics(
        &self,
        context: &RequestContext,
        metric: SpanMetric,
        query: &SpanMetricsQuery,
    ) -> Result<Series, SpanMetricsError> {
        let reader = self.metrics_reader()?;
        let turn = self.turn().await?;
        let (context, charge) = self.charged(context)?;
        let context = &context;
        let series = match metric {
            SpanMetric::Latency(quantile) => {
                let latencies = reader.latencies(context, query, quantile);
                self.computed(Operation::get_latencies, context, latencies).await?
            }
            SpanMetric::CallRate => {
                let rates = reader.call_rates(context, query);
                self.computed(Operation::get_call_rates, context, rates).await?
            }
            SpanMetric::ErrorRate => {
                let rates = reader.error_rates(context, query);
                self.computed(Operation::get_error_rates, context, rates).await?
            }
        };
        drop(turn);
        let room = self.settled(&charge, series.iter().map(memory_bytes).sum())?;
        Ok(Series { series, room })
    }

    /// The shortest step between two points.
    pub(crate) fn min_step(&self) -> Result<Duration, SpanMetricsError> {
        Ok(self.metrics_reader()?.min_step())
    }

    fn metrics_reader(&self) -> Result<&dyn MetricsReader, SpanMetricsError> {
        self.stores.span_metrics.as_deref().ok_or(SpanMetricsError::Disabled)
    }

    async fn computed(
        &self,
        operation: Operation,
        context: &RequestContext,
        series: impl Future<Output = Result<Vec<MetricSeries>, ReadError>>,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        self.measured(operation, context, Vec::len, series).await
    }
}

fn memory_bytes(series: &MetricSeries) -> usize {
    let texts = series.service.len() + series.operation.as_ref().map_or(0, String::len);
    size_of::<MetricSeries>() + texts + series.points.len() * size_of::<MetricPoint>()
}

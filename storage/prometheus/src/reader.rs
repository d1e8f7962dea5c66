//! [`PrometheusMetrics`]: the door.

use std::time::Duration;

use async_trait::async_trait;
use spoor_model::{MetricSeries, SpanMetricsQuery};
use spoor_storage::tally::{MIN_STEP, Steps};
use spoor_storage::{MetricsReader, ReadError, ReadErrorKind, RequestContext};

use crate::Config;
use crate::answer::{self, Parsed, Unusable, Wanted};
use crate::body::{Patience, Pieces};
use crate::client::{Client, OpenError, RangeQuestion};
use crate::config::LatencyUnit;
use crate::promql::Names;

/// A larger answer is read where no connections are served.
const READ_IN_PLACE_BYTES: usize = 64 << 10;

/// Metrics of spans as the OpenTelemetry Collector counted them into Prometheus.
///
/// Counted is what the collector saw, whether it was stored or not. A rate is Prometheus's `rate()`; a latency is its estimate from the
/// histogram's buckets over [`SpanMetricsQuery::rate_per`] (not over one step: buckets are scraped too seldom for that). Who has no
/// series in that time has none in the answer.
#[derive(Debug)]
pub struct PrometheusMetrics {
    client: Client,
    names: Names,
    /// From the histogram's unit to milliseconds.
    to_millis: f64,
}

impl PrometheusMetrics {
    /// Prepares for questions; sends none.
    ///
    /// # Errors
    /// [`OpenError`] for settings that cannot work; a Prometheus that is down is no error.
    pub fn open(config: &Config) -> Result<Self, OpenError> {
        let to_millis = match config.query.duration_unit {
            LatencyUnit::Ms => 1.0,
            LatencyUnit::S => 1_000.0,
        };
        Ok(Self { client: Client::new(config)?, names: Names::new(&config.query), to_millis })
    }

    async fn ask(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
        expression: String,
        factor: f64,
        attempted: &str,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        let failed = |kind, why: String| ReadError::new(kind, attempted, why);
        let steps = Steps::of(query).map_err(|why| ReadError::new(ReadErrorKind::Invalid, attempted, why))?;
        let last_ms = steps.first.saturating_add((steps.points - 1) * steps.step);
        let question = RangeQuestion { expression, first_ms: steps.first, last_ms, step_ms: steps.step };
        let body = self.client.ask(context, &question, attempted).await?;
        let operation = query.by_operation.then(|| self.names.operation.to_owned());
        let parsed = read(context, body, Wanted { steps, operation, factor }).await;
        let parsed = parsed.map_err(|why| match why {
            Unusable::Incomplete(what) => failed(ReadErrorKind::Incomplete, format!("Prometheus: {what}")),
            Unusable::TooMuch(what) => failed(ReadErrorKind::Invalid, what),
            Unusable::NoRoom(error) => error,
            Unusable::TooLate => {
                let what = "the time was up before the answer of Prometheus was read";
                failed(ReadErrorKind::DeadlineExceeded, what.to_owned())
            }
        })?;
        if !parsed.remarks.is_empty() {
            let remarks = parsed.remarks.join("; ");
            tracing::debug!(remarks, expression = question.expression, "Prometheus remarks on a question");
        }
        Ok(parsed.series)
    }
}

/// Reads an answer; a large one is work for a processor and not for the threads that serve connections. Who hangs up ends it.
async fn read(context: &RequestContext, body: Pieces, wanted: Wanted) -> Result<Parsed, Unusable> {
    let (patience, _waiting) = Patience::until(context.deadline);
    if body.bytes() <= READ_IN_PLACE_BYTES {
        return answer::parse(body, &wanted, context, patience);
    }
    let context = context.clone();
    let reading = tokio::task::spawn_blocking(move || answer::parse(body, &wanted, &context, patience));
    // It broke, or the runtime is ending: nobody can go on either way.
    reading.await.unwrap_or_else(|error| std::panic::resume_unwind(Box::new(error.to_string())))
}

#[async_trait]
impl MetricsReader for PrometheusMetrics {
    fn min_step(&self) -> Duration {
        MIN_STEP
    }

    async fn latencies(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
        quantile: f64,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        const ATTEMPTED: &str = "ask for latencies";
        if !(0.0..=1.0).contains(&quantile) {
            let what = format!("the quantile {quantile} is not between 0 and 1");
            return Err(ReadError::new(ReadErrorKind::Invalid, ATTEMPTED, what));
        }
        let expression = self.names.latencies(&context.tenant, query, quantile);
        self.ask(context, query, expression, self.to_millis, ATTEMPTED).await
    }

    async fn call_rates(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        let expression = self.names.call_rates(&context.tenant, query);
        self.ask(context, query, expression, 1.0, "ask for call rates").await
    }

    async fn error_rates(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        let expression = self.names.error_rates(&context.tenant, query);
        self.ask(context, query, expression, 1.0, "ask for error rates").await
    }
}

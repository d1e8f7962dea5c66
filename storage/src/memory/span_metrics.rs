//! Rates and latencies computed from the spans held.

use std::time::Duration;

use async_trait::async_trait;
use spoor_model::jaeger::ERROR;
use spoor_model::{MetricSeries, SpanMetricsQuery, SpanView, StatusCode, TimeRange, TraceQuery, ValueView};

use super::{MemoryStore, late};
use crate::tally::{Count, MIN_STEP, SeriesKey, Steps, Tally, Unanswerable};
use crate::{MetricsReader, ReadError, ReadErrorKind, RequestContext};

/// Traces looked at between two glances at the clock.
const BETWEEN_PAUSES: usize = 64;

#[async_trait]
impl MetricsReader for MemoryStore {
    fn min_step(&self) -> Duration {
        MIN_STEP
    }

    async fn latencies(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
        quantile: f64,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        const ATTEMPTED: &str = "compute latencies";
        if !(0.0..=1.0).contains(&quantile) {
            let what = format!("the quantile {quantile} is not between 0 and 1");
            return Err(ReadError::new(ReadErrorKind::Invalid, ATTEMPTED, what));
        }
        let steps = Steps::of(query).map_err(|why| unanswerable(ATTEMPTED, why))?;
        let mut durations = Tally::<Vec<Duration>>::new(steps);
        let visited = self.visit(context, query, steps.of_latencies(), |key, span| {
            durations.cell(key, steps.beginning(span.start()))?.push(span.duration());
            Ok(())
        });
        visited.await.map_err(|stop| stop.told(ATTEMPTED))?;
        Ok(durations.map(|durations| quantile_of(durations, quantile)).latencies())
    }

    async fn call_rates(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        Ok(self.counted(context, query, "compute call rates").await?.call_rates())
    }

    async fn error_rates(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        Ok(self.counted(context, query, "compute error rates").await?.error_rates())
    }
}

/// Why not all spans were visited.
enum Stop {
    OutOfTime,
    Unanswerable(Unanswerable),
}

impl Stop {
    fn told(self, attempted: &str) -> ReadError {
        match self {
            Self::OutOfTime => late(attempted.to_owned()),
            Self::Unanswerable(why) => unanswerable(attempted, why),
        }
    }
}

fn unanswerable(attempted: &str, why: Unanswerable) -> ReadError {
    ReadError::new(ReadErrorKind::Invalid, attempted, why)
}

impl MemoryStore {
    async fn counted(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
        attempted: &str,
    ) -> Result<Tally<Count>, ReadError> {
        let steps = Steps::of(query).map_err(|why| unanswerable(attempted, why))?;
        let mut counts = Tally::<Count>::new(steps);
        let visited = self.visit(context, query, steps.of_rates(), |key, span| {
            let count = counts.cell(key, steps.beginning(span.start()))?;
            count.calls += 1;
            count.errors += u64::from(failed(span));
            Ok(())
        });
        visited.await.map_err(|stop| stop.told(attempted))?;
        Ok(counts)
    }

    /// Visits each span that the query is about and that started in the range. Gives way to other tasks now and then.
    async fn visit(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
        range: TimeRange,
        mut visit: impl FnMut(SeriesKey, SpanView<'_>) -> Result<(), Unanswerable> + Send,
    ) -> Result<(), Stop> {
        if context.remaining().is_zero() {
            return Err(Stop::OutOfTime);
        }
        let mut services: Vec<&String> = query.services.iter().collect();
        services.sort_unstable();
        services.dedup();
        for service in services {
            let candidates = self.lock().candidates(&context.tenant, &all_of(service, range));
            for (number, candidate) in candidates.into_iter().enumerate() {
                if number % BETWEEN_PAUSES == BETWEEN_PAUSES - 1 {
                    tokio::task::yield_now().await;
                    if context.remaining().is_zero() {
                        return Err(Stop::OutOfTime);
                    }
                }
                for span in candidate.parts.iter().flat_map(|part| part.spans()) {
                    let wanted = span.service() == service
                        && (range.start..=range.end).contains(&span.start())
                        && (query.kinds.is_empty() || query.kinds.contains(&span.kind()));
                    if wanted {
                        let operation = query.by_operation.then(|| span.name().to_owned());
                        visit((service.clone(), operation), span).map_err(Stop::Unanswerable)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn all_of(service: &str, start: TimeRange) -> TraceQuery {
    TraceQuery {
        service: Some(service.to_owned()),
        operation: None,
        tags: Vec::new(),
        start,
        duration_min: None,
        duration_max: None,
        limit: usize::MAX,
        enough_spans: usize::MAX,
        filter: None,
    }
}

fn failed(span: SpanView<'_>) -> bool {
    let says_so = |value| matches!(value, ValueView::Bool(true) | ValueView::Str("true"));
    span.status() == StatusCode::Error
        || span.attributes().iter().any(|attribute| attribute.key() == ERROR && says_so(attribute.value()))
}

/// The smallest duration that at least the share `quantile` of all do not exceed, in milliseconds.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position among durations held in memory, far below 2^53 and not negative"
)]
fn quantile_of(mut durations: Vec<Duration>, quantile: f64) -> Option<f64> {
    durations.sort_unstable();
    let position = (quantile * durations.len() as f64).ceil().max(1.0) as usize;
    durations.get(position - 1).map(|duration| duration.as_secs_f64() * 1_000.0)
}

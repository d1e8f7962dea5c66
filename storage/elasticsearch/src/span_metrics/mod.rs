//! [`ElasticsearchSpanMetrics`]: rates and latencies computed by the store from span documents.
//! Facts: `jaegertracing/jaeger internal/storage/metricstore/elasticsearch` (fields, units; not its sums, see the door).

mod answer;
mod query;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use serde_json::value::RawValue;
use spoor_model::{MetricSeries, SpanMetricsQuery};
use spoor_storage::tally::{Count, MIN_STEP, Steps, Tally, Unanswerable};
use spoor_storage::{MetricsReader, ReadError, ReadErrorKind, RequestContext};

use crate::access::Access;
use crate::index::IndexNames;
use answer::Bucket;
use query::Question;

/// Steps with spans in one page, over all series.
const PAGE: u32 = 5_000;

/// Metrics from the spans in either layout, in Jaeger's whoever wrote them: kind and error are found among the tags and among the
/// fields that Jaeger since 2.8 makes of them.
///
/// Counted are documents: a span that Jaeger stored twice counts twice. Latencies are the store's estimate (t-digest) of each step.
/// Spans of operations with names over 256 characters, which Jaeger's templates do not index, have no series by operation; they
/// count in their service's.
#[derive(Debug, Clone)]
pub struct ElasticsearchSpanMetrics {
    access: Access,
    names: IndexNames,
    dot_replacement: String,
    page: u32,
}

impl ElasticsearchSpanMetrics {
    pub(crate) fn new(
        access: Access,
        names: IndexNames,
        dot_replacement: String,
        max_doc_count: u32,
    ) -> Self {
        Self { access, names, dot_replacement, page: PAGE.min(max_doc_count) }
    }

    /// Asks for all steps that have spans, page by page, and files what each says.
    async fn tally<Cell: Default>(
        &self,
        context: &RequestContext,
        question: &Question<'_>,
        attempted: &str,
        cell: impl Fn(&Bucket) -> Cell,
    ) -> Result<Tally<Cell>, ReadError> {
        let targets = self.names.span_targets(question.range);
        let mut tally = Tally::new(question.steps);
        let mut after: Option<Box<RawValue>> = None;
        loop {
            let body: Value = question.body(self.page, after.as_deref());
            let reply = self.access.search(context, &targets, answer::FILTER, &body, attempted).await?;
            let page = answer::parse(&reply, attempted)?;
            for bucket in &page.buckets {
                let key = &bucket.key;
                let series = (key.service.clone(), key.operation.clone());
                *tally.cell(series, key.step).map_err(|why| unanswerable(attempted, why))? = cell(bucket);
            }
            match page.after_key {
                Some(key) if !page.buckets.is_empty() => after = Some(key.to_owned()),
                _ => return Ok(tally),
            }
        }
    }

    async fn counts(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
        attempted: &str,
    ) -> Result<Tally<Count>, ReadError> {
        self.access.check_ready(context, attempted).await?;
        let steps = Steps::of(query).map_err(|why| unanswerable(attempted, why))?;
        let question = Question {
            query,
            steps,
            range: steps.of_rates(),
            quantile: None,
            dot_replacement: &self.dot_replacement,
        };
        let count = |bucket: &Bucket| Count { calls: bucket.doc_count, errors: bucket.errors() };
        self.tally(context, &question, attempted, count).await
    }
}

fn unanswerable(attempted: &str, why: Unanswerable) -> ReadError {
    ReadError::new(ReadErrorKind::Invalid, attempted, why)
}

#[async_trait]
impl MetricsReader for ElasticsearchSpanMetrics {
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
        self.access.check_ready(context, ATTEMPTED).await?;
        if !(0.0..=1.0).contains(&quantile) {
            let what = format!("the quantile {quantile} is not between 0 and 1");
            return Err(ReadError::new(ReadErrorKind::Invalid, ATTEMPTED, what));
        }
        let steps = Steps::of(query).map_err(|why| unanswerable(ATTEMPTED, why))?;
        let question = Question {
            query,
            steps,
            range: steps.of_latencies(),
            quantile: Some(quantile),
            dot_replacement: &self.dot_replacement,
        };
        Ok(self.tally(context, &question, ATTEMPTED, Bucket::latency_millis).await?.latencies())
    }

    async fn call_rates(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        Ok(self.counts(context, query, "compute call rates").await?.call_rates())
    }

    async fn error_rates(
        &self,
        context: &RequestContext,
        query: &SpanMetricsQuery,
    ) -> Result<Vec<MetricSeries>, ReadError> {
        Ok(self.counts(context, query, "compute error rates").await?.error_rates())
    }
}

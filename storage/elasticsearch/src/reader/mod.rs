//! [`ElasticsearchReader`]: the door out. Each kind of question has its file; here is what they share.
//!
//! Answers are whole or errors: time-outs, failed shards and failed items of a multi-search are checked in `answer`.

mod answer;
mod compact;
mod convert;
mod document;
mod in_doubt;
mod late;
mod names;
mod page;
mod places;
mod query;
mod search;
mod slice;
mod summaries;
mod summary_query;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::value::RawValue;
use spoor_model::{
    FoundTrace, Operation, OperationQuery, TimeRange, TraceId, TraceLookup, TraceQuery, TraceSummary,
};
use spoor_storage::{Capabilities, ReadError, ReadErrorKind, RequestContext, SpanReader, SpanStream};

use crate::access::{Access, parse_json};
use crate::index::{IndexNames, SLACK, now, widened};
use crate::setup::Readiness;
use crate::{Config, ElasticsearchDependencies, ElasticsearchSpanMetrics, TemplateConfig};
use answer::{Answer, MultiAnswer};
use page::PageSize;
pub(crate) use query::doomed_query;
use trace::TraceCursor;

/// Reads spans from Elasticsearch or OpenSearch, whoever wrote them: Spoor, or Jaeger since 1.16.
///
/// A tag value with operators of Lucene's regular expressions finds both itself and what matches it as an expression of the
/// whole value (`GET /api/.*`); `\` takes an operator its meaning. Of names and values over 256 characters, those that Spoor wrote
/// are found, as they are; Jaeger's indices do not know them. A binary value
/// is found by its lower-case hexadecimal digits. Kinds of operations are told by what Spoor wrote; Jaeger does not store them.
#[derive(Debug)]
pub struct ElasticsearchReader {
    access: Access,
    names: IndexNames,
    dot_replacement: String,
    max_span_age: Duration,
    max_doc_count: u32,
    /// What the template of dependencies is made of, if it is to be installed.
    templates: Option<Arc<TemplateConfig>>,
}

impl ElasticsearchReader {
    pub(crate) fn new(access: Access, names: IndexNames, config: &Config) -> Self {
        Self {
            access,
            names,
            dot_replacement: config.documents.dot_replacement.clone(),
            max_span_age: config.indices.max_span_age,
            max_doc_count: config.indices.max_doc_count,
            templates: config.templates.create.then(|| Arc::new(config.templates.clone())),
        }
    }

    /// Whether all can be read, and if not, why: now and whenever it changes.
    #[must_use]
    pub fn readiness(&self) -> tokio::sync::watch::Receiver<Readiness> {
        self.access.readiness()
    }

    /// Who calls whom, in the same store.
    #[must_use]
    pub fn dependencies(&self) -> ElasticsearchDependencies {
        let family = self.names.dependencies.clone();
        ElasticsearchDependencies::new(
            self.access.clone(),
            family,
            self.max_doc_count,
            self.templates.clone(),
        )
    }

    /// Rates and latencies of the same spans.
    #[must_use]
    pub fn span_metrics(&self) -> ElasticsearchSpanMetrics {
        let (names, dots) = (self.names.clone(), self.dot_replacement.clone());
        ElasticsearchSpanMetrics::new(self.access.clone(), names, dots, self.max_doc_count)
    }

    /// Of the first page of a trace.
    fn page_size(&self) -> PageSize {
        PageSize::first(self.max_doc_count as usize)
    }
}

#[async_trait]
impl SpanReader for ElasticsearchReader {
    fn capabilities(&self) -> Capabilities {
        Capabilities { search_without_service: true, operation_kinds: true, tenants: false }
    }

    async fn services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError> {
        self.access.check_ready(context, "list services").await?;
        self.list_services(context).await
    }

    async fn operations(
        &self,
        context: &RequestContext,
        query: &OperationQuery,
    ) -> Result<Vec<Operation>, ReadError> {
        self.access.check_ready(context, "list operations").await?;
        self.list_operations(context, query).await
    }

    async fn trace<'a>(
        &'a self,
        context: &RequestContext,
        lookup: &TraceLookup,
    ) -> Result<SpanStream<'a>, ReadError> {
        let attempted = format!("read trace {}", lookup.trace_id);
        self.access.check_ready(context, &attempted).await?;
        let cursor = TraceCursor {
            trace_id: lookup.trace_id,
            targets: self.names.span_targets(widened(self.whereabouts(lookup.hint), SLACK)),
            after: None,
            page_size: self.page_size(),
            attempted,
        };
        Ok(self.pages(context.clone(), cursor))
    }

    async fn find_traces<'a>(
        &'a self,
        context: &RequestContext,
        query: &TraceQuery,
    ) -> Result<SpanStream<'a>, ReadError> {
        let attempted = searching(query);
        self.access.check_ready(context, &attempted).await?;
        let places = self.find_places(context, query, None, &attempted).await?;
        let ids = places.into_iter().map(|place| place.trace_id).collect();
        Ok(self.traces(context.clone(), query, ids, attempted))
    }

    async fn find_trace_ids(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        after: Option<FoundTrace>,
    ) -> Result<Vec<FoundTrace>, ReadError> {
        let attempted = searching(query);
        self.access.check_ready(context, &attempted).await?;
        self.find_places(context, query, after, &attempted).await
    }

    async fn found_traces<'a>(
        &'a self,
        context: &RequestContext,
        query: &TraceQuery,
        places: &[FoundTrace],
    ) -> Result<SpanStream<'a>, ReadError> {
        let attempted = searching(query);
        self.access.check_ready(context, &attempted).await?;
        let ids = places.iter().map(|place| place.trace_id).collect();
        Ok(self.traces(context.clone(), query, ids, attempted))
    }

    async fn summaries(
        &self,
        context: &RequestContext,
        trace_ids: &[TraceId],
        around: TimeRange,
    ) -> Result<Vec<TraceSummary>, ReadError> {
        let attempted = format!("sum up {} traces", trace_ids.len());
        self.access.check_ready(context, &attempted).await?;
        self.sum_up(context, trace_ids, around, &attempted).await
    }
}

fn searching(query: &TraceQuery) -> String {
    match &query.service {
        Some(service) => format!("search traces of service {service}"),
        None => "search traces".to_owned(),
    }
}

/// Reads the answer to several searches; each item is to be read by [`answer::parse_item`].
fn parse_items<'a>(body: &'a [u8], asked: usize, attempted: &str) -> Result<Vec<&'a RawValue>, ReadError> {
    let MultiAnswer { responses } = parse_json(body, attempted)?;
    if responses.len() != asked {
        let what = format!("{} answers came for {asked} questions", responses.len());
        return Err(ReadError::new(ReadErrorKind::Incomplete, attempted, what));
    }
    Ok(responses)
}

/// Reads an answer and makes sure that it is whole.
fn parse<'a>(body: &'a [u8], attempted: &str) -> Result<Answer<'a>, ReadError> {
    let answer: Answer<'a> = parse_json(body, attempted)?;
    answer.check(attempted)?;
    Ok(answer)
}

//! [`ElasticsearchReader`]: the door out. Each kind of question has its file; here is what they share.
//!
//! Answers are whole or errors: time-outs, failed shards and failed items of a multi-search are checked in `answer`.

mod answer;
mod compact;
mod convert;
mod document;
mod names;
mod page;
mod query;
mod search;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use spoor_model::{Operation, OperationQuery, TimeRange, TraceLookup, TraceQuery};
use spoor_storage::{Capabilities, ReadError, RequestContext, SpanReader, SpanStream};

use crate::access::{Access, check_ready, parse_json, search};
use crate::client::{Cause, Client, Fault};
use crate::index::{IndexNames, SLACK, Targets, now, widened};
use crate::setup::{Readiness, Setup};
use crate::{Config, ElasticsearchDependencies, ElasticsearchSpanMetrics};
use answer::Answer;
use trace::TraceCursor;

/// Spans in one page of a trace: a few megabytes of documents.
const PAGE_SIZE: usize = 2_000;

/// Reads spans from Elasticsearch or OpenSearch, whoever wrote them: Spoor, or Jaeger since 1.16.
///
/// A tag value with operators of Lucene's regular expressions finds both itself and what matches it as an expression of the
/// whole value (`GET /api/.*`); `\` takes an operator its meaning. Of names and values over 256 characters, those that Spoor wrote
/// are found, as they are; Jaeger's indices do not know them. A binary value
/// is found by its lower-case hexadecimal digits. Kinds of operations are not known.
#[derive(Debug)]
pub struct ElasticsearchReader {
    client: Arc<Client>,
    setup: Arc<Setup>,
    names: IndexNames,
    dot_replacement: String,
    max_span_age: Duration,
    max_doc_count: u32,
}

impl ElasticsearchReader {
    pub(crate) fn new(client: Arc<Client>, setup: Arc<Setup>, names: IndexNames, config: &Config) -> Self {
        Self {
            client,
            setup,
            names,
            dot_replacement: config.documents.dot_replacement.clone(),
            max_span_age: config.indices.max_span_age,
            max_doc_count: config.indices.max_doc_count,
        }
    }

    /// Whether the store can be used, and if not, why: now and whenever it changes.
    #[must_use]
    pub fn readiness(&self) -> tokio::sync::watch::Receiver<Readiness> {
        self.setup.readiness()
    }

    /// Who calls whom, in the same store.
    #[must_use]
    pub fn dependencies(&self) -> ElasticsearchDependencies {
        ElasticsearchDependencies::new(self.access(), self.names.dependencies.clone(), self.max_doc_count)
    }

    /// Rates and latencies of the same spans.
    #[must_use]
    pub fn span_metrics(&self) -> ElasticsearchSpanMetrics {
        let (spans, dots) = (self.names.spans.clone(), self.dot_replacement.clone());
        ElasticsearchSpanMetrics::new(self.access(), spans, dots, self.max_doc_count)
    }

    fn access(&self) -> Access {
        Access::new(self.client.clone(), self.setup.clone())
    }

    /// At least two: a page of one could never tell whether its group goes on.
    fn page_size(&self) -> usize {
        PAGE_SIZE.min(self.max_doc_count as usize).max(2)
    }

    async fn check_ready(&self, context: &RequestContext, attempted: &str) -> Result<(), ReadError> {
        check_ready(&self.setup, context, attempted).await
    }

    /// Sends one search. `filter` names what is to come back besides what tells that the answer is whole.
    async fn search(
        &self,
        context: &RequestContext,
        targets: &Targets,
        filter: &str,
        body: &Value,
        attempted: &str,
    ) -> Result<Bytes, ReadError> {
        search(&self.client, context, targets, filter, body, attempted).await
    }
}

#[async_trait]
impl SpanReader for ElasticsearchReader {
    fn capabilities(&self) -> Capabilities {
        Capabilities { search_without_service: true, ..Capabilities::default() }
    }

    async fn services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError> {
        self.check_ready(context, "list services").await?;
        self.list_services(context).await
    }

    async fn operations(
        &self,
        context: &RequestContext,
        query: &OperationQuery,
    ) -> Result<Vec<Operation>, ReadError> {
        self.check_ready(context, "list operations").await?;
        self.list_operations(context, query).await
    }

    async fn trace<'a>(
        &'a self,
        context: &RequestContext,
        lookup: &TraceLookup,
    ) -> Result<SpanStream<'a>, ReadError> {
        let attempted = format!("read trace {}", lookup.trace_id);
        self.check_ready(context, &attempted).await?;
        let mut window = self.retention(now());
        if let Some(hint) = lookup.hint {
            // The hint can only add: a trace older than what is looked for by default is found with it.
            window = TimeRange { start: window.start.min(hint.start), end: window.end.max(hint.end) };
        }
        let cursor = TraceCursor {
            trace_id: lookup.trace_id,
            targets: self.names.span_targets(widened(window, SLACK)),
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
        let attempted = match &query.service {
            Some(service) => format!("search traces of service {service}"),
            None => "search traces".to_owned(),
        };
        self.check_ready(context, &attempted).await?;
        let ids =
            if query.limit == 0 { Vec::new() } else { self.find_ids(context, query, &attempted).await? };
        Ok(self.traces(context.clone(), query, ids, attempted))
    }
}

/// The answer was larger than what we take: less has to be asked for at once.
fn is_too_large(error: &ReadError) -> bool {
    error.source.downcast_ref::<Fault>().is_some_and(|fault| matches!(fault.cause, Cause::TooLarge(_)))
}

/// Reads an answer and makes sure that it is whole.
fn parse<'a>(body: &'a [u8], attempted: &str) -> Result<Answer<'a>, ReadError> {
    let answer: Answer<'a> = parse_json(body, attempted)?;
    answer.check(attempted)?;
    Ok(answer)
}

//! Services and operations, from the service documents: all of them, page by page, not the most frequent ones, up to a bound that only
//! broken names reach.

use serde_json::Value;
use spoor_model::{Operation, OperationQuery, SpanKind, TimeRange, UnixNanos};
use spoor_storage::{ListBound, ReadError, RequestContext};

use super::answer::{Answer, NameBucket, Names};
use super::{ElasticsearchReader, now, query};
use crate::index::{SLACK, widened};
use crate::service::UNSPECIFIED;

const FILTER: &str = "aggregations.names.buckets.key,aggregations.names.buckets.kinds.buckets.key,aggregations.names.after_key";

/// Operations in one answer: with their kinds they stay below the 10,000 buckets that Elasticsearch 7.0 gives at most.
const OPERATIONS_AT_ONCE: u32 = 10_000 / (query::KINDS + 1);

impl ElasticsearchReader {
    pub(super) async fn list_services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError> {
        let body = |after: Option<&str>| query::names("serviceName", None, self.max_doc_count, after);
        let buckets = self.list_names(context, body, "list services").await?;
        let mut names: Vec<String> = buckets.into_iter().map(|bucket| bucket.key.name).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    pub(super) async fn list_operations(
        &self,
        context: &RequestContext,
        question: &OperationQuery,
    ) -> Result<Vec<Operation>, ReadError> {
        let attempted = format!("list operations of service {}", question.service);
        let size = self.max_doc_count.min(OPERATIONS_AT_ONCE);
        let body = |after: Option<&str>| query::operations(&question.service, size, after);
        let buckets = self.list_names(context, body, &attempted).await?;
        let mut operations = Vec::with_capacity(buckets.len());
        for NameBucket { key, kinds } in buckets {
            let operation = |span_kind| Operation { name: key.name.clone(), span_kind };
            let told: Vec<SpanKind> =
                kinds.buckets.iter().filter_map(|bucket| kind_of(&bucket.key)).collect();
            if told.is_empty() {
                // Only Jaeger wrote of it, and Jaeger does not tell.
                operations.push(operation(SpanKind::Unspecified));
            }
            let wanted = told.into_iter().filter(|kind| question.span_kind.is_none_or(|only| only == *kind));
            operations.extend(wanted.map(operation));
        }
        operations.sort_unstable();
        operations.dedup();
        Ok(operations)
    }

    /// All buckets, page by page, as many as a list may have; `body` asks for the page behind a name.
    async fn list_names(
        &self,
        context: &RequestContext,
        body: impl Fn(Option<&str>) -> Value + Send + Sync,
        attempted: &str,
    ) -> Result<Vec<NameBucket>, ReadError> {
        // Where clocks go ahead of ours, services of tomorrow's index are heard of already.
        let targets = self.names.services.targets(widened(self.retention(now()), SLACK));
        let (mut found, mut bound) = (Vec::new(), ListBound::default());
        let mut after: Option<String> = None;
        loop {
            let reply =
                self.access.search(context, &targets, FILTER, &body(after.as_deref()), attempted).await?;
            let answer: Answer<'_> = super::parse(&reply, attempted)?;
            let Some(Names { buckets, after_key }) = answer.aggregations.map(|found| found.names) else {
                return Ok(found);
            };
            found.extend(buckets.into_iter().take_while(|bucket| bound.takes(&bucket.key.name)));
            bound.tell(context);
            match after_key.filter(|_| !bound.is_reached()) {
                Some(key) => after = Some(key.name),
                None => return Ok(found),
            }
        }
    }

    /// From the oldest span that is still looked for until `moment`.
    pub(super) fn retention(&self, moment: UnixNanos) -> TimeRange {
        TimeRange { start: moment.saturating_sub(self.max_span_age), end: moment }
    }
}

fn kind_of(name: &str) -> Option<SpanKind> {
    if name == UNSPECIFIED { Some(SpanKind::Unspecified) } else { SpanKind::from_name(name) }
}

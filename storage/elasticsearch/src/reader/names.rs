//! Services and operations, from the service documents: all of them, page by page, not the most frequent ones.

use spoor_model::UnixNanos;
use spoor_model::{Operation, OperationQuery, SpanKind, TimeRange};
use spoor_storage::{ReadError, RequestContext};

use super::answer::{Answer, Names};
use super::{ElasticsearchReader, now, query};
use crate::index::{SLACK, widened};

const FILTER: &str = "aggregations.names.buckets.key,aggregations.names.after_key";

impl ElasticsearchReader {
    pub(super) async fn list_services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError> {
        self.list_names(context, "serviceName", None, "list services").await
    }

    pub(super) async fn list_operations(
        &self,
        context: &RequestContext,
        query: &OperationQuery,
    ) -> Result<Vec<Operation>, ReadError> {
        let attempted = format!("list operations of service {}", query.service);
        let names = self.list_names(context, "operationName", Some(&query.service), &attempted).await?;
        // Service documents do not tell the kind, so a condition on it is met by every operation.
        Ok(names.into_iter().map(|name| Operation { name, span_kind: SpanKind::Unspecified }).collect())
    }

    async fn list_names(
        &self,
        context: &RequestContext,
        field: &str,
        of_service: Option<&str>,
        attempted: &str,
    ) -> Result<Vec<String>, ReadError> {
        // Where clocks go ahead of ours, services of tomorrow's index are heard of already.
        let targets = self.names.services.targets(widened(self.retention(now()), SLACK));
        let mut names: Vec<String> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let body = query::names(field, of_service, self.max_doc_count, after.as_deref());
            let reply = self.search(context, &targets, FILTER, &body, attempted).await?;
            let answer: Answer<'_> = super::parse(&reply, attempted)?;
            let Some(Names { buckets, after_key }) = answer.aggregations.map(|found| found.names) else {
                break;
            };
            names.extend(buckets.into_iter().map(|bucket| bucket.key.name));
            match after_key {
                Some(key) => after = Some(key.name),
                None => break,
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// From the oldest span that is still looked for until `moment`.
    pub(super) fn retention(&self, moment: UnixNanos) -> TimeRange {
        TimeRange { start: moment.saturating_sub(self.max_span_age), end: moment }
    }
}

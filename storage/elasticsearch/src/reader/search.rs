//! The traces that a search found, several at a time.

use std::collections::VecDeque;

use futures::stream::{self, BoxStream, StreamExt};
use serde_json::value::RawValue;
use spoor_model::{SpanBatch, TraceId, TraceQuery};
use spoor_storage::{ReadError, RequestContext};

use super::ElasticsearchReader;
use super::answer::{Answer, parse_item};
use super::late::Late;
use super::query;
use super::trace::{Progress, TraceCursor};
use crate::access::{EVERYTHING, is_too_large};
use crate::index::{SLACK, Targets, widened};

/// Traces asked for in one request.
const TRACES_AT_ONCE: usize = 20;
/// Spans of each of them that come at once; larger traces go on in pages of their own.
const SPANS_AT_ONCE: usize = 250;

/// The first spans of a trace, and where it goes on.
type Beginning = (SpanBatch, Option<TraceCursor>);

/// A search on its way out.
struct Found {
    context: RequestContext,
    targets: Targets,
    attempted: String,
    /// Not asked for yet, newest first.
    ids: VecDeque<TraceId>,
    late: Late,
    /// Read but not handed out yet.
    ready: VecDeque<Beginning>,
    /// The trace that is being handed out goes on here.
    open: Option<TraceCursor>,
    /// So many of its spans have been handed out.
    given: usize,
    /// So many spans of a trace are enough.
    enough: usize,
}

impl ElasticsearchReader {
    /// These traces in this order, each whole or up to the spans that are enough.
    pub(super) fn traces(
        &self,
        context: RequestContext,
        question: &TraceQuery,
        ids: Vec<TraceId>,
        attempted: String,
    ) -> BoxStream<'_, Result<SpanBatch, ReadError>> {
        let found = Found {
            context,
            targets: self.names.span_targets(widened(question.start, SLACK)),
            attempted,
            ids: ids.into(),
            late: Late::default(),
            ready: VecDeque::new(),
            open: None,
            given: 0,
            enough: question.enough_spans,
        };
        stream::try_unfold(found, move |mut found| async move {
            let batch = self.next_batch(&mut found).await?;
            Ok(batch.map(|batch| (batch, found)))
        })
        .boxed()
    }

    async fn next_batch(&self, found: &mut Found) -> Result<Option<SpanBatch>, ReadError> {
        loop {
            let (batch, next) = if let Some(cursor) = found.open.take() {
                self.next_page(&found.context, cursor).await?
            } else if let Some(ready) = found.ready.pop_front() {
                found.given = 0;
                ready
            } else if found.ids.is_empty() {
                return Ok(None);
            } else {
                self.read_group(found).await?;
                continue;
            };
            found.given += batch.len();
            found.open = next.filter(|_| found.given < found.enough);
            // Nothing comes of a trace that retention took away meanwhile, or that is read by its cursor alone.
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
    }

    /// Reads the beginnings of the next traces.
    async fn read_group(&self, found: &mut Found) -> Result<(), ReadError> {
        let ids: Vec<TraceId> = found.ids.drain(..found.ids.len().min(TRACES_AT_ONCE)).collect();
        let mut ready = self.beginnings(found, ids.clone()).await?;
        loop {
            let missing = found.late.missing(&found.context, &ready, is_nothing).await;
            if missing.is_empty() {
                break;
            }
            let again = self.beginnings(found, missing.iter().map(|&at| ids[at]).collect()).await?;
            for (at, beginning) in missing.into_iter().zip(again) {
                ready[at] = beginning;
            }
        }
        found.ready.extend(ready);
        Ok(())
    }

    /// Asks for the beginnings of these traces with one request.
    async fn beginnings(&self, found: &Found, ids: Vec<TraceId>) -> Result<Vec<Beginning>, ReadError> {
        let size = self.first_page(found.enough);
        let questions = ids.iter().map(|&id| query::trace_page(id, size, None));
        let reply = self
            .access
            .multi_search(&found.context, &found.targets, EVERYTHING, questions, &found.attempted)
            .await;
        if reply.as_ref().is_err_and(is_too_large) {
            // Their spans are large ones: each trace is read by its cursor alone, page by page.
            let alone = |id| (SpanBatch::default(), Some(self.cursor(found, id, None)));
            return Ok(ids.into_iter().map(alone).collect());
        }
        let reply = reply?;
        let answers = super::parse_items(&reply, ids.len(), &found.attempted)?;
        let beginning = |(&trace_id, item)| {
            let answer: Answer<'_> = parse_item(item, &found.attempted)?;
            let cursor = |after| self.cursor(found, trace_id, after);
            Ok(match self.take_page(&answer.hits.hits, size, &found.attempted)? {
                Progress::Last(batch) => (batch, None),
                Progress::More(batch, after) => (batch, Some(cursor(Some(after)))),
                Progress::Larger => (SpanBatch::default(), Some(cursor(None))),
            })
        };
        ids.iter().zip(answers).map(beginning).collect()
    }

    /// How many spans of each trace are asked for at first: one more than are enough, so that a page that is full still
    /// gives them all.
    fn first_page(&self, enough: usize) -> usize {
        SPANS_AT_ONCE.min(self.page_size().hits()).min(enough.saturating_add(1)).max(2)
    }

    fn cursor(&self, found: &Found, trace_id: TraceId, after: Option<Box<RawValue>>) -> TraceCursor {
        TraceCursor {
            trace_id,
            targets: found.targets.clone(),
            after,
            page_size: self.page_size(),
            attempted: found.attempted.clone(),
        }
    }
}

fn is_nothing((batch, next): &Beginning) -> bool {
    batch.is_empty() && next.is_none()
}

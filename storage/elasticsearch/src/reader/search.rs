//! Searches: first the ids of the newest matching traces, exactly; then these traces, several at a time.

use std::collections::{HashSet, VecDeque};

use futures::stream::{self, BoxStream, StreamExt};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use spoor_model::{SpanBatch, TraceId, TraceQuery};
use spoor_storage::{ReadError, ReadErrorKind, RequestContext};

use super::answer::{Answer, MultiAnswer, parse_item};
use super::convert::stored_id;
use super::query::{self, Patterns};
use super::trace::{Progress, TraceCursor};
use super::{ElasticsearchReader, is_too_large};
use crate::access::parse_json;
use crate::client::{Chunks, Request};
use crate::index::{SLACK, Targets, widened};
use crate::wholeness::WHOLENESS;

/// The most traces one search can find: what a server gives at once by default (`index.max_result_window`).
const MOST_TRACES: usize = 10_000;
/// Traces asked for in one request.
const TRACES_AT_ONCE: usize = 20;
/// Spans of each of them that come at once; larger traces go on in pages of their own.
const SPANS_AT_ONCE: usize = 500;

/// A search on its way out.
struct Found {
    context: RequestContext,
    targets: Targets,
    attempted: String,
    /// Not asked for yet, newest first.
    ids: VecDeque<TraceId>,
    /// Read but not handed out yet: spans, and where the trace goes on.
    ready: VecDeque<(SpanBatch, Option<TraceCursor>)>,
    /// The trace that is being handed out goes on here.
    open: Option<TraceCursor>,
}

impl ElasticsearchReader {
    /// Ids of the newest traces that match, newest first, each once, at most `limit`.
    pub(super) async fn find_ids(
        &self,
        context: &RequestContext,
        question: &TraceQuery,
        attempted: &str,
    ) -> Result<Vec<TraceId>, ReadError> {
        if question.limit > MOST_TRACES {
            let what = format!(
                "{} traces are asked for; the store finds at most {MOST_TRACES} at once",
                question.limit
            );
            return Err(ReadError::new(ReadErrorKind::Invalid, attempted, what));
        }
        let mut size = question.limit;
        loop {
            let (hits, ids) = self.find_ids_once(context, question, size, attempted).await?;
            // Spellings of one id are several hits. When that leaves room and there may be more, more are asked for.
            if ids.len() >= question.limit || hits < size || size >= MOST_TRACES {
                return Ok(ids.into_iter().take(question.limit).collect());
            }
            size = (size * 2).min(MOST_TRACES);
        }
    }

    /// The number of hits, and their distinct ids.
    async fn find_ids_once(
        &self,
        context: &RequestContext,
        question: &TraceQuery,
        size: usize,
        attempted: &str,
    ) -> Result<(usize, Vec<TraceId>), ReadError> {
        const FILTER: &str = "hits.hits.fields";
        let targets = self.names.span_targets(question.start);
        let body = |patterns| query::find_trace_ids(question, &self.dot_replacement, patterns, size);
        let mut reply = self.search(context, &targets, FILTER, &body(Patterns::Allowed), attempted).await;
        // A value that is no regular expression is still a value.
        if query::has_patterns(question)
            && matches!(&reply, Err(error) if error.kind == ReadErrorKind::Invalid)
        {
            reply = self.search(context, &targets, FILTER, &body(Patterns::Literal), attempted).await;
        }
        let reply = reply?;
        let answer: Answer<'_> = super::parse(&reply, attempted)?;
        let mut seen = HashSet::new();
        let mut ids = Vec::new();
        for text in answer.hits.hits.iter().flat_map(|hit| &hit.fields.trace_id) {
            let id: TraceId = stored_id(text).map_err(|error| {
                ReadError::new(ReadErrorKind::Incomplete, attempted, format!("trace id {text:?}: {error}"))
            })?;
            if seen.insert(id) {
                ids.push(id);
            }
        }
        Ok((answer.hits.hits.len(), ids))
    }

    /// These traces, whole and in this order.
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
            ready: VecDeque::new(),
            open: None,
        };
        stream::try_unfold(found, move |mut found| async move {
            let batch = self.next_batch(&mut found).await?;
            Ok(batch.map(|batch| (batch, found)))
        })
        .boxed()
    }

    async fn next_batch(&self, found: &mut Found) -> Result<Option<SpanBatch>, ReadError> {
        loop {
            if let Some(cursor) = found.open.take() {
                let (batch, next) = self.next_page(&found.context, cursor).await?;
                found.open = next;
                if !batch.is_empty() {
                    return Ok(Some(batch));
                }
            } else if let Some((batch, next)) = found.ready.pop_front() {
                found.open = next;
                // Nothing is ready of a trace that retention took away meanwhile, or that is read by its cursor alone.
                if !batch.is_empty() {
                    return Ok(Some(batch));
                }
            } else if found.ids.is_empty() {
                return Ok(None);
            } else {
                self.read_group(found).await?;
            }
        }
    }

    /// Reads the beginnings of the next traces with one request.
    async fn read_group(&self, found: &mut Found) -> Result<(), ReadError> {
        let size = SPANS_AT_ONCE.min(self.page_size());
        let ids: Vec<TraceId> = found.ids.drain(..found.ids.len().min(TRACES_AT_ONCE)).collect();
        let header = json!({
            "index": found.targets.names(),
            "ignore_unavailable": true,
            "allow_no_indices": true,
        });
        let mut lines = Vec::new();
        for &id in &ids {
            write_line(&mut lines, &header);
            write_line(&mut lines, &query::trace_page(id, size, None));
        }
        let path = format!(
            "/_msearch?filter_path=responses.error,responses.status,{},responses.hits.hits._source,responses.hits.hits.sort",
            WHOLENESS.split(',').map(|field| format!("responses.{field}")).collect::<Vec<_>>().join(",")
        );
        let request = Request::lines(path, Chunks::from(lines), found.attempted.as_str());
        let reply = self.client.send_for(&found.context, request).await.map_err(ReadError::from);
        if reply.as_ref().is_err_and(is_too_large) {
            // Their spans are large ones: each trace is read by its cursor alone, page by page.
            let alone = |id| (SpanBatch::default(), Some(self.cursor(found, id, None)));
            let alone: Vec<_> = ids.into_iter().map(alone).collect();
            found.ready.extend(alone);
            return Ok(());
        }
        let reply = reply?.body;
        let answer: MultiAnswer<'_> = parse_json(&reply, &found.attempted)?;
        if answer.responses.len() != ids.len() {
            let what = format!("{} answers came for {} questions", answer.responses.len(), ids.len());
            return Err(ReadError::new(ReadErrorKind::Incomplete, found.attempted.as_str(), what));
        }
        for (&trace_id, item) in ids.iter().zip(&answer.responses) {
            let answer = parse_item(item, &found.attempted)?;
            let cursor = |after| self.cursor(found, trace_id, after);
            let ready = match self.take_page(&answer.hits.hits, size, &found.attempted)? {
                Progress::Last(batch) => (batch, None),
                Progress::More(batch, after) => (batch, Some(cursor(Some(after)))),
                Progress::Larger => (SpanBatch::default(), Some(cursor(None))),
            };
            found.ready.push_back(ready);
        }
        Ok(())
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

fn write_line(out: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(&mut *out, value).expect("a JSON value writes into memory");
    out.push(b'\n');
}

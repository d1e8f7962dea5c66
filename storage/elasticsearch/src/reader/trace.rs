//! A trace by id: page after page in the order of start times, none of its spans lost between pages.

use futures::stream::{self, BoxStream, StreamExt};
use serde_json::value::RawValue;
use spoor_model::{SpanBatch, TraceId};
use spoor_storage::{ReadError, ReadErrorKind, RequestContext};

use super::answer::{Answer, Hit};
use super::convert::PageBuilder;
use super::page::{LARGEST_PAGE, Page, PageSize, SMALLEST_PAGE, judge};
use super::{ElasticsearchReader, query};
use crate::access::{EVERYTHING, is_too_large};
use crate::index::Targets;
use crate::turns::Room;

/// Where the reading of a trace stands.
pub(super) struct TraceCursor {
    pub(super) trace_id: TraceId,
    pub(super) targets: Targets,
    /// Behind which sort values the next page begins; at the start of the trace without.
    pub(super) after: Option<Box<RawValue>>,
    pub(super) page_size: PageSize,
    pub(super) attempted: String,
}

/// What a page brought.
pub(super) enum Progress {
    /// The last spans, if any.
    Last(SpanBatch),
    /// Spans, and where to go on.
    More(SpanBatch, Box<RawValue>),
    /// Nothing could be taken: the page must be larger.
    Larger,
}

impl ElasticsearchReader {
    /// The rest of a trace from the cursor on, as a stream of pages.
    pub(super) fn pages(
        &self,
        context: RequestContext,
        cursor: TraceCursor,
    ) -> BoxStream<'_, Result<SpanBatch, ReadError>> {
        let start = (context, Some(cursor));
        stream::try_unfold(start, move |(context, cursor)| async move {
            let Some(cursor) = cursor else { return Ok(None) };
            let (batch, next) = self.next_page(&context, cursor).await?;
            Ok((!batch.is_empty()).then_some((batch, (context, next))))
        })
        .boxed()
    }

    /// Reads the next page; without a cursor behind it there are no more.
    pub(super) async fn next_page(
        &self,
        context: &RequestContext,
        mut cursor: TraceCursor,
    ) -> Result<(SpanBatch, Option<TraceCursor>), ReadError> {
        let mut size = cursor.page_size.hits();
        let mut most = LARGEST_PAGE;
        let mut room = Room::Usual;
        loop {
            let body = query::trace_page(cursor.trace_id, size, cursor.after.as_deref());
            let reply = self
                .access
                .search_within(room, context, &cursor.targets, EVERYTHING, &body, &cursor.attempted)
                .await;
            if room == Room::Usual && reply.as_ref().is_err_and(is_too_large) {
                // These spans are large ones: this page and those behind it have fewer, and more room when they have the fewest.
                if size == SMALLEST_PAGE {
                    room = Room::Most;
                }
                cursor.page_size = PageSize::below(size);
                size = cursor.page_size.hits();
                most = size;
                continue;
            }
            let reply = reply?;
            let answer: Answer<'_> = super::parse(&reply, &cursor.attempted)?;
            match self.take_page(&answer.hits.hits, size, &cursor.attempted)? {
                Progress::Last(batch) => return Ok((batch, None)),
                Progress::More(batch, after) => {
                    cursor.after = Some(after);
                    cursor.page_size = cursor.page_size.behind(size, reply.len());
                    return Ok((batch, Some(cursor)));
                }
                Progress::Larger if size < most => size = most,
                Progress::Larger => return Err(too_many_alike(&cursor.attempted, most)),
            }
        }
    }

    /// Turns the hits of a page that was asked for with `size` into a batch.
    pub(super) fn take_page(
        &self,
        hits: &[Hit<'_>],
        size: usize,
        attempted: &str,
    ) -> Result<Progress, ReadError> {
        let not_understood = |what: String| ReadError::new(ReadErrorKind::Incomplete, attempted, what);
        let keys: Option<Vec<&str>> = hits.iter().map(|hit| hit.sort.map(RawValue::get)).collect();
        let keys = keys.ok_or_else(|| not_understood("a hit came without its sort values".to_owned()))?;
        let (keep, cursor) = match judge(&keys, size) {
            Page::OneGroup => return Ok(Progress::Larger),
            Page::Last => (hits.len(), None),
            Page::More { keep, cursor } => (keep, Some(cursor)),
        };
        let mut page = PageBuilder::new(&self.dot_replacement, keep);
        for hit in &hits[..keep] {
            let document = hit
                .source
                .as_ref()
                .ok_or_else(|| not_understood("a hit came without its document".to_owned()))?;
            page.push(document).map_err(|error| not_understood(error.to_string()))?;
        }
        let batch = page.finish().map_err(|error| not_understood(error.to_string()))?;
        Ok(match cursor {
            None => Progress::Last(batch),
            Some(cursor) => {
                let after = RawValue::from_string(cursor.to_owned()).expect("it was raw JSON before");
                Progress::More(batch, after)
            }
        })
    }
}

fn too_many_alike(attempted: &str, most: usize) -> ReadError {
    let what =
        format!("{most} or more documents share one span id and start time; they cannot be told apart");
    ReadError::new(ReadErrorKind::Incomplete, attempted, what)
}

//! What the index does not tell: whether spans that may satisfy a filter do. They are read, newest first, and looked at.
//!
//! Only spans that are in doubt are read, which are few where the index tells most of a filter; a trace of which one satisfies it is not
//! read any further. A question for which too many would have to be read is refused, with what would help.

use std::collections::HashSet;

use serde_json::Value;
use serde_json::value::RawValue;
use spoor_model::{FoundTrace, SpanBatch, TimeRange, TraceId, TraceQuery};
use spoor_storage::{ReadError, ReadErrorKind};

use super::answer::Answer;
use super::page::LARGEST_PAGE;
use super::places::{Hits, Search};
use super::query::{self, Part, Untold};
use super::trace::Progress;
use crate::access::EVERYTHING;

/// So many spans may be read for one question: a few seconds' work.
pub(super) const MOST_READ: usize = 50_000;
/// Spans in the first page; each further one is larger.
const FIRST_PAGE: usize = 100;
const FILTER: &str = "hits.hits.sort,hits.hits._score";

impl Search<'_> {
    /// Of the spans that are in doubt and start within the range: the newest traces, at most so many, of which one satisfies the filter.
    pub(super) async fn read_in_doubt(
        &mut self,
        in_doubt: &Value,
        part: Part<'_>,
        range: TimeRange,
        wanted: usize,
    ) -> Result<Hits, ReadError> {
        let question = TraceQuery { start: range, ..self.question.clone() };
        let mut found = Hits::default();
        let mut known: Vec<TraceId> = Vec::new();
        let mut after: Option<Box<RawValue>> = None;
        let mut size = FIRST_PAGE;
        loop {
            let page = self.page_in_doubt(&question, in_doubt, part, &known, size, after.as_deref()).await?;
            let (batch, next) = match page {
                Progress::Last(batch) => (batch, None),
                Progress::More(batch, after) => (batch, Some(after)),
                Progress::Larger if size < LARGEST_PAGE => {
                    size = LARGEST_PAGE;
                    continue;
                }
                Progress::Larger => {
                    let what = format!("{LARGEST_PAGE} or more documents share one span id and start time");
                    return Err(self.not_understood(what));
                }
            };
            self.to_read = self.to_read.checked_sub(batch.len()).ok_or_else(|| self.too_many())?;
            known.extend(self.look_at(&batch, wanted, &mut found));
            match next {
                Some(next) if !found.full => after = Some(next),
                _ => return Ok(found),
            }
            size = (size * 2).min(self.reader.page_size().hits().max(FIRST_PAGE));
        }
    }

    /// Adds the traces of the spans that satisfy the filter, up to so many; answers which are new.
    fn look_at(&self, batch: &SpanBatch, wanted: usize, found: &mut Hits) -> HashSet<TraceId> {
        let mut new = HashSet::new();
        let Some(filter) = &self.question.filter else { return new };
        for span in batch.spans() {
            // A trace that was known when the page was asked for is not in it.
            if !found.full && filter.holds(span) && new.insert(span.trace_id()) {
                let newest_match_micros = span.start().micros();
                found.places.push(FoundTrace { newest_match_micros, trace_id: span.trace_id() });
                found.full = found.places.len() >= wanted;
            }
        }
        new
    }

    async fn page_in_doubt(
        &mut self,
        question: &TraceQuery,
        in_doubt: &Value,
        part: Part<'_>,
        known: &[TraceId],
        size: usize,
        after: Option<&RawValue>,
    ) -> Result<Progress, ReadError> {
        let reader = self.reader;
        let body = |patterns| {
            let how = (reader.dot_replacement.as_str(), patterns);
            query::candidates(question, in_doubt, how, part, known, (size, after))
        };
        let targets = reader.names.span_targets(self.question.start);
        let reply = self.ask_of(&targets, EVERYTHING, body).await?;
        let answer: Answer<'_> = super::parse(&reply, self.attempted)?;
        reader.take_page(&answer.hits.hits, size, self.attempted)
    }

    /// Refuses what documents of Jaeger's layout do not tell, where there are any that it is about.
    pub(super) async fn refuse_untold(&mut self, untold: &Untold) -> Result<(), ReadError> {
        let reader = self.reader;
        let question = self.question;
        let body = |patterns| query::any_span(question, &untold.concerned, &reader.dot_replacement, patterns);
        let targets = reader.names.jaeger_span_targets(question.start);
        let reply = self.ask_of(&targets, FILTER, body).await?;
        let answer: Answer<'_> = super::parse(&reply, self.attempted)?;
        if answer.hits.hits.is_empty() {
            return Ok(());
        }
        let what = format!(
            "{}, and spans of this time and service lie in that layout; ask for a time or a service whose spans are all in the compact one, or leave that condition out",
            untold.reason
        );
        Err(ReadError::new(ReadErrorKind::Invalid, self.attempted, what))
    }

    fn too_many(&self) -> ReadError {
        let what = format!(
            "the filter asks for what the index does not tell, and more than {MOST_READ} spans would have to be read to know; ask for a shorter time, or add a service, an operation, or a condition on an attribute"
        );
        ReadError::new(ReadErrorKind::Invalid, self.attempted, what)
    }
}

//! Where found traces stand: the newest ones behind a place, exactly, however many shards hold their spans.
//!
//! A search that is collapsed on the trace id gives each trace at its newest matching span, on all shards. Behind a place
//! it would name again the traces from before that have older matching spans as well; so the traces that it names are asked
//! for once more on the other side of the place, and those found there go.
//!
//! What a filter asks that the index does not tell is read in the documents that are in doubt: see `in_doubt`.
//!
//! To collapse, the store looks at every span that matches, so it is asked about the newest part of the range first: see [`Slice`].

use std::collections::HashSet;

use serde_json::Value;
use serde_json::value::RawValue;
use spoor_model::{FoundTrace, TimeRange, TraceId, TraceQuery, UnixNanos};
use spoor_storage::{ReadError, ReadErrorKind, RequestContext};

use super::ElasticsearchReader;
use super::answer::{Answer, Hit};
use super::convert::stored_id;
use super::in_doubt::MOST_READ;
use super::query::{self, Bounds, Condition, Part, Patterns};
use super::slice::Slice;
use crate::index::Targets;
use crate::turns::Answered;
use crate::wholeness;

/// What a server gives at once by default (`index.max_result_window`).
const MOST_HITS: usize = 10_000;
/// In so many ways an id may be spelled.
const SPELLINGS: usize = 3;
/// So many traces have all their spellings within [`MOST_HITS`].
const MOST_CHECKED: usize = MOST_HITS / SPELLINGS;
const FILTER: &str = "hits.hits.fields,hits.hits.sort";

/// One question for places.
pub(super) struct Search<'a> {
    pub(super) reader: &'a ElasticsearchReader,
    pub(super) context: &'a RequestContext,
    pub(super) question: &'a TraceQuery,
    pub(super) attempted: &'a str,
    pub(super) patterns: Patterns,
    /// What the question's filter says.
    bounds: Option<Bounds>,
    /// Spans that may still be read to know whether they satisfy the filter.
    pub(super) to_read: usize,
}

/// What a search found of one part: in order, each trace once or once for each spelling of its id.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) places: Vec<FoundTrace>,
    /// There may be more, behind the microsecond of the last one or in it.
    pub(super) full: bool,
}

impl ElasticsearchReader {
    /// The places of the newest traces that match, behind `after`, at most `question.limit`.
    pub(super) async fn find_places(
        &self,
        context: &RequestContext,
        question: &TraceQuery,
        mut after: Option<FoundTrace>,
        attempted: &str,
    ) -> Result<Vec<FoundTrace>, ReadError> {
        let condition = question.filter.as_ref().map(|filter| Condition::of(filter, &self.dot_replacement));
        let (bounds, untold) = condition.map(|condition| (condition.bounds, condition.untold)).unzip();
        let mut search = Search {
            reader: self,
            context,
            question,
            attempted,
            patterns: Patterns::Allowed,
            bounds,
            to_read: MOST_READ,
        };
        if let Some(untold) = untold.flatten() {
            search.refuse_untold(&untold).await?;
        }
        let mut found: Vec<FoundTrace> = Vec::new();
        while found.len() < question.limit {
            let (places, last) = search.next(after, question.limit - found.len()).await?;
            if let Some(behind) = after {
                found.extend(search.not_named_before(behind, places).await?);
            } else {
                found.extend(places);
            }
            match last {
                Some(last) if after.is_some_and(|after| last <= after) => {
                    return Err(search.not_understood("the same traces came again".to_owned()));
                }
                Some(_) => after = last,
                None => break,
            }
        }
        found.truncate(question.limit);
        Ok(found)
    }
}

impl Search<'_> {
    /// Distinct places behind `after` in order, at least one if there is any, and where to go on if there may be more. Some
    /// may belong to traces that were named before.
    async fn next(
        &mut self,
        after: Option<FoundTrace>,
        wanted: usize,
    ) -> Result<(Vec<FoundTrace>, Option<FoundTrace>), ReadError> {
        let (part, most) =
            after.map_or((Part::Whole, MOST_HITS), |after| (Part::Behind(after), MOST_CHECKED));
        let mut size = wanted.saturating_add(1).clamp(2, most);
        let mut slice = Slice::newest(self.question.start, after);
        loop {
            let Hits { places: mut hits, full } = self.hits(part, slice.range(), size).await?;
            if !full && !slice.is_whole() {
                slice = slice.wider(hits.len(), size);
                continue;
            }
            // Traces of one microsecond stand by the number of their ids, which the store does not know: they are taken
            // together, or left to the next page.
            let edge = hits.last().map(|last| last.newest_match_micros).filter(|_| full);
            let within = edge.map_or(hits.len(), |edge| {
                hits.iter().rposition(|hit| hit.newest_match_micros != edge).map_or(0, |before| before + 1)
            });
            if within > 0 || !full {
                hits.truncate(within);
            } else if size < most {
                size = size.saturating_mul(4).min(most);
                continue;
            }
            hits.sort_unstable();
            let last = hits.last().copied().filter(|_| full);
            let mut seen = HashSet::with_capacity(hits.len());
            hits.retain(|hit| after.is_none_or(|after| *hit > after) && seen.insert(hit.trace_id));
            return Ok((hits, last));
        }
    }

    /// Those of the places whose traces do not stand at or before `behind`.
    async fn not_named_before(
        &mut self,
        behind: FoundTrace,
        mut places: Vec<FoundTrace>,
    ) -> Result<Vec<FoundTrace>, ReadError> {
        if places.is_empty() {
            return Ok(places);
        }
        let ids: Vec<TraceId> = places.iter().map(|place| place.trace_id).collect();
        let newer =
            self.hits(Part::NotOlder(behind, &ids), self.question.start, ids.len() * SPELLINGS).await?;
        let named: HashSet<TraceId> =
            newer.places.into_iter().filter(|hit| *hit <= behind).map(|hit| hit.trace_id).collect();
        places.retain(|place| !named.contains(&place.trace_id));
        Ok(places)
    }

    /// What is found of spans that start within the range: what the index tells, and what only reading tells.
    async fn hits(&mut self, part: Part<'_>, range: TimeRange, size: usize) -> Result<Hits, ReadError> {
        let Some(bounds) = self.bounds.clone() else { return self.certain(None, part, range, size).await };
        let certain = match bounds.certain() {
            Some(condition) => self.certain(Some(condition), part, range, size).await?,
            None => Hits::default(),
        };
        let Some(in_doubt) = bounds.in_doubt() else { return Ok(certain) };
        // Of what is older than all that is wanted nothing needs to be read.
        let oldest = certain.places.iter().map(|place| place.newest_match_micros).min();
        let oldest = oldest.filter(|_| certain.full).map_or(range.start, UnixNanos::from_micros);
        let range = TimeRange { start: range.start.max(oldest), ..range };
        let read = self.read_in_doubt(&in_doubt, part, range, size).await?;
        Ok(certain.and(read))
    }

    /// What the index finds, as it says it.
    async fn certain(
        &mut self,
        condition: Option<&Value>,
        part: Part<'_>,
        range: TimeRange,
        size: usize,
    ) -> Result<Hits, ReadError> {
        let dots = &self.reader.dot_replacement;
        let question = TraceQuery { start: range, ..self.question.clone() };
        let body = |patterns| query::find_trace_ids(&question, condition, dots, patterns, part, size);
        let reply = self.ask(FILTER, body).await?;
        let answer: Answer<'_> = super::parse(&reply, self.attempted)?;
        let places: Result<Vec<_>, _> = answer.hits.hits.iter().map(|hit| self.place(hit)).collect();
        let places = places?;
        let full = places.len() >= size;
        Ok(Hits { places, full })
    }

    /// Asks all indices of the whole question: where clocks are wrong a span lies in the index of another day than it starts on.
    async fn ask(&mut self, filter: &str, body: impl Fn(Patterns) -> Value) -> Result<Answered, ReadError> {
        let targets = self.reader.names.span_targets(self.question.start);
        self.ask_of(&targets, filter, body).await
    }

    /// Asks these indices.
    pub(super) async fn ask_of(
        &mut self,
        targets: &Targets,
        filter: &str,
        body: impl Fn(Patterns) -> Value,
    ) -> Result<Answered, ReadError> {
        let Self { reader, context, attempted, .. } = *self;
        let reply = reader.access.search(context, targets, filter, &body(self.patterns), attempted).await;
        let is_refused = || match &reply {
            Err(error) => error.kind == ReadErrorKind::Invalid,
            Ok(answer) => wholeness::is_refused(answer),
        };
        // A value that is no regular expression is still a value.
        if self.patterns == Patterns::Allowed && query::has_patterns(self.question) && is_refused() {
            self.patterns = Patterns::Literal;
            return reader.access.search(context, targets, filter, &body(self.patterns), attempted).await;
        }
        reply
    }

    fn place(&self, hit: &Hit<'_>) -> Result<FoundTrace, ReadError> {
        let (Some(text), Some(sort)) = (hit.fields.trace_id.first(), hit.sort) else {
            return Err(self.not_understood("a hit came without its trace id or its sort values".to_owned()));
        };
        let trace_id =
            stored_id(text).map_err(|error| self.not_understood(format!("trace id {text:?}: {error}")))?;
        let (newest_match_micros, _): (u64, &RawValue) = serde_json::from_str(sort.get())
            .map_err(|error| self.not_understood(format!("sort values {}: {error}", sort.get())))?;
        Ok(FoundTrace { newest_match_micros, trace_id })
    }

    pub(super) fn not_understood(&self, what: String) -> ReadError {
        ReadError::new(ReadErrorKind::Incomplete, self.attempted, what)
    }
}

impl Hits {
    /// Both, as far down as both are whole: each trace at its newest place.
    fn and(self, other: Self) -> Self {
        let edge =
            |hits: &Self| hits.places.last().map(|last| last.newest_match_micros).filter(|_| hits.full);
        let edge = edge(&self).max(edge(&other));
        let full = self.full || other.full;
        let mut places = [self.places, other.places].concat();
        places.retain(|place| edge.is_none_or(|edge| place.newest_match_micros >= edge));
        places.sort_unstable();
        let mut seen = HashSet::with_capacity(places.len());
        places.retain(|place| seen.insert(place.trace_id));
        Self { places, full }
    }
}

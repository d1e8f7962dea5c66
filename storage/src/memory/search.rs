//! The newest traces that satisfy a search, from a snapshot of the candidates, outside the store's lock.

use std::cmp::Reverse;

use spoor_model::{FoundTrace, TraceQuery, UnixNanos};

use super::matching::latest_match;
use super::shelves::Candidate;
use super::trace::Parts;
use crate::RequestContext;

/// Candidates looked at between two glances at the clock.
const BETWEEN_PAUSES: usize = 64;

/// The time was up before all candidates had been looked at.
pub(super) struct OutOfTime;

/// The newest matches found so far, in the order of the answer; at most `limit`.
struct Newest {
    limit: usize,
    /// Only what lies behind this place counts.
    after: Option<FoundTrace>,
    found: Vec<(FoundTrace, Parts)>,
}

impl Newest {
    fn add(&mut self, place: FoundTrace, parts: Parts) {
        if self.after.is_some_and(|after| place <= after) {
            return;
        }
        let at = self.found.partition_point(|(other, _)| *other < place);
        self.found.insert(at, (place, parts));
        self.found.truncate(self.limit);
    }

    /// True when no span that starts at `latest` or earlier could still change the outcome.
    fn is_settled(&self, latest: UnixNanos) -> bool {
        let newer = |(oldest, _): &(FoundTrace, Parts)| oldest.newest_match_micros > latest.micros();
        self.found.len() >= self.limit && self.found.last().is_none_or(newer)
    }
}

/// The traces to answer with, newest first. Gives way to other tasks now and then.
pub(super) async fn newest(
    context: &RequestContext,
    mut candidates: Vec<Candidate>,
    query: &TraceQuery,
    after: Option<FoundTrace>,
) -> Result<Vec<(FoundTrace, Parts)>, OutOfTime> {
    candidates.sort_unstable_by_key(|candidate| Reverse(candidate.latest));
    let mut newest = Newest { limit: query.limit, after, found: Vec::new() };
    for (number, candidate) in candidates.into_iter().enumerate() {
        if newest.is_settled(candidate.latest) {
            break;
        }
        if number % BETWEEN_PAUSES == BETWEEN_PAUSES - 1 {
            tokio::task::yield_now().await;
            if context.remaining().is_zero() {
                return Err(OutOfTime);
            }
        }
        let batches = candidate.parts.iter().map(|part| &**part);
        if let Some(latest) = latest_match(batches, query) {
            let place = FoundTrace { newest_match_micros: latest.micros(), trace_id: candidate.trace_id };
            newest.add(place, candidate.parts);
        }
    }
    Ok(newest.found)
}

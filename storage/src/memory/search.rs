//! The newest traces that satisfy a search, from a snapshot of the candidates, outside the store's lock.

use spoor_model::{TraceId, TraceQuery, UnixNanos};

use super::matching::latest_match;
use super::shelves::Candidate;
use super::trace::Parts;
use crate::RequestContext;

/// Candidates looked at between two glances at the clock.
const BETWEEN_PAUSES: usize = 64;

/// The time was up before all candidates had been looked at.
pub(super) struct OutOfTime;

/// The newest matches found so far, newest first; at most `limit`.
struct Newest {
    limit: usize,
    found: Vec<(UnixNanos, TraceId, Parts)>,
}

impl Newest {
    fn add(&mut self, latest: UnixNanos, trace_id: TraceId, parts: Parts) {
        let newer = |other: &(UnixNanos, TraceId, Parts)| (other.0, other.1) > (latest, trace_id);
        let at = self.found.partition_point(newer);
        self.found.insert(at, (latest, trace_id, parts));
        self.found.truncate(self.limit);
    }

    /// True when no span that starts at `latest` or earlier could still change the outcome.
    fn is_settled(&self, latest: UnixNanos) -> bool {
        self.found.len() >= self.limit && self.found.last().is_none_or(|oldest| oldest.0 > latest)
    }
}

/// The traces to answer with, newest first. Gives way to other tasks now and then.
pub(super) async fn newest(
    context: &RequestContext,
    mut candidates: Vec<Candidate>,
    query: &TraceQuery,
) -> Result<Vec<Parts>, OutOfTime> {
    candidates.sort_unstable_by_key(|candidate| std::cmp::Reverse((candidate.latest, candidate.trace_id)));
    let mut newest = Newest { limit: query.limit, found: Vec::new() };
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
            newest.add(latest, candidate.trace_id, candidate.parts);
        }
    }
    Ok(newest.found.into_iter().map(|(_, _, parts)| parts).collect())
}

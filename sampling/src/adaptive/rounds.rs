//! What is done after each interval: every collector stores what it saw; the leader reads what all saw, and calculates.
//! The time comes from outside.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use spoor_model::{ByOperation, SamplingProbabilities, Throughput, TimeRange, UnixNanos};
use spoor_storage::{ReadError, RecordError, RequestContext, SamplingStore};

use super::AdaptiveConfig;
use super::calculate::{Bucket, Followed, Goal, OfOperations, calculate};

/// The store keeps moments to the millisecond, and both ends belong to a range.
const MILLI: Duration = Duration::from_millis(1);
/// The longest that a question to the store may take.
const LONGEST: Duration = Duration::from_secs(30);

/// One collector's rounds.
pub(super) struct Rounds {
    store: Arc<dyn SamplingStore>,
    goal: Goal,
    interval: Duration,
    delay: Duration,
    kept: usize,
    /// Seen but not stored yet; the oldest first.
    unwritten: VecDeque<(UnixNanos, Vec<Throughput>)>,
    /// While it leads.
    read: Option<ReadSoFar>,
}

/// What a leader knows.
struct ReadSoFar {
    newest_first: VecDeque<Bucket>,
    until: UnixNanos,
    followed: OfOperations<Followed>,
}

impl ReadSoFar {
    /// The clock was put back: what was seen counts as seen that much earlier, so that the probabilities in force stay what they are and
    /// are judged by what comes; those that were to be judged from a moment on would wait for it to come again.
    fn put_back(&mut self, by: Duration, until: UnixNanos) {
        self.newest_first.iter_mut().for_each(|bucket| bucket.put_back(by));
        self.until = until;
        self.followed.clear();
    }
}

impl Rounds {
    pub(super) fn new(store: Arc<dyn SamplingStore>, config: &AdaptiveConfig) -> Self {
        Self {
            store,
            goal: config.goal(),
            interval: config.interval,
            delay: config.delay,
            kept: config.aggregation_buckets as usize,
            unwritten: VecDeque::new(),
            read: None,
        }
    }

    /// Stores what was seen in the interval that ends at `now`, and what could not be stored before. What is older than anybody
    /// will read is dropped.
    pub(super) async fn write(&mut self, now: UnixNanos, seen: Vec<Throughput>) -> Result<(), RecordError> {
        if !seen.is_empty() {
            self.unwritten.push_back((now, seen));
        }
        while self.unwritten.len() > self.kept {
            self.unwritten.pop_front();
        }
        while let Some((at, seen)) = self.unwritten.front() {
            self.store.write_throughput(&self.context(), *at, seen).await?;
            self.unwritten.pop_front();
        }
        Ok(())
    }

    /// Whoever led and leads no more forgets what it read.
    pub(super) fn follow(&mut self) {
        self.read = None;
    }

    /// True for who has just begun to lead.
    pub(super) fn is_new_leader(&self) -> bool {
        self.read.is_none()
    }

    /// Reads what all collectors saw since the last time, or in all intervals that count for who begins to lead.
    pub(super) async fn read(&mut self, now: UnixNanos) -> Result<(), ReadError> {
        let end = now.saturating_sub(self.delay);
        let Some(read) = &self.read else {
            self.read = Some(self.read_back(end).await?);
            return Ok(());
        };
        let longest = self.interval * u32::try_from(self.kept).unwrap_or(u32::MAX);
        let start = read.until.max(end.saturating_sub(longest));
        if end <= start {
            // A clock that was put back: go on from where it stands, unless it is only a little.
            let back = start.since(end);
            if back > self.interval
                && let Some(read) = &mut self.read
            {
                read.put_back(back, end);
            }
            return Ok(());
        }
        let bucket = self.bucket(start, end).await?;
        if let Some(read) = &mut self.read {
            read.newest_first.push_front(bucket);
            read.newest_first.truncate(self.kept);
            read.until = end;
        }
        Ok(())
    }

    async fn read_back(&self, until: UnixNanos) -> Result<ReadSoFar, ReadError> {
        let (mut newest_first, mut end) = (VecDeque::new(), until);
        while newest_first.len() < self.kept {
            let start = end.saturating_sub(self.interval);
            let bucket = self.bucket(start, end).await?;
            if bucket.is_empty() {
                break;
            }
            newest_first.push_back(bucket);
            end = start;
        }
        Ok(ReadSoFar { newest_first, until, followed: OfOperations::new() })
    }

    /// What was seen after `start` and until `end`.
    async fn bucket(&self, start: UnixNanos, end: UnixNanos) -> Result<Bucket, ReadError> {
        let range = TimeRange { start: start.saturating_add(MILLI), end };
        Ok(Bucket::of(start, end, self.store.throughput(&self.context(), range).await?))
    }

    /// Calculates from what was read, with `issued` in force.
    pub(super) fn calculate(
        &mut self,
        now: UnixNanos,
        issued: &ByOperation,
        host: &str,
    ) -> SamplingProbabilities {
        let Some(read) = &mut self.read else { return SamplingProbabilities::default() };
        let outcome = calculate(&self.goal, &read.newest_first, issued, &read.followed, now);
        read.followed = outcome.followed;
        let (probabilities, qps) = (outcome.probabilities, outcome.rates);
        SamplingProbabilities { host: host.to_owned(), probabilities, qps }
    }

    pub(super) fn context(&self) -> RequestContext {
        RequestContext::with_timeout(self.interval.min(LONGEST))
    }
}

//! [`RetryingWriter`]: writes what a store has not settled again, until the caller's deadline.

use std::time::Duration;

use async_trait::async_trait;
use spoor_model::SpanBatch;
use tokio::time::{Instant, sleep, timeout_at};

use super::progress::{Failure, Progress};
use super::{RetryMetrics, RetryPolicy};
use crate::{RequestContext, SpanWriter, WriteError, WriteErrorKind, Written};

/// Repeats what the store behind it leaves unfinished, and only that, waiting by a [`RetryPolicy`] in between.
///
/// It answers a little before the deadline, so that the answer still reaches the caller: when the next wait would take
/// too long, with the last failure (its kind and its `retry_after`); when an attempt hangs, with
/// [`WriteErrorKind::DeadlineExceeded`]. Rejections of all attempts are told once, by their positions in the caller's batch.
#[derive(Debug)]
pub struct RetryingWriter<W> {
    inner: W,
    policy: RetryPolicy,
    metrics: RetryMetrics,
}

/// The most time kept back for the way of the answer; with short deadlines it is a tenth of the time left.
const ANSWER_ROOM: Duration = Duration::from_millis(100);

impl<W: SpanWriter> RetryingWriter<W> {
    /// Wraps a writer.
    pub fn new(inner: W, policy: RetryPolicy, metrics: RetryMetrics) -> Self {
        Self { inner, policy, metrics }
    }

    /// One attempt at the spans that are open.
    async fn attempt(
        &self,
        context: &RequestContext,
        batch: &SpanBatch,
        progress: &Progress,
    ) -> Result<Written, WriteError> {
        if progress.is_untouched() {
            return self.inner.write(context, batch).await;
        }
        let open = batch.select(progress.open().iter().copied());
        self.inner.write(context, &open).await
    }
}

#[async_trait]
impl<W: SpanWriter> SpanWriter for RetryingWriter<W> {
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        let started = Instant::now();
        let callers = Instant::from_std(context.deadline);
        let answer_by = answer_by(started, callers);
        // Later than what the store is told: one that answers at its deadline tells what it has settled by then, which a
        // cut at the same moment would lose.
        let cut_at = answer_by + callers.saturating_duration_since(answer_by) / 2;
        let context = RequestContext { deadline: answer_by.into_std(), ..context.clone() };
        let mut progress = Progress::new(batch.len());
        let mut failures = 0;
        if answer_by <= started && !batch.is_empty() {
            return Err(progress.into_error(out_of_time("the deadline had passed before the write")));
        }
        loop {
            let attempt = timeout_at(cut_at, self.attempt(&context, batch, &progress)).await;
            let Ok(outcome) = attempt else {
                return Err(progress.into_error(out_of_time("the store did not answer in time")));
            };
            let Some(failure) = progress.take(outcome) else { return Ok(progress.into_written()) };
            failures += 1;
            let delay = self.policy.delay(failures, failure.retry_after, fastrand::f64());
            let next = Instant::now().checked_add(delay);
            if next.is_none_or(|next| next >= answer_by) {
                return Err(progress.into_error(failure));
            }
            self.metrics.count(failure.kind, progress.open().len());
            sleep(delay).await;
        }
    }
}

fn answer_by(now: Instant, deadline: Instant) -> Instant {
    let room = ANSWER_ROOM.min(deadline.saturating_duration_since(now) / 10);
    deadline.checked_sub(room).unwrap_or(deadline)
}

fn out_of_time(source: &str) -> Failure {
    Failure { kind: WriteErrorKind::DeadlineExceeded, retry_after: None, source: source.into() }
}

#[cfg(test)]
mod tests;

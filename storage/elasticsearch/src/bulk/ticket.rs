//! One write's claim on its verdicts: the bulks fill them in, the writer waits until none is open.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use spoor_tracer::OwnSpan;
use tokio::sync::Notify;

use super::verdict::{Trouble, Verdict};

/// Shared between the writer that waits and the bulks that carry its items.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// When the writer stops waiting.
    pub(super) deadline: Instant,
    /// In which the write's request is recorded, if it is.
    pub(super) own_span: OwnSpan,
    outcomes: Mutex<Outcomes>,
    /// Told when the last open item is settled.
    settled: Notify,
}

/// What is known so far of a write's items.
#[derive(Debug)]
pub(crate) struct Outcomes {
    pub(crate) items: Vec<Outcome>,
    /// Reasons of rejected items, by item.
    pub(crate) reasons: Vec<(usize, String)>,
    /// The gravest trouble of unfinished items.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) retry_after: Option<Duration>,
    open: usize,
}

/// What is known of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing yet.
    Open,
    Stored,
    Rejected,
    /// Tried, not stored, may be tried again.
    Unfinished,
}

impl Ticket {
    pub(super) fn new(items: usize, deadline: Instant, own_span: OwnSpan) -> Self {
        let outcomes = Outcomes {
            items: vec![Outcome::Open; items],
            reasons: Vec::new(),
            trouble: None,
            retry_after: None,
            open: items,
        };
        Self { deadline, own_span, outcomes: Mutex::new(outcomes), settled: Notify::new() }
    }

    /// Files the verdicts of a run of items.
    pub(super) fn settle(&self, items: Range<usize>, verdicts: impl Iterator<Item = Verdict>) {
        let mut outcomes = self.lock();
        for (item, verdict) in items.zip(verdicts) {
            outcomes.file(item, verdict);
        }
        if outcomes.open == 0 {
            self.settled.notify_one();
        }
    }

    /// Files the same trouble for a run of items.
    pub(super) fn fail(&self, items: Range<usize>, trouble: &Trouble, retry_after: Option<Duration>) {
        {
            let mut outcomes = self.lock();
            outcomes.retry_after = outcomes.retry_after.max(retry_after);
        }
        self.settle(items, std::iter::repeat_with(|| Verdict::Unfinished(trouble.clone())));
    }

    /// Waits until every item is settled, or the deadline.
    pub(super) async fn wait(&self) {
        let all_settled = async {
            while self.lock().open > 0 {
                self.settled.notified().await;
            }
        };
        let _ = tokio::time::timeout_at(self.deadline.into(), all_settled).await;
    }

    /// Takes what is known, leaving nothing. Items still open stay [`Outcome::Open`].
    pub(super) fn take(&self) -> Outcomes {
        let mut outcomes = self.lock();
        Outcomes {
            items: std::mem::take(&mut outcomes.items),
            reasons: std::mem::take(&mut outcomes.reasons),
            trouble: outcomes.trouble.take(),
            retry_after: outcomes.retry_after,
            open: std::mem::take(&mut outcomes.open),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Outcomes> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcomes {
    fn file(&mut self, item: usize, verdict: Verdict) {
        // Late verdicts for a writer that has left find no items.
        let Some(outcome) = self.items.get_mut(item).filter(|outcome| **outcome == Outcome::Open) else {
            return;
        };
        self.open -= 1;
        match verdict {
            Verdict::Stored => *outcome = Outcome::Stored,
            Verdict::Rejected(reason) => {
                *outcome = Outcome::Rejected;
                self.reasons.push((item, reason));
            }
            Verdict::Unfinished(trouble) => {
                *outcome = Outcome::Unfinished;
                if self.trouble.as_ref().is_none_or(|known| trouble.outweighs(known)) {
                    self.trouble = Some(trouble);
                }
            }
        }
    }
}

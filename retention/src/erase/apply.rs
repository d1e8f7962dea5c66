//! One removal: counted, asked for, followed to its end, and counted again until nothing is left.

use spoor_storage::{Doomed, LeaseLock, RecordError, SpanEraser};

use super::Plan;
use super::follow::{Follower, follow};
use crate::clean::{MOST_APART, seconds};
use crate::name::beginnings;
use crate::turn::{Asking, begins_as, context, give_up_as, holds_as};

/// Times that the store is asked to remove spans from an index: what conflicted with a write goes the next time.
const MOST_ROUNDS: u32 = 10;

/// What was found in an index and removed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfIndex {
    /// Its name.
    pub index: String,
    /// Spans that were meant when it was looked at.
    pub found: u64,
    /// Spans that are gone.
    pub deleted: u64,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Spans that a task removed that an earlier process had begun.
    pub earlier: u64,
    /// Each index that was looked at, the oldest first.
    pub indices: Vec<OfIndex>,
}

impl Erased {
    /// Spans that were meant.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.indices.iter().map(|of| of.found).sum()
    }

    /// Spans that are gone.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.earlier + self.indices.iter().map(|of| of.deleted).sum::<u64>()
    }
}

/// Why it did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Somebody else is at it.
    #[error("another process removes these spans now; nothing more was done")]
    Taken,
    /// One of the clocks is wrong.
    #[error(
        "the clock here and the store's are {minutes} minutes apart; nothing was removed, set the one that is wrong"
    )]
    Clocks {
        /// Their distance, rounded down.
        minutes: i64,
    },
    /// The store's work ended early.
    #[error(
        "the store did not finish its task {task} on {index}: {what}; running it again goes on from there"
    )]
    Failed {
        /// The work.
        task: String,
        /// Where.
        index: String,
        /// In the store's words.
        what: String,
    },
    /// More come than go.
    #[error(
        "{left} spans are left in {index} after it was asked {MOST_ROUNDS} times to remove them; are such spans still being stored?"
    )]
    Left {
        /// Where.
        index: String,
        /// How many.
        left: u64,
    },
    /// The store failed.
    #[error("{0}; what it was asked for before goes on by itself, and running it again follows that")]
    Store(#[from] RecordError),
}

/// Counts, and removes unless it only counts; what is done is added to `erased` as it is done, and told to `told` in sentences. Only one process
/// at a time removes what `plan` means; a removal that goes on in the store from before is followed to its end first.
///
/// # Errors
/// [`EraseError`]. Another call goes on where this one ended.
pub async fn erase(
    eraser: &dyn SpanEraser,
    locks: Option<&dyn LeaseLock>,
    plan: &Plan,
    asking: Asking<'_>,
    erased: &mut Erased,
    told: &mut (dyn FnMut(&str) + Send),
) -> Result<(), EraseError> {
    let mark = plan.mark();
    let locks = locks.filter(|_| !asking.dry_run);
    if !begins_as(locks, asking, &mark).await? {
        return Err(EraseError::Taken);
    }
    let mut work = Work { eraser, locks, plan, asking, mark: &mark, told };
    let done = work.all(erased).await;
    // Who lost it has none to give up.
    if !matches!(done, Err(EraseError::Taken)) {
        give_up_as(locks, asking, &mark).await;
    }
    done
}

struct Work<'a> {
    eraser: &'a dyn SpanEraser,
    locks: Option<&'a dyn LeaseLock>,
    plan: &'a Plan,
    asking: Asking<'a>,
    mark: &'a str,
    told: &'a mut (dyn FnMut(&str) + Send),
}

impl Work<'_> {
    async fn all(&mut self, erased: &mut Erased) -> Result<(), EraseError> {
        let inventory = self.eraser.inventory(&context(self.asking), &beginnings(&self.plan.prefix)).await?;
        let apart = inventory.now.map_or(0, |store| (seconds(store.0) - self.asking.now).abs());
        if apart > MOST_APART && self.plan.keeps.is_some() {
            return Err(EraseError::Clocks { minutes: apart / 60 });
        }
        if !self.asking.dry_run {
            self.finish_earlier(erased).await?;
        }
        let doomed = self.plan.doomed(self.asking.now);
        for index in self.plan.indices(&inventory) {
            erased.indices.push(OfIndex { index, found: 0, deleted: 0 });
            let of = erased.indices.len() - 1;
            self.one(&doomed, &mut erased.indices[of]).await?;
        }
        Ok(())
    }

    /// What a process that was stopped has asked the store for.
    async fn finish_earlier(&mut self, erased: &mut Erased) -> Result<(), EraseError> {
        for task in self.eraser.under_way(&context(self.asking), self.mark).await? {
            (self.told)(&format!("the store is at it already (task {task}); following that"));
            let mut earlier = OfIndex { index: "an index".to_owned(), found: 0, deleted: 0 };
            let followed = self.follow(&task, &mut earlier).await;
            erased.earlier += earlier.deleted;
            followed?;
        }
        Ok(())
    }

    async fn one(&mut self, doomed: &Doomed, of: &mut OfIndex) -> Result<(), EraseError> {
        let settled = !self.asking.dry_run;
        of.found = self.eraser.count(&context(self.asking), &of.index, doomed, settled).await?;
        if self.asking.dry_run {
            return Ok(());
        }
        let (mut left, mut rounds) = (of.found, 0);
        while left > 0 {
            if rounds == MOST_ROUNDS {
                return Err(EraseError::Left { index: of.index.clone(), left });
            }
            rounds += 1;
            if !holds_as(self.locks, self.asking, self.mark).await? {
                return Err(EraseError::Taken);
            }
            let within = context(self.asking);
            let begun = self.eraser.begin(&within, &of.index, doomed, self.plan.pace, self.mark).await;
            let task = begun?;
            (self.told)(&format!("{}: {left} spans to remove, task {task}", of.index));
            self.follow(&task, of).await?;
            left = self.eraser.count(&context(self.asking), &of.index, doomed, true).await?;
        }
        if self.plan.expunges && of.deleted > 0 {
            self.eraser.expunge(&context(self.asking), &of.index).await?;
        }
        Ok(())
    }

    async fn follow(&mut self, task: &spoor_storage::TaskId, of: &mut OfIndex) -> Result<(), EraseError> {
        let follower =
            Follower { eraser: self.eraser, locks: self.locks, asking: self.asking, mark: self.mark };
        follow(follower, task, of, self.told).await
    }
}

//! One round: alone, after a look at what is there, step by step.

use spoor_storage::{IndexSeries, Inventory, LeaseLock, RecordError};

use super::{Names, Problem, RollOver, Step, Task, plan};
use crate::Asking;
use crate::clean::{index, seconds};
use crate::name::beginnings;
use crate::turn::{begins, context, give_up, holds};

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This round only looks.
    Planned,
    /// The store is as the step says.
    Done,
    /// No condition for the next index was met.
    NotYet,
}

/// A step and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    #[expect(missing_docs, reason = "the type's words")]
    pub step: Step,
    #[expect(missing_docs, reason = "the type's words")]
    pub outcome: Outcome,
}

/// Why a round did not come to its end. Another round goes on where this one ended.
#[derive(Debug, thiserror::Error)]
pub enum RolloverError {
    /// Somebody else is at it.
    #[error("another process works on these indices now; nothing more was done")]
    Busy,
    /// Some series cannot be helped.
    #[error("{}; done for others: {}", sentences(problems), steps(taken))]
    Problems {
        /// What is wrong.
        problems: Vec<Problem>,
        /// What was done, or would be.
        taken: Vec<Taken>,
    },
    /// The store failed.
    #[error("{cause}; done before: {}; run it again, it goes on from here", steps(taken))]
    Store {
        /// What was done.
        taken: Vec<Taken>,
        /// What the store said.
        cause: RecordError,
    },
}

fn sentences(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

fn steps(taken: &[Taken]) -> String {
    let done = taken.iter().filter(|taken| taken.outcome == Outcome::Done);
    let done: Vec<String> = done.map(|taken| taken.step.to_string()).collect();
    if done.is_empty() { "nothing".to_owned() } else { done.join("; ") }
}

impl From<RecordError> for RolloverError {
    fn from(cause: RecordError) -> Self {
        Self::Store { taken: Vec::new(), cause }
    }
}

/// Looks, plans, and takes the steps unless it only looks. With `locks`, one of several processes over a store does at a time, those that
/// [`crate::clean`] among them. `prefix` is that of all the series.
///
/// # Errors
/// [`RolloverError`]. Another round goes on where this one ended.
pub async fn roll(
    store: &dyn IndexSeries,
    locks: Option<&dyn LeaseLock>,
    (prefix, series): (&str, &[Names]),
    task: &Task,
    asking: Asking<'_>,
) -> Result<Vec<Taken>, RolloverError> {
    let locks = locks.filter(|_| !asking.dry_run);
    if !begins(locks, asking).await? {
        return Err(RolloverError::Busy);
    }
    let result = alone(store, locks, (prefix, series), task, asking).await;
    give_up(locks, asking).await;
    result
}

async fn alone(
    store: &dyn IndexSeries,
    locks: Option<&dyn LeaseLock>,
    (prefix, series): (&str, &[Names]),
    task: &Task,
    asking: Asking<'_>,
) -> Result<Vec<Taken>, RolloverError> {
    let Inventory { indices, now } = store.inventory(&context(asking), &beginnings(prefix)).await?;
    let known: Vec<_> = indices.iter().map(index).collect();
    // The clock by which indices were created, where it is known.
    let now = now.map_or(asking.now, |stores| seconds(stores.0));
    let plan = plan(&known, series, task, now);
    let mut taken = Vec::new();
    for step in plan.steps {
        let outcome = if asking.dry_run {
            Outcome::Planned
        } else {
            match take(store, locks, &step, asking).await {
                Ok(Some(outcome)) => outcome,
                Ok(None) => return Err(RolloverError::Busy),
                Err(cause) => return Err(RolloverError::Store { taken, cause }),
            }
        };
        tracing::info!(%step, ?outcome, "rollover");
        taken.push(Taken { step, outcome });
    }
    if plan.problems.is_empty() {
        Ok(taken)
    } else {
        Err(RolloverError::Problems { problems: plan.problems, taken })
    }
}

/// Nothing when somebody else has taken over.
async fn take(
    store: &dyn IndexSeries,
    locks: Option<&dyn LeaseLock>,
    step: &Step,
    asking: Asking<'_>,
) -> Result<Option<Outcome>, RecordError> {
    if !holds(locks, asking).await? {
        return Ok(None);
    }
    let context = context(asking);
    let is_done = match step {
        Step::InstallTemplate { family, .. } => {
            store.install_template(&context, *family).await.map(|()| true)
        }
        Step::Create { index, aliases } => store.create_index(&context, index, aliases).await.map(|()| true),
        Step::ChangeAliases(changes) => store.change_aliases(&context, changes).await.map(|()| true),
        Step::RollOver(rolling) => roll_over(store, rolling, asking).await,
    };
    Ok(Some(if is_done? { Outcome::Done } else { Outcome::NotYet }))
}

/// False when it is not time yet.
async fn roll_over(
    store: &dyn IndexSeries,
    rolling: &RollOver,
    asking: Asking<'_>,
) -> Result<bool, RecordError> {
    let RollOver { write_alias, to, is_made, changes, unused, conditions } = rolling;
    if !store.is_due(&context(asking), write_alias, unused, &conditions.to_string()).await? {
        return Ok(false);
    }
    if !is_made {
        store.create_index(&context(asking), to, &[]).await?;
    }
    // Not before: until its shards have started, a search under the alias would fail in part.
    store.await_index(&context(asking), to).await?;
    store.change_aliases(&context(asking), changes).await?;
    Ok(true)
}

//! One round of cleaning: alone, by clocks that agree, in requests of bounded length.

use spoor_storage::{IndexAdmin, Inventory, LeaseLock, RecordError, StoredIndex};
use tokio_util::sync::CancellationToken;

use crate::name::beginnings;
use crate::turn::{Asking, begins, context, give_up, goes_on, lets};
use crate::{Alias, Decision, Effect, Index, Keeping, Policy, Snapshot, plan, snapshot};

/// Longest list of names in a request, in bytes, which is part of its address.
const LONGEST_LIST: usize = 3_500;
/// Seconds that this machine's clock may be from the store's.
pub(crate) const MOST_APART: i64 = 3_600;

/// What was decided about an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Goes or stays, and why.
    pub decision: Decision,
    /// Its bytes, where the store tells.
    pub bytes: Option<u64>,
    /// Its documents, where the store tells.
    pub documents: Option<u64>,
}

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// One for each index that was looked at.
    pub fates: Vec<Fate>,
    /// Names of what is gone; none after a round that only looked.
    pub deleted: Vec<String>,
    /// The snapshot that holds what is gone, where one was asked for and something goes.
    pub snapshot: Option<Snapshot>,
}

impl Cleaned {
    /// In figures.
    #[must_use]
    pub fn effect(&self) -> Effect {
        let gone = || self.fates.iter().filter(|fate| self.deleted.contains(&fate.decision.name));
        let (deleted, all) = (self.deleted.len(), self.fates.len());
        Effect {
            indices_deleted: u64::try_from(deleted).unwrap_or(u64::MAX),
            indices_kept: u64::try_from(all.saturating_sub(deleted)).unwrap_or(u64::MAX),
            documents_deleted: gone().filter_map(|fate| fate.documents).sum(),
            bytes_freed: gone().filter_map(|fate| fate.bytes).sum(),
        }
    }
}

/// Why a round did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// Somebody else is at it.
    #[error("another process cleans these indices now; nothing more was done")]
    Taken,
    /// It was told to stop.
    #[error("stopped before its end; another round goes on")]
    Stopped,
    /// One of the clocks is wrong.
    #[error(
        "the clock here and the store's are {minutes} minutes apart; nothing was deleted, set the one that is wrong"
    )]
    Clocks {
        /// Their distance, rounded down.
        minutes: i64,
    },
    /// What is to go could not be kept.
    #[error("the snapshot {name} in the repository {repository} {what}; nothing was deleted")]
    Snapshot {
        /// Its name.
        name: String,
        /// Where it is.
        repository: String,
        /// What is wrong with it.
        what: String,
    },
    /// The store failed.
    #[error("{source}; deleted before: {}", if deleted.is_empty() { "nothing".to_owned() } else { deleted.join(", ") })]
    Store {
        /// What is gone.
        deleted: Vec<String>,
        #[expect(missing_docs, reason = "the error's own words")]
        source: RecordError,
    },
}

impl From<RecordError> for CleanError {
    fn from(source: RecordError) -> Self {
        Self::Store { deleted: Vec::new(), source }
    }
}

/// What a round works with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The indices.
    pub admin: &'a dyn IndexAdmin,
    /// With them, only one of several processes over a store deletes at a time. Where the lock cannot be written (a full disk lets nothing be
    /// written, and much be deleted) a round goes on without, since deleting twice does no harm.
    pub locks: Option<&'a dyn LeaseLock>,
    /// With it, nothing is deleted that is not in a snapshot of the same round.
    pub keeping: Option<Keeping<'a>>,
    /// Once it is cancelled the round ends before its next step.
    pub stop: Option<&'a CancellationToken>,
}

impl Means<'_> {
    /// Whether the next step may be taken.
    pub(crate) async fn go_on(&self, asking: Asking<'_>) -> Result<(), CleanError> {
        if self.stop.is_some_and(CancellationToken::is_cancelled) {
            return Err(CleanError::Stopped);
        }
        if goes_on(self.locks, asking).await { Ok(()) } else { Err(CleanError::Taken) }
    }

    /// Waits for its turn.
    async fn begin(&self, asking: Asking<'_>) -> Result<(), CleanError> {
        let stopped = async {
            match self.stop {
                Some(stop) => stop.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stopped => Err(CleanError::Stopped),
            turn = begins(self.locks, asking) => if lets(turn) { Ok(()) } else { Err(CleanError::Taken) },
        }
    }
}

/// Looks, plans, and deletes unless it only looks. `cleaned` begins empty, and tells what was done even when the round does not come to its end.
///
/// # Errors
/// [`CleanError`]. Another round goes on where this one ended.
pub async fn clean(
    means: Means<'_>,
    policy: &Policy,
    asking: Asking<'_>,
    cleaned: &mut Cleaned,
) -> Result<(), CleanError> {
    let means = Means { locks: means.locks.filter(|_| !asking.dry_run), ..means };
    let result = match means.begin(asking).await {
        Ok(()) => alone(means, policy, asking, cleaned).await,
        Err(error) => Err(error),
    };
    // Also who was stopped while it asked may have it.
    if !matches!(result, Err(CleanError::Taken)) {
        give_up(means.locks, asking).await;
    }
    result
}

async fn alone(
    means: Means<'_>,
    policy: &Policy,
    asking: Asking<'_>,
    cleaned: &mut Cleaned,
) -> Result<(), CleanError> {
    let Inventory { indices, now } =
        means.admin.inventory(&context(asking), &beginnings(&policy.prefix)).await?;
    let apart = now.map_or(0, |stores| (seconds(stores.0) - asking.now).abs());
    if apart > MOST_APART && !asking.dry_run {
        return Err(CleanError::Clocks { minutes: apart / 60 });
    }
    cleaned.fates = fates(&indices, policy, asking.now);
    // The oldest first: a round that does not come to its end has done the more urgent part.
    let going = cleaned.fates.iter().rev().filter(|fate| fate.decision.delete);
    let going: Vec<String> = going.map(|fate| fate.decision.name.clone()).collect();
    if let Some(keeping) = means.keeping.filter(|_| !going.is_empty()) {
        let name = (!asking.dry_run).then(|| snapshot::name(&policy.prefix, asking));
        if let Some(name) = &name {
            snapshot::take(means, keeping, asking, (name, &going)).await?;
        }
        cleaned.snapshot = Some(Snapshot { repository: keeping.repository.to_owned(), name });
    }
    if asking.dry_run {
        return Ok(());
    }
    for batch in batches(going.iter().map(String::as_str)) {
        let failed = |source| CleanError::Store { deleted: cleaned.deleted.clone(), source };
        means.go_on(asking).await?;
        means.admin.delete(&context(asking), &batch).await.map_err(failed)?;
        tracing::info!(indices = batch.join(","), "deleted");
        cleaned.deleted.extend(batch);
    }
    Ok(())
}

fn fates(indices: &[StoredIndex], policy: &Policy, now: i64) -> Vec<Fate> {
    let known: Vec<Index> = indices.iter().map(index).collect();
    let fate = |decision: Decision| {
        let stored = indices.iter().find(|index| index.name == decision.name);
        let (bytes, documents) =
            (stored.and_then(|index| index.bytes), stored.and_then(|index| index.documents));
        Fate { decision, bytes, documents }
    };
    plan(&known, policy, now).into_iter().map(fate).collect()
}

pub(crate) fn index(stored: &StoredIndex) -> Index {
    let aliases = stored.aliases.iter();
    Index {
        name: stored.name.clone(),
        created: seconds(stored.created.0),
        bytes: stored.bytes.unwrap_or_default(),
        is_empty: stored.documents == Some(0),
        aliases: aliases
            .map(|alias| Alias { name: alias.name.clone(), is_write: alias.is_write_index })
            .collect(),
    }
}

pub(crate) fn seconds(nanos: u64) -> i64 {
    i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX)
}

/// Names in lists that are short enough for an address.
fn batches<'n>(names: impl Iterator<Item = &'n str>) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut length = 0;
    for name in names {
        length += name.len() + 1;
        match batches.last_mut() {
            Some(batch) if length <= LONGEST_LIST => batch.push(name.to_owned()),
            _ => {
                length = name.len() + 1;
                batches.push(vec![name.to_owned()]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_stay_short_and_lose_none() {
        let names: Vec<String> = (0..100).map(|number| format!("{}-{number:04}", "x".repeat(100))).collect();
        let batches = batches(names.iter().map(String::as_str));
        assert!(batches.len() > 2 && batches.iter().all(|batch| batch.join(",").len() <= LONGEST_LIST));
        assert_eq!(batches.concat(), names);
    }
}

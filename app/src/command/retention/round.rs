//! One round of cleaning over an open store, for cron or by a schedule.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use spoor_retention::schedule::{Ended, Failure, Work};
use spoor_retention::{Asking, CleanError, Cleaned, Keeping, LEASE, Means, Policy, as_json, as_table, clean};
use spoor_storage::LeaseLock;
use spoor_storage_elasticsearch::{Config, ElasticsearchIndices};
use tokio_util::sync::CancellationToken;

use super::{Output, TAKEN, clock, locks, print};

/// What is to go could not be kept, and is there still.
const NOT_KEPT: u8 = 3;

/// What is to be done.
pub(super) struct Task {
    pub(super) config: Config,
    pub(super) policy: Policy,
    pub(super) dry_run: bool,
    /// The repository of the snapshots before deletion, and how long one may take.
    pub(super) snapshots: Option<(String, Duration)>,
    pub(super) timeout: Duration,
}

/// A task over an open store.
pub(super) struct Round {
    task: Task,
    indices: ElasticsearchIndices,
    pub(super) locks: Option<Arc<dyn LeaseLock>>,
}

impl Round {
    pub(super) fn open(task: Task) -> Result<Self> {
        let indices = ElasticsearchIndices::open(&task.config).context("open the store")?;
        let locks = locks(&task.config, task.dry_run)?.map(|locks| locks as Arc<dyn LeaseLock>);
        Ok(Self { task, indices, locks })
    }

    /// Once, with a report on standard output; the exit status.
    pub(super) async fn once(&self, output: Output, cleaned: &mut Cleaned) -> Result<u8> {
        let done = self.work(cleaned, None).await;
        if let Err(error) = &done
            && let status @ (TAKEN | NOT_KEPT) = exit_status(error)
        {
            eprintln!("spoor: {error}");
            return Ok(status);
        }
        done?;
        print(&match output {
            Output::Table => as_table(cleaned, self.task.dry_run),
            Output::Json => as_json(cleaned, self.task.dry_run),
        })?;
        Ok(0)
    }

    async fn work(&self, cleaned: &mut Cleaned, stop: Option<&CancellationToken>) -> Result<()> {
        let Task { policy, dry_run, snapshots, timeout, .. } = &self.task;
        let keeping = snapshots.as_ref().map(|(repository, patience)| Keeping {
            store: &self.indices,
            repository,
            patience: *patience,
        });
        let (now, holder) = clock()?;
        let asking = Asking { holder: &holder, now, dry_run: *dry_run, timeout: *timeout, lease: LEASE };
        let means = Means { admin: &self.indices, locks: self.locks.as_deref(), keeping, stop };
        Ok(clean(means, policy, asking, cleaned).await?)
    }
}

#[async_trait]
impl Work for Round {
    async fn run(&self, stop: &CancellationToken) -> Ended {
        let mut cleaned = Cleaned::default();
        let done = self.work(&mut cleaned, Some(stop)).await;
        let failure =
            |error: anyhow::Error| Failure { exit_code: exit_status(&error), problem: format!("{error:#}") };
        Ended { effect: cleaned.effect(), failure: done.err().map(failure) }
    }
}

fn exit_status(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        Some(CleanError::Taken) => TAKEN,
        Some(CleanError::Snapshot { .. }) => NOT_KEPT,
        _ => 1,
    }
}

//! One round over the series of an open store, for cron or by a schedule.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use spoor_retention::rollover::{Names, RolloverError, Taken, Task, as_json, as_table, roll};
use spoor_retention::schedule::{self, Ended, Failure};
use spoor_retention::{Asking, Effect, Family, LEASE};
use spoor_storage::LeaseLock;
use spoor_storage_elasticsearch::{Config, ElasticsearchIndices, IndexConfig, TemplateConfig};
use tokio_util::sync::CancellationToken;

use crate::command::retention::{Output, TAKEN, clock, locks, print};

/// What is to be done.
pub(super) struct Work {
    pub(super) config: Config,
    pub(super) families: Vec<Family>,
    pub(super) task: Task,
    pub(super) dry_run: bool,
    pub(super) timeout: Duration,
}

/// Work over an open store.
pub(super) struct Round {
    work: Work,
    store: ElasticsearchIndices,
    pub(super) locks: Option<Arc<dyn LeaseLock>>,
}

impl Round {
    pub(super) fn open(work: Work) -> Result<Self> {
        let store = ElasticsearchIndices::open(&work.config).context("open the store")?;
        // The lock lies beside the series, and needs none of them.
        let of_locks = Config {
            indices: IndexConfig { prefix: work.config.indices.prefix.clone(), ..IndexConfig::default() },
            templates: TemplateConfig::default(),
            ..work.config.clone()
        };
        let locks = locks(&of_locks, work.dry_run)?.map(|locks| locks as Arc<dyn LeaseLock>);
        Ok(Self { work, store, locks })
    }

    /// Once, with a report on standard output; the exit status.
    pub(super) async fn once(&self, output: Output) -> Result<u8> {
        let (taken, problem) = match self.roll().await? {
            Ok(taken) => (taken, None),
            Err(error @ RolloverError::Busy) => {
                eprintln!("spoor: {error}");
                return Ok(TAKEN);
            }
            Err(error) => (taken_before(&error), Some(error)),
        };
        match output {
            // The error says that nothing was done.
            Output::Table if taken.is_empty() && problem.is_some() => {}
            Output::Table => print(&as_table(&taken))?,
            Output::Json => print(&as_json(&taken, self.work.dry_run))?,
        }
        match problem {
            Some(problem) => Err(problem.into()),
            None => Ok(0),
        }
    }

    async fn roll(&self) -> Result<Result<Vec<Taken>, RolloverError>> {
        let Work { config, families, task, dry_run, timeout } = &self.work;
        let prefix = config.indices.prefix.as_str();
        let (now, holder) = clock()?;
        let asking = Asking { holder: &holder, now, dry_run: *dry_run, timeout: *timeout, lease: LEASE };
        let series: Vec<Names> = families.iter().map(|family| Names::new(prefix, *family)).collect();
        Ok(roll(&self.store, self.locks.as_deref(), (prefix, &series), task, asking).await)
    }
}

fn taken_before(error: &RolloverError) -> Vec<Taken> {
    match error {
        RolloverError::Busy => Vec::new(),
        RolloverError::Problems { taken, .. } | RolloverError::Store { taken, .. } => taken.clone(),
    }
}

#[async_trait]
impl schedule::Work for Round {
    /// A round takes seconds, so that it is let come to its end.
    async fn run(&self, _: &CancellationToken) -> Ended {
        let failure = match self.roll().await {
            Ok(Ok(_)) => None,
            Ok(Err(error @ RolloverError::Busy)) => Some((TAKEN, error.to_string())),
            Ok(Err(error)) => Some((1, error.to_string())),
            Err(error) => Some((1, format!("{error:#}"))),
        };
        let failure = failure.map(|(exit_code, problem)| Failure { exit_code, problem });
        Ended { effect: Effect::default(), failure }
    }
}

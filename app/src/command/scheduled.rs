//! Retention by a schedule, in a process that stays: admin port, signals and drain as every role has them.

use std::sync::Arc;

use anyhow::{Result, bail};
use clap::ArgMatches;
use clap::parser::ValueSource;
use spoor_retention::schedule::{Pace, Schedule, Work, Worker, WorkerMetrics};
use spoor_storage::LeaseLock;
use spoor_storage_elasticsearch::ConnectionConfig;

use super::run_record::RecordConfig;
use crate::host::{Host, HostConfig, Role};

/// Behind those of Jaeger's programs.
pub(super) const ADMIN_PORT: &str = ":14272";
/// Settings of a process that stays, by the beginnings of their names.
const OF_WHO_STAYS: [&str; 2] = ["admin.", "shutdown-"];

/// When runs are done by a process that stays.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct ScheduleConfig {
    /// Stay, and run at the times of this cron expression, in UTC (`20 0 * * *`; a sixth field in front is seconds). Of several such processes over a store
    /// one does the runs, and another takes over when it is gone.
    #[arg(
        id = "retention.schedule",
        long = "retention.schedule",
        visible_alias = "schedule",
        value_name = "CRON"
    )]
    schedule: Option<Schedule>,
}

impl ScheduleConfig {
    /// Checks what contradicts a schedule, wherever it is set.
    pub(super) fn validate(&self, dry_run: bool, record: &RecordConfig) -> Result<()> {
        if self.schedule.is_some() && dry_run {
            bail!(
                "--dry-run looks once, and --retention.schedule runs again and again: leave one of them out"
            );
        }
        if self.schedule.is_some() && record.is_set() {
            bail!(
                "with --retention.schedule the admin port tells what --retention.metrics-file would: leave one of them out"
            );
        }
        Ok(())
    }

    pub(super) fn is_set(&self) -> bool {
        self.schedule.is_some()
    }

    /// The schedule, if there is one. Settings that would have no effect beside it, or without it, are refused on the command line;
    /// environments and files are often shared.
    pub(super) fn take(&self, given: &ArgMatches) -> Result<Option<Schedule>> {
        let on_command_line = |setting: &str| given.value_source(setting) == Some(ValueSource::CommandLine);
        if self.is_set() {
            if on_command_line("output") {
                bail!(
                    "--output is of no use with --retention.schedule, whose reports are in the log: remove it"
                );
            }
            return Ok(self.schedule.clone());
        }
        let of_who_stays =
            |id: &&str| OF_WHO_STAYS.iter().any(|beginning| id.starts_with(beginning)) && on_command_line(id);
        if let Some(setting) = given.ids().map(clap::Id::as_str).find(of_who_stays) {
            bail!("--{setting} is of use with --retention.schedule alone: remove it, or set that");
        }
        Ok(None)
    }
}

/// Stays until a stop signal, and does `work` by the schedule when it is elected. `store` says how the store is reached.
pub(super) async fn serve(
    config: &HostConfig,
    store: &ConnectionConfig,
    (action, prefix): (&str, &str),
    schedule: Schedule,
    locks: Arc<dyn LeaseLock>,
    work: Arc<dyn Work>,
) -> Result<()> {
    let mut host = Host::prepare(config, None)?;
    store.report_certificates("--es.tls", &host.certificates)?;
    let metrics = WorkerMetrics::register(&mut host.registry, action, prefix);
    let resource = format!("spoor-retention-{action}");
    let worker = Worker::new((locks, &resource, Pace::default()), schedule, work, metrics);
    let health = host.health.clone();
    worker.problems(move |problem| health.report("retention", problem));
    let shutdown = host.shutdown.clone();
    let run = async move {
        worker.run(shutdown).await;
        Ok(())
    };
    host.serve(vec![Role { name: "retention", run: Box::pin(run) }]).await
}

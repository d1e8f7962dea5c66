//! `spoor retention`: what has had its time goes, for cron; and the same under the name of Jaeger's cleaner, as that is called.

mod round;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::{ArgAction, ArgMatches, ValueEnum};
use spoor_retention::{CleanConfig, Cleaned, Naming, policy_of_jaegers_cleaner};
use spoor_storage_elasticsearch::{
    Config, ConnectionConfig, ElasticsearchSampling, ElasticsearchStore, IndexConfig, NodeUrl,
};

use self::round::{Round, Task};
use super::run_record::{RecordConfig, RunRecord};
use super::scheduled::{self, ADMIN_PORT, ScheduleConfig};
use crate::host::HostConfig;

/// Another process is at it: what `sysexits` calls a temporary failure.
pub(super) const TAKEN: u8 = 75;

/// What to do with what is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Delete indices by age, number or size.
    Clean,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}

/// Settings of `spoor retention`. Series of indices behind aliases are the matter of `spoor retention rollover-init`, `spoor retention
/// rollover` and `spoor retention lookback`, single spans that of `spoor retention delete-by-query` and `spoor retention erase`, the store's own
/// rules that of `spoor retention policy`; these have settings of their own (`--help`).
///
/// Exit status: 0 done, 1 failed (running it again does no harm), 2 wrong usage, 3 the snapshot is not whole and nothing went, 75 another
/// process is at it.
#[derive(Debug, clap::Args)]
#[command(mut_arg("admin.http.host-port", |arg| arg.default_value(ADMIN_PORT)))]
pub(crate) struct RetentionArgs {
    /// What to do.
    #[arg(value_name = "ACTION")]
    action: Action,

    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    schedule: ScheduleConfig,

    #[command(flatten)]
    connection: ConnectionConfig,

    /// What stands before the names of all indices, as collectors have it.
    #[arg(id = "es.index-prefix", long = "es.index-prefix", value_name = "PREFIX", default_value = "")]
    prefix: String,

    /// What stands between year, month, day and hour in the names, as collectors have it.
    #[arg(
        id = "es.index-date-separator",
        long = "es.index-date-separator",
        value_name = "TEXT",
        default_value = "-"
    )]
    separator: String,

    #[command(flatten)]
    clean: CleanConfig,

    #[command(flatten)]
    record: RecordConfig,

    /// The longest that one request to the store may take.
    #[arg(
        id = "retention.timeout",
        long = "retention.timeout",
        value_name = "DURATION",
        value_parser = spoor_model::parse_go_duration,
        default_value = "2m"
    )]
    timeout: Duration,

    /// How the report is written to standard output.
    #[arg(id = "output", long = "output", value_name = "FORM", default_value = "table")]
    output: Output,
}

/// Settings of Jaeger's cleaner: `jaeger-es-index-cleaner NUM_OF_DAYS http://HOST:PORT`.
#[derive(Debug, clap::Args)]
pub(crate) struct IndexCleanerArgs {
    /// Indices that were created more than so many times 24 hours ago go; what is written to stays.
    #[arg(value_name = "NUM_OF_DAYS")]
    days: u32,

    /// The store.
    #[arg(value_name = "URL")]
    url: NodeUrl,

    /// What stands before the names of all indices, without the - that joins it.
    #[arg(id = "index-prefix", long = "index-prefix", value_name = "PREFIX", default_value = "")]
    prefix: String,

    /// Clean the archive's series.
    #[arg(id = "archive", long = "archive", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    archive: bool,

    /// Clean series of indices that are rolled over.
    #[arg(id = "rollover", long = "rollover", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    rollover: bool,

    /// The longest that one request to the store may take, in seconds.
    #[arg(id = "timeout", long = "timeout", value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,

    /// What stands between year, month and day in the names.
    #[arg(
        id = "index-date-separator",
        long = "index-date-separator",
        value_name = "TEXT",
        default_value = "-"
    )]
    separator: String,

    #[command(flatten)]
    connection: ConnectionConfig,
}

impl RetentionArgs {
    /// Checks what no single flag can tell.
    pub(super) fn validate(&self) -> Result<()> {
        self.host.validate()?;
        self.schedule.validate(self.clean.dry_run, &self.record)?;
        self.clean.policy(&self.prefix, &self.separator)?;
        Ok(())
    }

    fn task(&self) -> Result<Task> {
        Ok(Task {
            config: config(self.connection.clone(), &self.prefix, &self.separator),
            policy: self.clean.policy(&self.prefix, &self.separator)?,
            dry_run: self.clean.dry_run,
            snapshots: self.clean.snapshot_repository.clone().map(|name| (name, self.clean.snapshot_timeout)),
            timeout: self.timeout,
        })
    }
}

/// Does what is asked for once, and reports; or stays, and does it by a schedule.
pub(crate) async fn run(args: &RetentionArgs, given: &ArgMatches) -> Result<ExitCode> {
    let Action::Clean = args.action;
    let task = args.task()?;
    if let Some(schedule) = args.schedule.take(given)? {
        let round = Round::open(task)?;
        let locks = round.locks.clone().context("a round that changes something has locks")?;
        scheduled::serve(
            &args.host,
            &args.connection,
            ("clean", &args.prefix),
            schedule,
            locks,
            Arc::new(round),
        )
        .await?;
        return Ok(ExitCode::SUCCESS);
    }
    let record = RunRecord::begin(&args.record, "clean", &args.prefix, args.clean.dry_run)?;
    let mut cleaned = Cleaned::default();
    let done = once(task, args.output, &mut cleaned).await;
    record.end(cleaned.effect(), done)
}

async fn once(task: Task, output: Output, cleaned: &mut Cleaned) -> Result<u8> {
    Round::open(task)?.once(output, cleaned).await
}

/// As Jaeger's cleaner.
pub(crate) async fn run_index_cleaner(args: &IndexCleanerArgs) -> Result<ExitCode> {
    let naming = match (args.archive, args.rollover) {
        (true, _) => Naming::Archive,
        (false, true) => Naming::Rollover,
        (false, false) => Naming::Dated,
    };
    let connection = ConnectionConfig { server_urls: vec![args.url.clone()], ..args.connection.clone() };
    let task = Task {
        config: config(connection, &args.prefix, &args.separator),
        policy: policy_of_jaegers_cleaner(&args.prefix, &args.separator, args.days, naming),
        dry_run: false,
        snapshots: None,
        timeout: Duration::from_secs(args.timeout),
    };
    once(task, Output::Table, &mut Cleaned::default()).await.map(ExitCode::from)
}

fn config(connection: ConnectionConfig, prefix: &str, separator: &str) -> Config {
    let (prefix, date_separator) = (prefix.to_owned(), separator.to_owned());
    Config {
        connection,
        indices: IndexConfig { prefix, date_separator, ..IndexConfig::default() },
        ..Config::default()
    }
}

/// The locks in the store, for whoever changes something.
pub(super) fn locks(config: &Config, dry_run: bool) -> Result<Option<Arc<ElasticsearchSampling>>> {
    Ok(match dry_run {
        true => None,
        false => Some(ElasticsearchStore::open_with_locks(config).context("open the store's locks")?.1),
    })
}

/// The time in seconds of the epoch, and what this process alone is called.
pub(super) fn clock() -> Result<(i64, String)> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock shows a time before 1970")?;
    let now = i64::try_from(since.as_secs()).context("the clock shows a time that nobody will see")?;
    Ok((now, format!("retention-{}-{}", std::process::id(), since.as_nanos())))
}

/// Writes a report to standard output.
pub(super) fn print(report: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(report.as_bytes()) {
        // Whoever reads only the first lines has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("print the report"),
    }
}

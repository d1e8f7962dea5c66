//! `spoor retention delete-by-query` and `spoor retention erase`: single spans out of indices that others share.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use spoor_retention::erase::{
    EraseConfig, EraseError, Erased, LEASE, Plan, Purpose, as_json, as_table, erase,
};
use spoor_retention::{Asking, Effect};
use spoor_storage_elasticsearch::{
    Config, ConnectionConfig, ElasticsearchIndices, IndexConfig, parse_dot_replacement,
};

use super::retention::{Output, TAKEN, clock, locks, print};
use super::run_record::{RecordConfig, RunRecord};
use crate::telemetry::{self, LogConfig};

/// Why spans go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Remove spans of a service, an operation or a tag that are older than so many days.
    DeleteByQuery,
    /// Remove the spans of a trace, or those with a tag, whatever their age, and put it on record.
    Erase,
}

/// Settings of `spoor retention delete-by-query` and `spoor retention erase`. The store does the work by itself; the command follows it, says how far
/// it is, and may be stopped and run again. To stop the work itself, cancel the task that is named: `POST /_tasks/ID/_cancel`.
///
/// Exit status: 0 done or nothing to do, 1 failed (running it again goes on from there), 2 wrong usage, 75 another process is at it.
#[derive(Debug, clap::Args)]
pub(crate) struct EraseArgs {
    /// What to do.
    #[arg(value_name = "ACTION")]
    action: Action,

    /// A file with settings: YAML, JSON or TOML, the flags' names dotted or nested. Flags and environment win over it.
    #[arg(id = "config-file", long = "config-file", value_name = "PATH")]
    config_file: Option<PathBuf>,

    #[command(flatten)]
    connection: ConnectionConfig,

    /// What stands before the names of all indices, as collectors have it.
    #[arg(id = "es.index-prefix", long = "es.index-prefix", value_name = "PREFIX", default_value = "")]
    prefix: String,

    /// What stands for "." in the keys of tags that are stored as fields of their own, as collectors have it.
    #[arg(
        id = "es.tags-as-fields.dot-replacement",
        long = "es.tags-as-fields.dot-replacement",
        value_name = "TEXT",
        value_parser = parse_dot_replacement,
        default_value = "@"
    )]
    dot_replacement: String,

    #[command(flatten)]
    erase: EraseConfig,

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

    #[command(flatten)]
    log: LogConfig,
}

/// Does what is asked for, and reports.
pub(crate) async fn run(args: &EraseArgs) -> Result<ExitCode> {
    let (purpose, action) = match args.action {
        Action::DeleteByQuery => (Purpose::Age, "delete-by-query"),
        Action::Erase => (Purpose::Request, "erase"),
    };
    let plan = args.erase.plan(purpose, &args.prefix)?;
    telemetry::start(&args.log, "spoor-retention")?;
    let record = RunRecord::begin(&args.record, action, &args.prefix, args.erase.dry_run)?;
    let mut erased = Erased::default();
    let done = removal(args, purpose, &plan, &mut erased).await;
    record.end(Effect { documents_deleted: erased.deleted(), ..Effect::default() }, done)
}

async fn removal(args: &EraseArgs, purpose: Purpose, plan: &Plan, erased: &mut Erased) -> Result<u8> {
    let mut config = Config {
        connection: args.connection.clone(),
        indices: IndexConfig { prefix: args.prefix.clone(), ..IndexConfig::default() },
        ..Config::default()
    };
    config.documents.dot_replacement = args.dot_replacement.clone();
    let store = ElasticsearchIndices::open(&config).context("open the store")?;
    let dry_run = args.erase.dry_run;
    let locks = locks(&config, dry_run)?;
    let locks = locks.as_deref().map(|locks| locks as &dyn spoor_storage::LeaseLock);
    let (now, holder) = clock()?;
    let asking = Asking { holder: &holder, now, dry_run, timeout: args.timeout, lease: LEASE };
    let is_on_record = purpose == Purpose::Request && !dry_run;
    if is_on_record {
        record_begin(plan);
    }
    let mut told = |sentence: &str| tracing::info!("{sentence}");
    let done = erase(&store, locks, plan, asking, erased, &mut told).await;
    if is_on_record {
        record_end(plan, erased, &done);
    }
    if let Err(error @ EraseError::Taken) = &done {
        eprintln!("spoor: {error}");
        return Ok(TAKEN);
    }
    // What was done before a failure is done, too.
    print(&match args.output {
        Output::Table => as_table(erased, dry_run),
        Output::Json => as_json(erased, dry_run),
    })?;
    done?;
    Ok(0)
}

/// Who asks for what, for the record: keys as they are, values as hashes, since they may be somebody's own.
fn record_begin(plan: &Plan) {
    let (record, by, what) = (plan.mark(), by(), what(plan));
    tracing::info!(target: "spoor_audit", record, by, what, "an erasure begins");
}

fn record_end(plan: &Plan, erased: &Erased, done: &Result<(), EraseError>) {
    let (record, by, what) = (plan.mark(), by(), what(plan));
    let (found, deleted, indices) = (erased.found(), erased.deleted(), erased.indices.len());
    let outcome = match done {
        Ok(()) => "done",
        Err(EraseError::Taken) => "another process does it",
        Err(_) => "failed",
    };
    tracing::info!(target: "spoor_audit", record, by, what, outcome, found, deleted, indices, "an erasure ended");
}

fn what(plan: &Plan) -> String {
    let criteria = plan.criteria();
    let criteria = criteria.iter().map(|criterion| format!("{}=sha256:{}", criterion.key, criterion.hash));
    criteria.collect::<Vec<_>>().join(" ")
}

/// The user whose process this is.
fn by() -> String {
    let id = rustix::process::getuid().as_raw();
    let names = ["SUDO_USER", "USER", "LOGNAME"];
    let name = names.iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    name.map_or_else(|| format!("uid {id}"), |name| format!("{name} (uid {id})"))
}

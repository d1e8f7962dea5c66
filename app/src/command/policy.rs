//! `spoor retention policy`: the rules by which the store itself goes on with series of indices and deletes old ones.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{ArgAction, ValueEnum};
use spoor_retention::policy::{Settled, Wish, settle};
use spoor_retention::rollover::Conditions;
use spoor_storage::LifecycleRules;
use spoor_storage_elasticsearch::{Config, ConnectionConfig, ElasticsearchIndices};

use super::retention::{Output, print};

/// It is not as it is wanted, and nothing was to be done about it.
const DIFFERS: u8 = 4;
/// A hundred years.
const MOST_DAYS: i64 = 36_525;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Write a lifecycle policy (ILM of Elasticsearch, ISM of OpenSearch), or check it.
    Policy,
}

/// Settings of `spoor retention policy`. The policy rolls series of indices over and deletes those that have had their time, in the place of `spoor
/// retention rollover` and `clean`; `rollover-init --es.use-ilm` makes series that go by it.
///
/// Exit status: 0 it is as it is wanted, 1 failed, 2 wrong usage, 4 with --check: it is not there or differs.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    /// What to do; called as policy.
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

    /// The policy's name.
    #[arg(
        id = "es.ilm-policy-name",
        long = "es.ilm-policy-name",
        value_name = "NAME",
        default_value = "jaeger-ilm-policy"
    )]
    name: String,

    /// Days that an index is kept after another has followed it.
    #[arg(id = "retention.days", long = "retention.days", value_name = "DAYS", required = true, value_parser = clap::value_parser!(u32).range(1..=MOST_DAYS))]
    days: u32,

    /// One of these must be met for the next index, in the words of a rollover: max_age, max_size, max_docs, max_primary_shard_size; Elasticsearch takes its
    /// others, too.
    #[arg(
        id = "retention.conditions",
        long = "retention.conditions",
        value_name = "JSON",
        default_value = r#"{"max_age": "2d"}"#
    )]
    conditions: Conditions,

    /// Write nothing; say how the policy differs.
    #[arg(id = "retention.check", long = "retention.check", visible_alias = "check", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    check: bool,

    /// Replace a policy of that name that Spoor did not write.
    #[arg(id = "retention.force", long = "retention.force", visible_alias = "force", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, conflicts_with = "retention.check")]
    force: bool,

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

/// Does what is asked for, and reports.
pub(crate) async fn run(args: &PolicyArgs) -> Result<ExitCode> {
    let Action::Policy = args.action;
    let config = Config { connection: args.connection.clone(), ..Config::default() };
    let store = ElasticsearchIndices::open(&config).context("open the store")?;
    let rules = LifecycleRules {
        prefix: args.prefix.clone(),
        roll_over: args.conditions.to_string(),
        keeps_days: args.days,
    };
    let wish = match (args.check, args.force) {
        (true, _) => Wish::Look,
        (false, true) => Wish::Force,
        (false, false) => Wish::Write,
    };
    let settled = settle(&store, (&args.name, &rules), wish, args.timeout).await?;
    print(&match args.output {
        Output::Table => settled.as_table(&args.name),
        Output::Json => settled.as_json(&args.name),
    })?;
    Ok(match settled {
        Settled::Missing | Settled::Differs(_) => ExitCode::from(DIFFERS),
        Settled::Same | Settled::Created | Settled::Replaced(_) => ExitCode::SUCCESS,
    })
}

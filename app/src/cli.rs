//! The command line: which program is asked for, with which settings.
//! `spoor` alone is `spoor all-in-one`; called under the name of one of Jaeger's programs it is that program.

mod role;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::command::{
    AgentArgs, AllInOneArgs, CollectorArgs, DeadLettersArgs, DependenciesArgs, EraseArgs, EsRolloverArgs,
    GenerateArgs, HealthcheckArgs, IndexCleanerArgs, IngesterArgs, PolicyArgs, QueryArgs, RetentionArgs,
    RolloverArgs,
};
use crate::config::{FileSettings, explain_unknown_flag, is_secret, masked, refuse_unsupported_environment};
use crate::version::VERSION;
use role::Role;
pub(crate) use role::roles;

/// A Jaeger-compatible distributed-tracing backend: one program for every part of an installation.
///
/// Settings come from flags, environment variables (upper case, `.` and `-` become `_`), a --config-file, and defaults, in
/// this order. `spoor` without a command runs the all-in-one.
#[derive(Debug, Parser)]
#[command(name = "spoor", version = VERSION, disable_help_subcommand = true, override_usage = "spoor [COMMAND] [OPTIONS]")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to run. Only the flags of the command that is asked for are made: those of all would be most of what a start does.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Agent, collector and query in one process, for trials and small installations; stores in memory unless told otherwise.
    AllInOne(Box<AllInOneArgs>),
    /// Beside the applications: receives spans by UDP, keeps them while collectors are away, tells sampling strategies.
    Agent(Box<AgentArgs>),
    /// Receives spans and stores them.
    Collector(Box<CollectorArgs>),
    /// Stores the spans that collectors write to Kafka; `spoor ingester dead-letters` shows what could not be stored.
    Ingester(Box<IngesterArgs>),
    /// Looks at records that were set aside because they could not be stored, and puts them back. Called as `spoor ingester dead-letters`.
    #[command(hide = true)]
    DeadLetters(Box<DeadLettersArgs>),
    /// Answers questions about traces; `spoor query dependencies` counts who called whom on a day.
    Query(Box<QueryArgs>),
    /// Counts who called whom on a day, from its spans, and stores it for the UI. Called as `spoor query dependencies`.
    #[command(hide = true)]
    Dependencies(Box<DependenciesArgs>),
    /// Removes indices that have had their time: `spoor retention clean`, for cron or by a schedule; `spoor retention rollover` goes on to the next ones,
    /// `spoor retention delete-by-query` and `erase` take single spans, `spoor retention policy` has the store do it.
    Retention(Box<RetentionArgs>),
    /// Single spans out of indices that others share. Called as `spoor retention delete-by-query`, `spoor retention erase`.
    #[command(hide = true, override_usage = "spoor retention <delete-by-query|erase> [OPTIONS]")]
    EraseSpans(Box<EraseArgs>),
    /// As Jaeger's program of this name: removes indices that are older than so many days.
    #[command(hide = true)]
    EsIndexCleaner(Box<IndexCleanerArgs>),
    /// Series of indices behind aliases. Called as `spoor retention rollover-init`, `spoor retention rollover`, `spoor retention lookback`.
    #[command(hide = true, override_usage = "spoor retention <rollover-init|rollover|lookback> [OPTIONS]")]
    Rollover(Box<RolloverArgs>),
    /// The rules by which the store itself rolls over and deletes. Called as `spoor retention policy`.
    #[command(hide = true, override_usage = "spoor retention policy --retention.days=DAYS [OPTIONS]")]
    Policy(Box<PolicyArgs>),
    /// As Jaeger's program of this name: begins series of indices behind aliases, goes on with them, and takes old indices out of sight.
    #[command(hide = true)]
    EsRollover(Box<EsRolloverArgs>),
    /// Sends made-up traces to a collector, to look at or to measure with.
    Generate(GenerateArgs),
    /// Asks a running role whether it is ready.
    Healthcheck(HealthcheckArgs),
    /// Prints the reference page of all settings, as Markdown (`docs/reference/settings.md`).
    #[command(hide = true)]
    SettingsReference,
}

/// A command of the ingester's, which has settings of its own.
const DEAD_LETTERS: &str = "dead-letters";

/// A command of the query's, which has settings of its own.
const DEPENDENCIES: &str = "dependencies";

/// Commands of the retention's that have settings of their own, the commands that they are, and what they are called there.
const OF_RETENTION: [(&str, &str, &str); 6] = [
    ("rollover-init", ROLLOVER, "init"),
    ("rollover", ROLLOVER, "rollover"),
    ("lookback", ROLLOVER, "lookback"),
    ("delete-by-query", ERASE_SPANS, "delete-by-query"),
    ("erase", ERASE_SPANS, "erase"),
    ("policy", POLICY, "policy"),
];

/// Of series of indices.
const ROLLOVER: &str = "rollover";

/// Of single spans.
const ERASE_SPANS: &str = "erase-spans";

/// Of lifecycle policies.
const POLICY: &str = "policy";

/// Jaeger's programs and what they are here.
const JAEGER_PROGRAMS: [(&str, &str); 7] = [
    ("jaeger-all-in-one", "all-in-one"),
    ("jaeger-collector", "collector"),
    ("jaeger-query", "query"),
    ("jaeger-agent", "agent"),
    ("jaeger-ingester", "ingester"),
    ("jaeger-es-index-cleaner", "es-index-cleaner"),
    ("jaeger-es-rollover", "es-rollover"),
];

/// A parsed command line, with what is needed to show the settings again.
pub(crate) struct Parsed {
    pub(crate) command: Command,
    pub(crate) clap_command: clap::Command,
    pub(crate) matches: ArgMatches,
    pub(crate) file: FileSettings,
}

/// Reads the command line, environment and file. Ends the process for `--help`, `--version` and wrong usage.
pub(crate) fn parse(args: Vec<OsString>) -> Result<Parsed> {
    let args = with_role(args);
    let mut clap_command = Cli::command();
    let mut file = FileSettings::default();
    let role = args.get(1).and_then(|role| role.to_str()).unwrap_or_default();
    if let Some(role) = Role::called(role) {
        if let Some(path) = config_file(&args) {
            file = FileSettings::read(&path)?;
        }
        let stub = clap_command.find_subcommand(role.name).cloned().context("every role is a command")?;
        let command = role.with_flags(stub);
        let own = role::settings(&command);
        file.refuse_unknown(&own, role::settings_of_all)?;
        let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
        let names = set.filter_map(|(name, _)| name.into_string().ok());
        refuse_unsupported_environment(names, role.prefixes, &own, role::settings_of_all)?;
        clap_command = clap_command.mut_subcommand(role.name, |_| role.prepared(command, &file));
    }
    let mut matches =
        clap_command.try_get_matches_from_mut(&args).unwrap_or_else(|error| explain(error).exit());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let (role, matches) = matches.remove_subcommand().context("a command is always there after parsing")?;
    let clap_command =
        clap_command.find_subcommand(&role).cloned().context("a parsed command is a known one")?;
    Ok(Parsed { command: cli.command, clap_command, matches, file })
}

/// Puts the role into the arguments where the name of the program, or its absence, says it.
fn with_role(mut args: Vec<OsString>) -> Vec<OsString> {
    let program = args.first().map(PathBuf::from).unwrap_or_default();
    let program = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let jaegers = JAEGER_PROGRAMS.iter().find(|(name, _)| *name == program);
    let is_jaegers = jaegers.is_some();
    if let Some((_, role)) = jaegers {
        args.insert(1, OsString::from(role));
    }
    let begins = |args: &[OsString], role: &str, name: &str| {
        args.get(1).is_some_and(|arg| arg == role) && args.get(2).is_some_and(|arg| arg == name)
    };
    if begins(&args, "ingester", DEAD_LETTERS) || begins(&args, "query", DEPENDENCIES) {
        args.remove(1);
    }
    if let Some((_, command, action)) =
        OF_RETENTION.iter().find(|(name, ..)| begins(&args, "retention", name))
    {
        args.splice(1..3, [*command, *action].map(OsString::from));
    }
    if is_jaegers {
        return args;
    }
    let first = args.get(1).and_then(|arg| arg.to_str()).unwrap_or_default();
    let about_itself = matches!(first, "-h" | "--help" | "-V" | "--version");
    if args.len() < 2 || (first.starts_with('-') && !about_itself) {
        args.insert(args.len().min(1), OsString::from("all-in-one"));
    }
    args
}

/// `--config-file`, or the variable of the same name; needed before the command line can be parsed.
fn config_file(args: &[OsString]) -> Option<PathBuf> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let Some(text) = arg.to_str() else { continue };
        if text == "--config-file" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = text.strip_prefix("--config-file=") {
            return Some(Path::new(path).to_owned());
        }
    }
    std::env::var_os("CONFIG_FILE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Says of a flag of Jaeger's what to use instead of it, and of a wrong value no password that is in it.
fn explain(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue)
        && let Some(masked) = masked(value)
    {
        error.insert(ContextKind::InvalidValue, ContextValue::String(masked));
    }
    let of_a_secret = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => {
            let name = argument.trim_start_matches('-').split([' ', '=', '[']).next().unwrap_or_default();
            is_secret(name)
        }
        _ => false,
    };
    if of_a_secret && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("***".to_owned()));
    }
    let flag = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) => flag.clone(),
        _ => return error,
    };
    let family = |flag: &str| flag.trim_start_matches('-').split('.').next().map(str::to_owned);
    let like_a_known_one = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(known)) => family(known) == family(&flag),
        _ => false,
    };
    match explain_unknown_flag(&flag, like_a_known_one) {
        Some(text) => Cli::command().error(ErrorKind::UnknownArgument, text),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(args: &[&str]) -> Vec<String> {
        let args = with_role(args.iter().map(OsString::from).collect());
        args.into_iter().map(|arg| arg.into_string().unwrap()).collect()
    }

    #[test]
    fn the_role_follows_from_the_name_and_is_the_all_in_one_otherwise() {
        assert_eq!(roles(&["spoor"]), ["spoor", "all-in-one"]);
        assert_eq!(roles(&["spoor", "--log-level=debug"]), ["spoor", "all-in-one", "--log-level=debug"]);
        assert_eq!(roles(&["spoor", "query"]), ["spoor", "query"]);
        assert_eq!(roles(&["spoor", "--help"]), ["spoor", "--help"]);
        assert_eq!(
            roles(&["/usr/bin/jaeger-collector", "--x"]),
            ["/usr/bin/jaeger-collector", "collector", "--x"]
        );
        assert_eq!(roles(&["spoor", "ingester", "dead-letters", "list"]), ["spoor", "dead-letters", "list"]);
        assert_eq!(
            roles(&["spoor", "query", "dependencies", "--day=today"]),
            ["spoor", "dependencies", "--day=today"]
        );
        assert_eq!(
            roles(&["jaeger-ingester", "dead-letters", "list"]),
            ["jaeger-ingester", "dead-letters", "list"]
        );
        assert_eq!(roles(&["jaeger-agent"]), ["jaeger-agent", "agent"]);
        assert_eq!(
            roles(&["jaeger-es-index-cleaner", "7", "http://localhost:9200"]),
            ["jaeger-es-index-cleaner", "es-index-cleaner", "7", "http://localhost:9200"]
        );
        assert_eq!(
            roles(&["jaeger-es-rollover", "init", "http://localhost:9200"]),
            ["jaeger-es-rollover", "es-rollover", "init", "http://localhost:9200"]
        );
        assert_eq!(
            roles(&["spoor", "retention", "rollover-init", "--dry-run"]),
            ["spoor", "rollover", "init", "--dry-run"]
        );
        assert_eq!(
            roles(&["spoor", "retention", "erase", "--tag=a=b"]),
            ["spoor", "erase-spans", "erase", "--tag=a=b"]
        );
        assert_eq!(
            roles(&["spoor", "retention", "policy", "--check"]),
            ["spoor", "policy", "policy", "--check"]
        );
        assert_eq!(roles(&["spoor", "retention", "clean"]), ["spoor", "retention", "clean"]);
    }

    #[test]
    fn a_secret_that_cannot_be_taken_is_not_told_either() {
        let file = FileSettings::default();
        let query = Role::called("query").unwrap();
        let command =
            Cli::command().mut_subcommand("query", |stub| query.prepared(query.with_flags(stub), &file));
        for flag in ["--es.custom-headers=hush", "--es-archive.custom-headers=X-A: b, hush"] {
            let error = command.clone().try_get_matches_from(["spoor", "query", flag]).unwrap_err();
            let told = explain(error).to_string();
            assert!(told.contains("custom-headers") && !told.contains("hush"), "{told}");
        }
    }
}

//! One file a command: its settings and its assembly, no logic.

mod agent;
mod all_in_one;
mod collector;
mod dead_letters;
mod dependencies;
mod erase;
mod generate;
mod healthcheck;
mod ingester;
mod policy;
mod query;
mod retention;
mod rollover;
mod run_record;
mod scheduled;

pub(crate) use agent::AgentArgs;
pub(crate) use all_in_one::AllInOneArgs;
pub(crate) use collector::CollectorArgs;
pub(crate) use dead_letters::DeadLettersArgs;
pub(crate) use dependencies::DependenciesArgs;
pub(crate) use erase::EraseArgs;
pub(crate) use generate::GenerateArgs;
pub(crate) use healthcheck::HealthcheckArgs;
pub(crate) use ingester::IngesterArgs;
pub(crate) use policy::PolicyArgs;
pub(crate) use query::QueryArgs;
pub(crate) use retention::{IndexCleanerArgs, RetentionArgs};
pub(crate) use rollover::{EsRolloverArgs, RolloverArgs};

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Command as ClapCommand;

use crate::cli::{self, Command, Parsed};
use crate::config::print_effective;
use crate::host::HostConfig;
use crate::reference;
use crate::telemetry;

/// Runs what was asked for, to its end.
pub(crate) fn run(parsed: &Parsed) -> Result<ExitCode> {
    match &parsed.command {
        Command::Retention(args) if shows_settings(&args.host, parsed)? => {}
        Command::Retention(args) => return on_runtime(retention::run(args, &parsed.matches)),
        Command::EraseSpans(args) => return on_runtime(erase::run(args)),
        Command::Policy(args) => return on_runtime(policy::run(args)),
        Command::EsIndexCleaner(args) => return on_runtime(retention::run_index_cleaner(args)),
        Command::Rollover(args) if shows_settings(&args.host, parsed)? => {}
        Command::Rollover(args) => return on_runtime(rollover::run(args, &parsed.matches)),
        Command::EsRollover(args) => {
            return on_runtime(rollover::run_es_rollover(args, &parsed.matches));
        }
        _ => run_to_its_end(parsed)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A command that has only one way to end well.
fn run_to_its_end(parsed: &Parsed) -> Result<()> {
    match &parsed.command {
        Command::Agent(args) if !shows_settings(&args.host, parsed)? => on_runtime(agent::run(args)),
        Command::AllInOne(args) if !shows_settings(&args.host, parsed)? => on_runtime(all_in_one::run(args)),
        Command::Collector(args) if !shows_settings(&args.host, parsed)? => on_runtime(collector::run(args)),
        Command::Ingester(args) if !shows_settings(&args.host, parsed)? => on_runtime(ingester::run(args)),
        Command::DeadLetters(args) => on_runtime(dead_letters::run(args)),
        Command::Dependencies(args) => on_runtime(dependencies::run(args)),
        Command::Query(args) if !shows_settings(&args.host, parsed)? => on_runtime(query::run(args)),
        Command::Generate(args) => on_runtime(generate::run(args)),
        Command::Healthcheck(args) => healthcheck::run(args),
        Command::SettingsReference => print_settings_reference(),
        Command::Agent(_)
        | Command::AllInOne(_)
        | Command::Collector(_)
        | Command::Ingester(_)
        | Command::Policy(_)
        | Command::Query(_)
        | Command::Retention(_)
        | Command::EraseSpans(_)
        | Command::EsIndexCleaner(_)
        | Command::Rollover(_)
        | Command::EsRollover(_) => Ok(()),
    }
}

/// `--print-config` and `--check-config`: true when there is nothing more to do.
fn shows_settings(host: &HostConfig, parsed: &Parsed) -> Result<bool> {
    validate(&parsed.command)?;
    if host.print_config {
        let command: &ClapCommand = &parsed.clap_command;
        let printed = print_effective(&mut std::io::stdout().lock(), command, &parsed.matches, &parsed.file);
        match printed {
            // Whoever reads only the first lines has read enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            result => result.context("print the settings")?,
        }
    }
    if host.check_config {
        println!("the settings are fine");
    }
    if host.print_config || host.check_config {
        return Ok(true);
    }
    telemetry::start(&host.log, &format!("spoor-{}", parsed.clap_command.get_name()))?;
    Ok(false)
}

/// Checks what no single flag can tell, before anything is opened.
fn validate(command: &Command) -> Result<()> {
    match command {
        Command::Agent(args) => args.validate(),
        Command::AllInOne(args) => args.validate(),
        Command::Collector(args) => args.validate(),
        Command::Ingester(args) => args.validate(),
        Command::Query(args) => args.validate(),
        Command::Retention(args) => args.validate(),
        Command::Rollover(args) => args.validate(),
        Command::DeadLetters(_)
        | Command::Dependencies(_)
        | Command::EraseSpans(_)
        | Command::EsIndexCleaner(_)
        | Command::EsRollover(_)
        | Command::Policy(_)
        | Command::Generate(_)
        | Command::Healthcheck(_)
        | Command::SettingsReference => Ok(()),
    }
}

fn print_settings_reference() -> Result<()> {
    let page = reference::settings_page(&cli::roles());
    std::io::stdout().write_all(page.as_bytes()).context("print the reference of settings")
}

fn on_runtime<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

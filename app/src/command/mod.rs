//! One file a command: its settings and its assembly, no logic.

mod all_in_one;
mod collector;
mod generate;
mod healthcheck;
mod query;

pub(crate) use all_in_one::AllInOneArgs;
pub(crate) use collector::CollectorArgs;
pub(crate) use generate::GenerateArgs;
pub(crate) use healthcheck::HealthcheckArgs;
pub(crate) use query::QueryArgs;

use anyhow::{Context, Result};
use clap::Command as ClapCommand;

use crate::cli::{Command, Parsed};
use crate::config::print_effective;
use crate::host::HostConfig;
use crate::telemetry;

/// Runs what was asked for, to its end.
pub(crate) fn run(parsed: &Parsed) -> Result<()> {
    match &parsed.command {
        Command::AllInOne(args) if !shows_settings(&args.host, parsed)? => on_runtime(all_in_one::run(args)),
        Command::Collector(args) if !shows_settings(&args.host, parsed)? => on_runtime(collector::run(args)),
        Command::Query(args) if !shows_settings(&args.host, parsed)? => on_runtime(query::run(args)),
        Command::Generate(args) => on_runtime(generate::run(args)),
        Command::Healthcheck(args) => healthcheck::run(args),
        Command::AllInOne(_) | Command::Collector(_) | Command::Query(_) => Ok(()),
    }
}

/// `--print-config` and `--check-config`: true when there is nothing more to do.
fn shows_settings(host: &HostConfig, parsed: &Parsed) -> Result<bool> {
    match &parsed.command {
        Command::AllInOne(args) => args.collector.validate()?,
        Command::Collector(args) => args.collector.validate()?,
        Command::Query(_) | Command::Generate(_) | Command::Healthcheck(_) => {}
    }
    if host.print_config {
        let command: &ClapCommand = &parsed.clap_command;
        print_effective(&mut std::io::stdout().lock(), command, &parsed.matches, &parsed.file)
            .context("print the settings")?;
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

fn on_runtime(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

//! `spoor retention rollover-init`, `rollover` and `lookback`: series of indices behind aliases, for cron; and the same under the name of
//! Jaeger's rollover, as that is called.

mod round;
mod settings;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::parser::ValueSource;
use clap::{ArgMatches, ValueEnum};
use spoor_retention::rollover::{Conditions, Task, Unit};
use spoor_retention::{Effect, Family};
use spoor_storage_elasticsearch::{Config, ConnectionConfig, IndexConfig, Layout, TemplateConfig};

use self::round::{Round, Work};
use settings::{Action, LifecycleArgs};
pub(crate) use settings::{EsRolloverArgs, RolloverArgs};

use super::retention::Output;
use super::run_record::RunRecord;
use super::scheduled;

/// Settings that one action alone goes by. On the command line of another they are a mistake; environments and files are often shared.
const OF_ONE_ACTION: [(Action, &[&str]); 3] = [
    (
        Action::Init,
        &[
            "es.num-shards",
            "es.num-replicas",
            "es.composable-templates",
            "es.prioirity-span-template",
            "es.prioirity-service-template",
            "es.prioirity-dependencies-template",
            "es.prioirity-sampling-template",
            "shards",
            "replicas",
            "priority-span-template",
            "priority-service-template",
            "priority-dependencies-template",
            "priority-sampling-template",
        ],
    ),
    (Action::Rollover, &["retention.conditions", "conditions"]),
    (Action::Lookback, &["retention.unit", "retention.unit-count", "unit", "unit-count"]),
];

impl RolloverArgs {
    /// Checks what no single flag can tell.
    pub(super) fn validate(&self) -> Result<()> {
        self.host.validate()?;
        self.schedule.validate(self.dry_run, &self.record)?;
        if self.schedule.is_set() && self.action == Action::Init {
            bail!("--retention.schedule: series are begun once; run rollover-init without it");
        }
        Ok(())
    }

    fn work(&self) -> Result<Work> {
        let span = match (self.layout.layout, self.archive) {
            (Layout::Jaeger, _) => Family::Span,
            (Layout::Compact, false) => Family::CompactSpan,
            (Layout::Compact, true) => {
                bail!(
                    "--retention.archive goes with --es.layout=jaeger: archives in the compact layout are made by hand"
                )
            }
        };
        let templates = TemplateConfig {
            num_shards: self.shards,
            num_replicas: self.replicas,
            composable: self.composable,
            span_priority: self.span_priority,
            service_priority: self.service_priority,
            dependencies_priority: self.dependencies_priority,
            sampling_priority: self.sampling_priority,
            ..self.lifecycle.templates()
        };
        Ok(Work {
            config: config(self.connection.clone(), &self.prefix, templates),
            families: families(span, self.archive, self.skip_dependencies, self.adaptive_sampling),
            task: task(self.action, &self.lifecycle, &self.conditions, (self.unit, self.unit_count)),
            dry_run: self.dry_run,
            timeout: self.timeout,
        })
    }
}

/// Does what is asked for once, and reports; or stays, and does it by a schedule.
pub(crate) async fn run(args: &RolloverArgs, given: &ArgMatches) -> Result<ExitCode> {
    refuse_others(args.action, given)?;
    let action = match args.action {
        Action::Init => "rollover-init",
        Action::Rollover => "rollover",
        Action::Lookback => "lookback",
    };
    let work = args.work()?;
    if let Some(schedule) = args.schedule.take(given)? {
        let round = Round::open(work)?;
        let locks = round.locks.clone().context("a round that changes something has locks")?;
        scheduled::serve(
            &args.host,
            &args.connection,
            (action, &args.prefix),
            schedule,
            locks,
            Arc::new(round),
        )
        .await?;
        return Ok(ExitCode::SUCCESS);
    }
    let record = RunRecord::begin(&args.record, action, &args.prefix, args.dry_run)?;
    let done = once(work, args.output).await;
    record.end(Effect::default(), done)
}

async fn once(work: Work, output: Output) -> Result<u8> {
    Round::open(work)?.once(output).await
}

/// As Jaeger's rollover.
pub(crate) async fn run_es_rollover(args: &EsRolloverArgs, given: &ArgMatches) -> Result<ExitCode> {
    refuse_others(args.action, given)?;
    let templates = TemplateConfig {
        num_shards: args.shards,
        num_replicas: args.replicas,
        span_priority: args.span_priority,
        service_priority: args.service_priority,
        dependencies_priority: args.dependencies_priority,
        sampling_priority: args.sampling_priority,
        ..args.lifecycle.templates()
    };
    let connection = ConnectionConfig { server_urls: vec![args.url.clone()], ..args.connection.clone() };
    let work = Work {
        config: config(connection, &args.prefix, templates),
        families: families(Family::Span, args.archive, args.skip_dependencies, args.adaptive_sampling),
        task: task(args.action, &args.lifecycle, &args.conditions, (args.unit, args.unit_count)),
        dry_run: false,
        timeout: Duration::from_secs(args.timeout),
    };
    once(work, Output::Table).await.map(ExitCode::from)
}

fn refuse_others(action: Action, given: &ArgMatches) -> Result<()> {
    for (other, settings) in OF_ONE_ACTION.iter().filter(|(other, _)| *other != action) {
        for setting in *settings {
            // A program that has no such setting was not given it.
            let source = given.try_contains_id(setting).ok().and_then(|_| given.value_source(setting));
            if source == Some(ValueSource::CommandLine) {
                let name = other.to_possible_value().map(|value| value.get_name().to_owned());
                bail!(
                    "--{setting} is a setting of {}, and of no use here: remove it",
                    name.unwrap_or_default()
                );
            }
        }
    }
    Ok(())
}

fn families(span: Family, archive: bool, skip_dependencies: bool, sampling: bool) -> Vec<Family> {
    if archive {
        return vec![Family::Archive];
    }
    let dependencies = (!skip_dependencies).then_some(Family::Dependencies);
    let sampling = sampling.then_some(Family::Sampling);
    [span, Family::Service].into_iter().chain(dependencies).chain(sampling).collect()
}

fn task(action: Action, lifecycle: &LifecycleArgs, conditions: &Conditions, back: (Unit, u32)) -> Task {
    match action {
        Action::Init => Task::Init { marks_write: lifecycle.use_ilm },
        Action::Rollover => Task::RollOver(conditions.clone()),
        Action::Lookback => Task::LookBack { unit: back.0, count: back.1 },
    }
}

fn config(connection: ConnectionConfig, prefix: &str, templates: TemplateConfig) -> Config {
    let indices = IndexConfig { prefix: prefix.to_owned(), use_aliases: true, ..IndexConfig::default() };
    Config { connection, indices, templates, ..Config::default() }
}

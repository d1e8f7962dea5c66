//! `spoor retention rollover-init`, `rollover` and `lookback`: series of indices behind aliases, for cron; and the same under the name of
//! Jaeger's rollover, as that is called.

mod settings;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::parser::ValueSource;
use clap::{ArgMatches, ValueEnum};
use spoor_retention::rollover::{Conditions, Names, RolloverError, Task, Unit, as_json, as_table, roll};
use spoor_retention::{Asking, Effect, Family, LEASE};
use spoor_storage_elasticsearch::{
    Config, ConnectionConfig, ElasticsearchIndices, IndexConfig, Layout, TemplateConfig,
};

use settings::{Action, LifecycleArgs};
pub(crate) use settings::{EsRolloverArgs, RolloverArgs};

use super::retention::{Output, TAKEN, clock, locks, print};
use super::run_record::RunRecord;

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

/// What both programs come to.
struct Work {
    config: Config,
    families: Vec<Family>,
    task: Task,
    dry_run: bool,
    timeout: Duration,
    output: Output,
}

/// Does what is asked for, and reports.
pub(crate) async fn run(args: &RolloverArgs, given: &ArgMatches) -> Result<ExitCode> {
    refuse_others(args.action, given)?;
    let span = match (args.layout.layout, args.archive) {
        (Layout::Jaeger, _) => Family::Span,
        (Layout::Compact, false) => Family::CompactSpan,
        (Layout::Compact, true) => {
            bail!(
                "--retention.archive goes with --es.layout=jaeger: archives in the compact layout are made by hand"
            )
        }
    };
    let templates = TemplateConfig {
        num_shards: args.shards,
        num_replicas: args.replicas,
        composable: args.composable,
        span_priority: args.span_priority,
        service_priority: args.service_priority,
        dependencies_priority: args.dependencies_priority,
        sampling_priority: args.sampling_priority,
        ..args.lifecycle.templates()
    };
    let families = families(span, args.archive, args.skip_dependencies, args.adaptive_sampling);
    let action = match args.action {
        Action::Init => "rollover-init",
        Action::Rollover => "rollover",
        Action::Lookback => "lookback",
    };
    let record = RunRecord::begin(&args.record, action, &args.prefix, args.dry_run)?;
    let done = round(Work {
        config: config(args.connection.clone(), &args.prefix, templates),
        families,
        task: task(args.action, &args.lifecycle, &args.conditions, (args.unit, args.unit_count)),
        dry_run: args.dry_run,
        timeout: args.timeout,
        output: args.output,
    })
    .await;
    record.end(Effect::default(), done)
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
    round(Work {
        config: config(connection, &args.prefix, templates),
        families: families(Family::Span, args.archive, args.skip_dependencies, args.adaptive_sampling),
        task: task(args.action, &args.lifecycle, &args.conditions, (args.unit, args.unit_count)),
        dry_run: false,
        timeout: Duration::from_secs(args.timeout),
        output: Output::Table,
    })
    .await
    .map(ExitCode::from)
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

async fn round(work: Work) -> Result<u8> {
    let store = ElasticsearchIndices::open(&work.config).context("open the store")?;
    let prefix = work.config.indices.prefix.clone();
    // The lock lies beside the series, and needs none of them.
    let of_locks = Config {
        indices: IndexConfig { prefix: prefix.clone(), ..IndexConfig::default() },
        templates: TemplateConfig::default(),
        ..work.config
    };
    let locks = locks(&of_locks, work.dry_run)?;
    let locks = locks.as_deref().map(|locks| locks as &dyn spoor_storage::LeaseLock);
    let (now, holder) = clock()?;
    let asking = Asking { holder: &holder, now, dry_run: work.dry_run, timeout: work.timeout, lease: LEASE };
    let series: Vec<Names> = work.families.iter().map(|family| Names::new(&prefix, *family)).collect();
    let (taken, problem) = match roll(&store, locks, (&prefix, &series), &work.task, asking).await {
        Ok(taken) => (taken, None),
        Err(error @ RolloverError::Busy) => {
            eprintln!("spoor: {error}");
            return Ok(TAKEN);
        }
        Err(error) => {
            let (RolloverError::Problems { taken, .. } | RolloverError::Store { taken, .. }) = &error else {
                return Err(error.into());
            };
            (taken.clone(), Some(error))
        }
    };
    match work.output {
        // The error says that nothing was done.
        Output::Table if taken.is_empty() && problem.is_some() => {}
        Output::Table => print(&as_table(&taken))?,
        Output::Json => print(&as_json(&taken, work.dry_run))?,
    }
    match problem {
        Some(problem) => Err(problem.into()),
        None => Ok(0),
    }
}

//! The settings of both programs.

use std::time::Duration;

use clap::{ArgAction, ValueEnum};
use spoor_retention::rollover::{Conditions, Unit};
use spoor_storage_elasticsearch::{ConnectionConfig, LayoutConfig, NodeUrl, TemplateConfig};

use crate::command::retention::Output;
use crate::command::run_record::RecordConfig;
use crate::command::scheduled::{ADMIN_PORT, ScheduleConfig};
use crate::host::HostConfig;

/// What to do with the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Action {
    /// Install the templates, and make the first index and the aliases of each series, where they are not there.
    Init,
    /// Go on to the next index where a condition is met.
    Rollover,
    /// Take old indices out of the alias that is read.
    Lookback,
}

/// Settings of `spoor retention rollover-init`, `rollover` and `lookback`.
///
/// Exit status: 0 done or nothing to do, 1 failed (running it again goes on from there), 2 wrong usage, 75 another process is at it.
#[derive(Debug, clap::Args)]
#[command(mut_arg("admin.http.host-port", |arg| arg.default_value(ADMIN_PORT)))]
pub(crate) struct RolloverArgs {
    /// What to do; called as rollover-init, rollover, lookback.
    #[arg(value_name = "ACTION")]
    pub(super) action: Action,

    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    pub(super) schedule: ScheduleConfig,

    #[command(flatten)]
    pub(super) connection: ConnectionConfig,

    /// What stands before the names of all indices, as collectors have it.
    #[arg(id = "es.index-prefix", long = "es.index-prefix", value_name = "PREFIX", default_value = "")]
    pub(super) prefix: String,

    #[command(flatten)]
    pub(super) layout: LayoutConfig,

    /// Of rollover-init: shards of each index, written into the templates.
    #[arg(id = "es.num-shards", long = "es.num-shards", value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(super) shards: u32,

    /// Of rollover-init: replicas of each shard, written into the templates.
    #[arg(id = "es.num-replicas", long = "es.num-replicas", value_name = "COUNT", default_value_t = 1)]
    pub(super) replicas: u32,

    /// Of rollover-init: composable templates wherever the server knows them.
    #[arg(id = "es.composable-templates", long = "es.composable-templates", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    pub(super) composable: bool,

    /// Of rollover-init: priority of the span template among composable templates.
    #[arg(
        id = "es.prioirity-span-template",
        long = "es.prioirity-span-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub(super) span_priority: u32,

    /// Of rollover-init: priority of the service template.
    #[arg(
        id = "es.prioirity-service-template",
        long = "es.prioirity-service-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub(super) service_priority: u32,

    /// Of rollover-init: priority of the dependencies template.
    #[arg(
        id = "es.prioirity-dependencies-template",
        long = "es.prioirity-dependencies-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub(super) dependencies_priority: u32,

    /// Of rollover-init: priority of the template of adaptive sampling.
    #[arg(
        id = "es.prioirity-sampling-template",
        long = "es.prioirity-sampling-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub(super) sampling_priority: u32,

    #[command(flatten)]
    pub(super) lifecycle: LifecycleArgs,

    /// The series of the archive, and no other.
    #[arg(id = "retention.archive", long = "retention.archive", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    pub(super) archive: bool,

    /// No series of dependencies.
    #[arg(id = "retention.skip-dependencies", long = "retention.skip-dependencies", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    pub(super) skip_dependencies: bool,

    /// A series of what adaptive sampling remembers, too.
    #[arg(id = "retention.adaptive-sampling", long = "retention.adaptive-sampling", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    pub(super) adaptive_sampling: bool,

    /// Of rollover: one of these must be met for the next index, in the store's words; {} is always met.
    #[arg(
        id = "retention.conditions",
        long = "retention.conditions",
        value_name = "JSON",
        default_value = r#"{"max_age": "2d"}"#
    )]
    pub(super) conditions: Conditions,

    /// Of lookback: what is counted. Days and longer begin at midnight, UTC.
    #[arg(id = "retention.unit", long = "retention.unit", value_name = "UNIT", default_value = "days")]
    pub(super) unit: Unit,

    /// Of lookback: how many of them stay in sight.
    #[arg(
        id = "retention.unit-count",
        long = "retention.unit-count",
        value_name = "COUNT",
        default_value_t = 1
    )]
    pub(super) unit_count: u32,

    /// Only say what would be done.
    #[arg(id = "retention.dry-run", long = "retention.dry-run", visible_alias = "dry-run", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(super) dry_run: bool,

    /// The longest that one request to the store may take.
    #[arg(
        id = "retention.timeout",
        long = "retention.timeout",
        value_name = "DURATION",
        value_parser = spoor_model::parse_go_duration,
        default_value = "2m"
    )]
    pub(super) timeout: Duration,

    /// How the report is written to standard output.
    #[arg(id = "output", long = "output", value_name = "FORM", default_value = "table")]
    pub(super) output: Output,

    #[command(flatten)]
    pub(super) record: RecordConfig,
}

/// What both programs say of lifecycle policies.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct LifecycleArgs {
    /// A lifecycle policy (ILM, or ISM in OpenSearch), which must exist, goes on to the next index: init makes the templates and the alias for it.
    #[arg(id = "es.use-ilm", long = "es.use-ilm", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    pub(super) use_ilm: bool,

    /// The policy's name.
    #[arg(
        id = "es.ilm-policy-name",
        long = "es.ilm-policy-name",
        value_name = "NAME",
        default_value = "jaeger-ilm-policy"
    )]
    pub(super) policy_name: String,
}

/// Settings of Jaeger's rollover: `jaeger-es-rollover {init|rollover|lookback} http://HOST:PORT`.
#[derive(Debug, clap::Args)]
pub(crate) struct EsRolloverArgs {
    /// What to do.
    #[arg(value_name = "ACTION")]
    pub(super) action: Action,

    /// The store.
    #[arg(value_name = "URL")]
    pub(super) url: NodeUrl,

    /// What stands before the names of all indices, without the - that joins it.
    #[arg(id = "index-prefix", long = "index-prefix", value_name = "PREFIX", default_value = "")]
    pub(super) prefix: String,

    /// The series of the archive, and no other.
    #[arg(id = "archive", long = "archive", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(super) archive: bool,

    /// No series of dependencies.
    #[arg(id = "skip-dependencies", long = "skip-dependencies", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(super) skip_dependencies: bool,

    /// A series of what adaptive sampling remembers, too.
    #[arg(id = "adaptive-sampling", long = "adaptive-sampling", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(super) adaptive_sampling: bool,

    /// The longest that one request to the store may take, in seconds.
    #[arg(id = "timeout", long = "timeout", value_name = "SECONDS", default_value_t = 120)]
    pub(super) timeout: u64,

    #[command(flatten)]
    pub(super) lifecycle: LifecycleArgs,

    /// Of init: shards of each index.
    #[arg(id = "shards", long = "shards", value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(super) shards: u32,

    /// Of init: replicas of each shard.
    #[arg(id = "replicas", long = "replicas", value_name = "COUNT", default_value_t = 1)]
    pub(super) replicas: u32,

    /// Of init: priority of the span template, where templates have one.
    #[arg(
        id = "priority-span-template",
        long = "priority-span-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub(super) span_priority: u32,

    /// Of init: priority of the service template.
    #[arg(
        id = "priority-service-template",
        long = "priority-service-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub(super) service_priority: u32,

    /// Of init: priority of the dependencies template.
    #[arg(
        id = "priority-dependencies-template",
        long = "priority-dependencies-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub(super) dependencies_priority: u32,

    /// Of init: priority of the template of adaptive sampling.
    #[arg(
        id = "priority-sampling-template",
        long = "priority-sampling-template",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    pub(super) sampling_priority: u32,

    /// Of rollover: one of these must be met for the next index, in the store's words; {} is always met.
    #[arg(
        id = "conditions",
        long = "conditions",
        value_name = "JSON",
        default_value = r#"{"max_age": "2d"}"#
    )]
    pub(super) conditions: Conditions,

    /// Of lookback: what is counted. Days and longer begin at midnight, UTC.
    #[arg(id = "unit", long = "unit", value_name = "UNIT", default_value = "days")]
    pub(super) unit: Unit,

    /// Of lookback: how many of them stay in sight.
    #[arg(id = "unit-count", long = "unit-count", value_name = "COUNT", default_value_t = 1)]
    pub(super) unit_count: u32,

    #[command(flatten)]
    pub(super) connection: ConnectionConfig,
}

impl LifecycleArgs {
    pub(super) fn templates(&self) -> TemplateConfig {
        let ilm_policy_name = if self.use_ilm { self.policy_name.clone() } else { String::new() };
        TemplateConfig { use_ilm: self.use_ilm, ilm_policy_name, ..TemplateConfig::default() }
    }
}

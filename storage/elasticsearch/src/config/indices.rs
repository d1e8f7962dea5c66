//! Indices: their names, templates, and how far back they are read.

use std::time::Duration;

use clap::Args;
use spoor_model::parse_go_duration;

/// Which indices are written and read, and how they are made.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct IndexConfig {
    /// Goes before the name of every index and template, joined with "-": "prod" gives prod-jaeger-span-2026-08-20.
    #[arg(id = "es.index-prefix", long = "es.index-prefix", value_name = "TEXT", default_value = "")]
    pub prefix: String,

    /// Between year, month and day in the names of daily indices; may be empty.
    #[arg(
        id = "es.index-date-separator",
        long = "es.index-date-separator",
        value_name = "TEXT",
        default_value = "-"
    )]
    pub date_separator: String,

    /// Shards of each index, written into the templates.
    #[arg(id = "es.num-shards", long = "es.num-shards", value_name = "COUNT", default_value_t = 5)]
    pub num_shards: u32,

    /// Replicas of each shard, written into the templates.
    #[arg(id = "es.num-replicas", long = "es.num-replicas", value_name = "COUNT", default_value_t = 1)]
    pub num_replicas: u32,

    /// Whether the writer installs the index templates at start.
    #[arg(
        id = "es.create-index-templates",
        long = "es.create-index-templates",
        value_name = "BOOL",
        default_value = "true",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub create_index_templates: bool,

    /// How far back from now services, operations and traces by id are looked for.
    #[arg(id = "es.max-span-age", long = "es.max-span-age", value_name = "DURATION", value_parser = parse_go_duration, default_value = "72h0m0s")]
    pub max_span_age: Duration,

    /// The most documents or names asked for in one request to the store, 1 to 10000. Longer answers are read in pages.
    #[arg(id = "es.max-doc-count", long = "es.max-doc-count", value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_doc_count: u32,

    /// How far back from now the start of a span is believed. An earlier one is taken for a wrong clock: the span is filed in the
    /// index of the day it is received, with a warning on it, instead of making an index of its own. 0s believes any.
    #[arg(id = "es.span-window.past", long = "es.span-window.past", value_name = "DURATION", value_parser = parse_go_duration, default_value = "72h0m0s")]
    pub span_window_past: Duration,

    /// How far ahead of now the start of a span is believed; as --es.span-window.past.
    #[arg(id = "es.span-window.future", long = "es.span-window.future", value_name = "DURATION", value_parser = parse_go_duration, default_value = "1h0m0s")]
    pub span_window_future: Duration,
}

super::defaults_from_flags!(IndexConfig);

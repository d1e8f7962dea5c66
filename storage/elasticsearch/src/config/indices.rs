//! Indices: their names, and how far back they are read.

use std::time::Duration;

use clap::Args;
use spoor_model::parse_go_duration;

use crate::Frequency;

/// Which indices are written and read, and how they are made.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct IndexConfig {
    /// Goes before the name of every index and template, joined with "-": "prod" gives prod-jaeger-span-2026-08-20.
    #[arg(id = "es.index-prefix", long = "es.index-prefix", value_name = "TEXT", default_value = "")]
    pub prefix: String,

    /// Between year, month, day and hour in the names of dated indices; may be empty.
    #[arg(
        id = "es.index-date-separator",
        long = "es.index-date-separator",
        value_name = "TEXT",
        default_value = "-"
    )]
    pub date_separator: String,

    /// How often there is a new index of spans: day gives jaeger-span-2026-08-20, hour gives jaeger-span-2026-08-20-13.
    #[arg(
        id = "es.index-rollover-frequency-spans",
        long = "es.index-rollover-frequency-spans",
        value_name = "PERIOD",
        default_value = "day"
    )]
    pub rollover_frequency_spans: Frequency,

    /// How often there is a new index of services; as --es.index-rollover-frequency-spans.
    #[arg(
        id = "es.index-rollover-frequency-services",
        long = "es.index-rollover-frequency-services",
        value_name = "PERIOD",
        default_value = "day"
    )]
    pub rollover_frequency_services: Frequency,

    /// How often there is a new index of adaptive sampling; as --es.index-rollover-frequency-spans.
    #[arg(
        id = "es.index-rollover-frequency-adaptive-sampling",
        long = "es.index-rollover-frequency-adaptive-sampling",
        value_name = "PERIOD",
        default_value = "day"
    )]
    pub rollover_frequency_sampling: Frequency,

    /// Write to and read from aliases (jaeger-span-write, jaeger-span-read) instead of dated indices. Something else makes the
    /// indices behind them and rolls them over: jaeger-es-rollover, or a lifecycle policy. Those of the compact layout
    /// (spoor-span-write, spoor-span-read) are not known to Jaeger's tools; the first index and its aliases are made by one request,
    /// which stands in what a role says while it waits for them. Needs Elasticsearch 7.10 or later, or OpenSearch. While a write
    /// alias is missing, whoever writes is not ready, and senders are told to try again; while a read alias is missing, whoever
    /// reads is not ready, but whoever only reads can do with that of one layout, and with none beside remote clusters.
    #[arg(
        id = "es.use-aliases",
        long = "es.use-aliases",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub use_aliases: bool,

    /// The alias to read spans from in place of jaeger-span-read, in Jaeger's layout. Goes with --es.use-aliases and --es.span-write-alias.
    #[arg(id = "es.span-read-alias", long = "es.span-read-alias", value_name = "NAME")]
    pub span_read_alias: Option<String>,

    /// The alias to write spans to in place of jaeger-span-write, in Jaeger's layout.
    #[arg(id = "es.span-write-alias", long = "es.span-write-alias", value_name = "NAME")]
    pub span_write_alias: Option<String>,

    /// The alias to read services from in place of jaeger-service-read. Goes with --es.use-aliases and --es.service-write-alias.
    #[arg(id = "es.service-read-alias", long = "es.service-read-alias", value_name = "NAME")]
    pub service_read_alias: Option<String>,

    /// The alias to write services to in place of jaeger-service-write.
    #[arg(id = "es.service-write-alias", long = "es.service-write-alias", value_name = "NAME")]
    pub service_write_alias: Option<String>,

    /// The alias to read spans of the compact layout from in place of spoor-span-read. Goes with --es.use-aliases and
    /// --es.compact-span-write-alias.
    #[arg(id = "es.compact-span-read-alias", long = "es.compact-span-read-alias", value_name = "NAME")]
    pub compact_span_read_alias: Option<String>,

    /// The alias to write spans of the compact layout to in place of spoor-span-write.
    #[arg(id = "es.compact-span-write-alias", long = "es.compact-span-write-alias", value_name = "NAME")]
    pub compact_span_write_alias: Option<String>,

    /// Names of remote clusters, as the store knows them, that are searched as well; a star stands for any text. While the store
    /// does not know one, or has no connection to it and no skip_unavailable for it, whoever reads is not ready. With
    /// skip_unavailable, which Elasticsearch from 8.15 on has unless it is told otherwise, answers are without what lies in a
    /// cluster that is away, and a warning is logged. The store's nodes need the role remote_cluster_client. Written to is the
    /// store itself only.
    #[arg(
        id = "es.remote-read-clusters",
        long = "es.remote-read-clusters",
        value_name = "NAME,…",
        value_delimiter = ',',
        default_value = ""
    )]
    pub remote_read_clusters: Vec<String>,

    /// How far back from now services, operations and traces by id are looked for.
    #[arg(id = "es.max-span-age", long = "es.max-span-age", value_name = "DURATION", value_parser = parse_go_duration, default_value = "72h0m0s")]
    pub max_span_age: Duration,

    /// The most documents or names asked for in one request to the store, 1 to 10000. Longer answers are read in pages.
    #[arg(id = "es.max-doc-count", long = "es.max-doc-count", value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_doc_count: u32,

    /// How far back from now the start of a span is believed. An earlier one is taken for a wrong clock: the span is filed in the
    /// index of the time it is received, with a warning on it, instead of making an index of its own. 0s believes any,
    /// and so do aliases, behind which no span makes an index.
    #[arg(id = "es.span-window.past", long = "es.span-window.past", value_name = "DURATION", value_parser = parse_go_duration, default_value = "72h0m0s")]
    pub span_window_past: Duration,

    /// How far ahead of now the start of a span is believed; as --es.span-window.past.
    #[arg(id = "es.span-window.future", long = "es.span-window.future", value_name = "DURATION", value_parser = parse_go_duration, default_value = "1h0m0s")]
    pub span_window_future: Duration,
}

super::defaults_from_flags!(IndexConfig);

impl IndexConfig {
    /// Names of the remote clusters that are read.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = &str> {
        self.remote_read_clusters.iter().map(String::as_str).filter(|name| !name.is_empty())
    }
}

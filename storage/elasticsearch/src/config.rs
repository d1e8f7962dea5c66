//! The settings of the store. Flags are Jaeger v1's (`--es.*`), with our own where Jaeger has none; the doc comments are the manual.

use std::time::Duration;

use clap::Args;
use spoor_model::parse_go_duration;

use crate::{NodeUrl, Secret};

/// Elasticsearch and OpenSearch.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct Config {
    /// The store's nodes, as a comma-separated list of http:// or https:// URLs. Requests take turns; a node that fails is
    /// set aside for a while. A URL may carry user:password@.
    #[arg(
        id = "es.server-urls",
        long = "es.server-urls",
        value_name = "URL,…",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:9200"
    )]
    pub server_urls: Vec<NodeUrl>,

    /// The user for basic authentication; none when empty.
    #[arg(id = "es.username", long = "es.username", value_name = "NAME", default_value = "")]
    pub username: String,

    /// The password of --es.username. Better given in the environment (ES_PASSWORD) than in the command line.
    #[arg(id = "es.password", long = "es.password", value_name = "SECRET", default_value = "")]
    pub password: Secret,

    /// Goes before the name of every index and template, joined with "-": "prod" gives prod-jaeger-span-2026-08-20.
    #[arg(id = "es.index-prefix", long = "es.index-prefix", value_name = "TEXT", default_value = "")]
    pub index_prefix: String,

    /// Between year, month and day in the names of daily indices; may be empty.
    #[arg(
        id = "es.index-date-separator",
        long = "es.index-date-separator",
        value_name = "TEXT",
        default_value = "-"
    )]
    pub index_date_separator: String,

    /// Shards of each index, written into the templates.
    #[arg(id = "es.num-shards", long = "es.num-shards", value_name = "COUNT", default_value_t = 5)]
    pub num_shards: u32,

    /// Replicas of each shard, written into the templates.
    #[arg(id = "es.num-replicas", long = "es.num-replicas", value_name = "COUNT", default_value_t = 1)]
    pub num_replicas: u32,

    /// How far back from now services, operations and traces by id are looked for.
    #[arg(id = "es.max-span-age", long = "es.max-span-age", value_name = "DURATION", value_parser = parse_go_duration, default_value = "72h0m0s")]
    pub max_span_age: Duration,

    /// How far back from now the start of a span is believed. An earlier one is taken for a wrong clock: the span is filed in the
    /// index of the day it is received, with a warning on it, instead of making an index of its own. 0s believes any.
    #[arg(id = "es.span-window.past", long = "es.span-window.past", value_name = "DURATION", value_parser = parse_go_duration, default_value = "72h0m0s")]
    pub span_window_past: Duration,

    /// How far ahead of now the start of a span is believed; as --es.span-window.past.
    #[arg(id = "es.span-window.future", long = "es.span-window.future", value_name = "DURATION", value_parser = parse_go_duration, default_value = "1h0m0s")]
    pub span_window_future: Duration,

    /// The most documents or names asked for in one request to the store, 1 to 10000. Longer answers are read in pages.
    #[arg(id = "es.max-doc-count", long = "es.max-doc-count", value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_doc_count: u32,

    /// The most bytes in one bulk request. A larger document goes alone.
    #[arg(id = "es.bulk.size", long = "es.bulk.size", value_name = "BYTES", default_value_t = 5_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub bulk_size: u32,

    /// The most documents in one bulk request.
    #[arg(id = "es.bulk.actions", long = "es.bulk.actions", value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub bulk_actions: u32,

    /// How long a bulk that is not full waits for company while another bulk is on its way. With none on its way it is sent
    /// at once, and when one returns it is sent then, so that a lone sender never waits.
    #[arg(id = "es.bulk.flush-interval", long = "es.bulk.flush-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "200ms")]
    pub bulk_flush_interval: Duration,

    /// The most bulk requests on their way at the same time. Jaeger's default is 1; senders here wait for the store's answer,
    /// so a second bulk keeps the store busy while the first one's senders get theirs.
    #[arg(id = "es.bulk.workers", long = "es.bulk.workers", value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub bulk_workers: u32,

    /// The most bytes of documents that wait for a bulk request. Beyond it writers are told that the store is busy.
    #[arg(id = "es.bulk.queue-size", long = "es.bulk.queue-size", value_name = "BYTES", default_value_t = 20_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub bulk_queue_size: u32,

    /// The longest that one request to the store may take; 0s leaves it to the caller's deadline.
    #[arg(id = "es.timeout", long = "es.timeout", value_name = "DURATION", value_parser = parse_go_duration, default_value = "0s")]
    pub timeout: Duration,

    /// The store's version: 7, 8 or 9 for Elasticsearch, 101, 102 or 103 for OpenSearch 1, 2 or 3; 0 asks the store.
    #[arg(id = "es.version", long = "es.version", value_name = "NUMBER", default_value_t = 0)]
    pub version: u32,

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

    /// What stands for "." in the keys of tags that are stored as fields of their own.
    #[arg(
        id = "es.tags-as-fields.dot-replacement",
        long = "es.tags-as-fields.dot-replacement",
        value_name = "TEXT",
        default_value = "@"
    )]
    pub dot_replacement: String,

    /// After how long a service name and operation are written again though they were written before; 0s means 12h.
    #[arg(id = "es.service-cache-ttl", long = "es.service-cache-ttl", value_name = "DURATION", value_parser = parse_go_duration, default_value = "0s")]
    pub service_cache_ttl: Duration,
}

impl Default for Config {
    /// What the flags say when none is given.
    fn default() -> Self {
        use clap::FromArgMatches;
        let command = Self::augment_args(clap::Command::new("defaults").no_binary_name(true));
        let matches = command.get_matches_from(std::iter::empty::<&str>());
        Self::from_arg_matches(&matches).expect("every setting has a default")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn defaults_are_jaegers_but_for_the_bulks_on_their_way() {
        let config = Config::default();
        assert_eq!(format!("{:?}", config.server_urls), "[http://127.0.0.1:9200]");
        assert_eq!(config.max_span_age, Duration::from_secs(72 * 3600));
        assert_eq!((config.bulk_size, config.bulk_actions, config.bulk_workers), (5_000_000, 1_000, 2));
        assert_eq!(config.bulk_flush_interval, Duration::from_millis(200));
        assert_eq!((config.num_shards, config.num_replicas, config.max_doc_count), (5, 1, 10_000));
        assert!(config.create_index_templates);
        assert_eq!(config.dot_replacement, "@");
    }

    #[test]
    fn flags_are_read_as_jaeger_reads_them() {
        let program = Program::try_parse_from([
            "test",
            "--es.server-urls=http://a:9200,https://u:hidden@b",
            "--es.create-index-templates=false",
            "--es.max-span-age=1h30m",
            "--es.index-date-separator=",
            "--es.password=hidden",
        ]);
        let config = program.unwrap().config;
        assert_eq!(config.server_urls.len(), 2);
        assert!(!config.create_index_templates);
        assert_eq!(config.max_span_age, Duration::from_secs(5400));
        assert_eq!(config.index_date_separator, "");
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn nonsense_is_refused_while_parsing() {
        for flag in [
            "--es.max-doc-count=10001",
            "--es.bulk.workers=0",
            "--es.max-span-age=-1h",
            "--es.timeout=5",
            "--es.server-urls=localhost",
        ] {
            assert!(Program::try_parse_from(["test", flag]).is_err(), "{flag}");
        }
    }
}

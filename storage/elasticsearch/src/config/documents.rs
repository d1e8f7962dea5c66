//! Documents: which of their forms are written.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use spoor_model::parse_go_duration;

use crate::document::parse_dot_replacement;

/// How values of tags stand in lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TagValues {
    /// Numbers and truths as JSON has them, as Jaeger writes them since 1.69
    Native,
    /// Every value as text, as Jaeger wrote them before
    String,
}

/// What documents look like.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct DocumentConfig {
    /// Store every tag of spans and processes as a field of its own (tag.http@method), for Kibana and other tools, instead of as an
    /// item of a list; fields of logs stay in lists. Each key takes one of the fields that an index has (1000 by default); past these
    /// the store refuses spans with new keys. In lists stay: binary values, NaN and infinities, keys that hold the replacement for
    /// dots or could not be the name of a field (empty, white space, over 256 bytes), all but the last of several tags with one key,
    /// and what exceeds 256 fields of one span. Both are found.
    #[arg(
        id = "es.tags-as-fields.all",
        long = "es.tags-as-fields.all",
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub tags_as_fields_all: bool,

    /// Keys of tags to be stored as fields of their own, separated by commas; spaces are part of keys. Tags span.kind and error are
    /// always stored so.
    #[arg(
        id = "es.tags-as-fields.include",
        long = "es.tags-as-fields.include",
        value_name = "KEY,…",
        default_value = ""
    )]
    pub tags_as_fields_include: String,

    /// A file with more keys for --es.tags-as-fields.include, one a line. It is read at start.
    #[arg(id = "es.tags-as-fields.config-file", long = "es.tags-as-fields.config-file", value_name = "FILE")]
    pub tags_as_fields_config_file: Option<PathBuf>,

    /// What stands for "." in the keys of tags that are stored as fields of their own. It must be the same wherever these
    /// indices are written and read, and holds no dot itself.
    #[arg(
        id = "es.tags-as-fields.dot-replacement",
        long = "es.tags-as-fields.dot-replacement",
        value_name = "TEXT",
        value_parser = parse_dot_replacement,
        default_value = "@"
    )]
    pub dot_replacement: String,

    /// How values stand in lists of tags: native (numbers and truths as such) or string (everything as text). Jaeger before
    /// 1.69 cannot read a trace with native values; later ones read both.
    #[arg(
        id = "es.tag-values",
        long = "es.tag-values",
        value_name = "FORM",
        value_enum,
        default_value = "native"
    )]
    pub tag_values: TagValues,

    /// Write a child's parent as parentSpanID, too, as Jaeger does since 2.20, and not among the references alone. Switch it off where
    /// spark-dependencies counts who calls whom: it takes the field and the reference for two calls. Every Jaeger and Spoor read both.
    #[arg(
        id = "es.parent-span-id",
        long = "es.parent-span-id",
        value_name = "BOOL",
        default_value = "true",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub parent_span_id: bool,

    /// After how long a service name and operation are written again though they were written before; 0s means 12h.
    #[arg(id = "es.service-cache-ttl", long = "es.service-cache-ttl", value_name = "DURATION", value_parser = parse_go_duration, default_value = "0s")]
    pub service_cache_ttl: Duration,
}

super::defaults_from_flags!(DocumentConfig);

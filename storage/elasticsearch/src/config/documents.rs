//! Documents: which of their forms are written.

use std::time::Duration;

use clap::Args;
use spoor_model::parse_go_duration;

/// What documents look like.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct DocumentConfig {
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

super::defaults_from_flags!(DocumentConfig);

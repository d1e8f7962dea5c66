//! Bulk requests: their bounds.

use std::time::Duration;

use clap::Args;
use spoor_model::parse_go_duration;

/// How documents are sent.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct BulkConfig {
    /// The most bytes in one bulk request. A larger document goes alone.
    #[arg(id = "es.bulk.size", long = "es.bulk.size", value_name = "BYTES", default_value_t = 5_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub size: u32,

    /// The most documents in one bulk request.
    #[arg(id = "es.bulk.actions", long = "es.bulk.actions", value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub actions: u32,

    /// How long a bulk that is not full waits for company while another bulk is on its way. With none on its way it is sent
    /// at once, and when one returns it is sent then, so that a lone sender never waits.
    #[arg(id = "es.bulk.flush-interval", long = "es.bulk.flush-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "200ms")]
    pub flush_interval: Duration,

    /// The most bulk requests on their way at the same time. Jaeger's default is 1; senders here wait for the store's answer,
    /// so a second bulk keeps the store busy while the first one's senders get theirs.
    #[arg(id = "es.bulk.workers", long = "es.bulk.workers", value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub workers: u32,

    /// The most bytes of documents that wait for a bulk request. Beyond it writers are told that the store is busy.
    #[arg(id = "es.bulk.queue-size", long = "es.bulk.queue-size", value_name = "BYTES", default_value_t = 20_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue_size: u32,
}

super::defaults_from_flags!(BulkConfig);

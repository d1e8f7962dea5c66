//! The reading side.

use std::time::Duration;

use clap::{Args, ValueEnum};
use spoor_model::{ByteSize, parse_go_duration};
use spoor_topic::Start;

use super::ConsumerConnection;
use crate::{SettingsError, client_config};

/// How records are read from Kafka.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct ConsumerConfig {
    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub connection: ConsumerConnection,

    /// The group whose members share the partitions. Jaeger v1's ingesters have this one too: stop them, and we go on where they
    /// were.
    #[arg(
        id = "kafka.consumer.group-id",
        long = "kafka.consumer.group-id",
        value_name = "NAME",
        default_value = "jaeger-ingester"
    )]
    pub group_id: String,

    /// What we are called in the brokers' logs and quotas.
    #[arg(
        id = "kafka.consumer.client-id",
        long = "kafka.consumer.client-id",
        value_name = "NAME",
        default_value = "jaeger-ingester"
    )]
    pub client_id: String,

    /// A name of this member that stays over restarts (static membership): one that is back within
    /// --kafka.consumer.session-timeout keeps its partitions without a rebalance. Each member needs another one. Empty: none.
    #[arg(
        id = "kafka.consumer.instance-id",
        long = "kafka.consumer.instance-id",
        value_name = "NAME",
        default_value = ""
    )]
    pub instance_id: String,

    /// Where a group begins that has committed nothing. A Jaeger v1 ingester begins at the newest record, and leaves what was
    /// written before.
    #[arg(
        id = "kafka.consumer.initial-offset",
        long = "kafka.consumer.initial-offset",
        value_name = "PLACE",
        default_value = "earliest"
    )]
    pub initial_offset: InitialOffset,

    /// How partitions are shared. All members of a group need the same. Jaeger v1's ingesters have range, but get no partitions
    /// beside ours: stop them first.
    #[arg(
        id = "kafka.consumer.assignor",
        long = "kafka.consumer.assignor",
        value_name = "STRATEGY",
        default_value = "cooperative-sticky"
    )]
    pub assignor: Assignor,

    /// The most bytes that are fetched of one partition at a time. A larger record is read all the same. Twice of that, beside
    /// --kafka.consumer.max-bytes-in-flight, may wait in memory for each partition that is held, small and compressed records taking up to
    /// three times as much: up to 18 MiB for 12 partitions. Jaeger v1 has 1048576, which reads no faster.
    #[arg(id = "kafka.consumer.fetch-max-message-bytes", long = "kafka.consumer.fetch-max-message-bytes", value_name = "BYTES", default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000_000))]
    pub fetch_max_message_bytes: u32,

    /// The rack that we are in, to be served by replicas of the same one where the brokers support it.
    #[arg(
        id = "kafka.consumer.rack-id",
        long = "kafka.consumer.rack-id",
        value_name = "NAME",
        default_value = ""
    )]
    pub rack_id: String,

    /// After how long without a sign of life the group gives our partitions to others, 6s to 30m (the brokers may allow less).
    #[arg(id = "kafka.consumer.session-timeout", long = "kafka.consumer.session-timeout", value_name = "DURATION", value_parser = parse_go_duration, default_value = "45s")]
    pub session_timeout: Duration,

    /// How often the place up to which everything is stored is committed. After a crash, what was stored since is read again.
    #[arg(id = "kafka.consumer.commit-interval", long = "kafka.consumer.commit-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "1s")]
    pub commit_interval: Duration,

    /// How long a partition that goes to another member waits for records that are being stored; they are then read again by
    /// that one. Less than 5m.
    #[arg(id = "kafka.consumer.release-timeout", long = "kafka.consumer.release-timeout", value_name = "DURATION", value_parser = parse_go_duration, default_value = "30s")]
    pub release_timeout: Duration,

    /// How often the brokers are asked whether the topic has more partitions.
    #[arg(id = "kafka.consumer.metadata-refresh-interval", long = "kafka.consumer.metadata-refresh-interval", value_name = "DURATION", value_parser = parse_go_duration, default_value = "30s")]
    pub refresh: Duration,

    /// The most records that are read and not stored yet.
    #[arg(id = "kafka.consumer.max-records-in-flight", long = "kafka.consumer.max-records-in-flight", value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_records_in_flight: u32,

    /// The most memory for records that are read and not stored yet, with a unit as in 32MiB. What is fetched ahead comes on top: see
    /// --kafka.consumer.fetch-max-message-bytes.
    #[arg(id = "kafka.consumer.max-bytes-in-flight", long = "kafka.consumer.max-bytes-in-flight", value_name = "SIZE", default_value_t = ByteSize(12 << 20), value_parser = ByteSize::parse_at_least_one_mebibyte)]
    pub max_bytes_in_flight: ByteSize,
}

/// Where a new group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InitialOffset {
    /// At the oldest record there is
    Earliest,
    /// Behind the newest one
    Latest,
}

impl From<InitialOffset> for Start {
    fn from(offset: InitialOffset) -> Self {
        match offset {
            InitialOffset::Earliest => Self::Earliest,
            InitialOffset::Latest => Self::Latest,
        }
    }
}

/// How partitions are shared among members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Assignor {
    /// Only partitions that move are given up; the others are read on meanwhile
    CooperativeSticky,
    /// All partitions are given up and shared anew, as Jaeger v1's ingesters do
    Range,
    /// As range, one partition after the other to each member
    Roundrobin,
}

impl Assignor {
    /// Its name in the group.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CooperativeSticky => "cooperative-sticky",
            Self::Range => "range",
            Self::Roundrobin => "roundrobin",
        }
    }
}

impl ConsumerConfig {
    /// Checks what no single flag can tell, and that the files that are named can be read.
    ///
    /// # Errors
    /// Settings that cannot work, by name.
    pub fn validate(&self) -> Result<(), SettingsError> {
        client_config::consumer(self).map(drop)
    }
}

super::defaults_from_flags!(ConsumerConfig);

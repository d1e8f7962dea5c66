//! The writing side.

use std::time::Duration;

use clap::{Args, ValueEnum};
use spoor_model::{ByteSize, parse_go_duration};

use super::ProducerConnection;
use crate::{SettingsError, client_config};

/// How records are written to Kafka.
#[derive(Debug, Clone, PartialEq, Args)]
#[group(skip)]
pub struct ProducerConfig {
    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub connection: ProducerConnection,

    /// Which brokers have to have a record before a sender is told that its spans are stored. Jaeger's default is local, with which
    /// a broker that dies takes acknowledged spans along.
    #[arg(
        id = "kafka.producer.required-acks",
        long = "kafka.producer.required-acks",
        value_name = "ACKS",
        default_value = "all",
        ignore_case = true
    )]
    pub acks: Acks,

    /// How batches of records are compressed.
    #[arg(
        id = "kafka.producer.compression",
        long = "kafka.producer.compression",
        value_name = "CODEC",
        default_value = "none",
        ignore_case = true
    )]
    pub compression: Compression,

    /// The level of --kafka.producer.compression: gzip 1 to 9, lz4 1 to 17, zstd 1 to 22, as Jaeger has them, of which those from 12 on
    /// are the same here; 0 is the codec's own default. snappy and none have no levels.
    #[arg(id = "kafka.producer.compression-level", long = "kafka.producer.compression-level", value_name = "LEVEL", default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..=22))]
    pub compression_level: i32,

    /// How long a batch that is not full waits for more records. Jaeger's default is 0s; senders wait for it, and brokers get
    /// fewer and larger batches from it.
    #[arg(id = "kafka.producer.batch-linger", long = "kafka.producer.batch-linger", value_name = "DURATION", value_parser = parse_go_duration, default_value = "5ms")]
    pub batch_linger: Duration,

    /// Bytes with which a batch is sent without waiting for more; 0 leaves it at what one request may have.
    #[arg(
        id = "kafka.producer.batch-size",
        long = "kafka.producer.batch-size",
        value_name = "BYTES",
        default_value_t = 0
    )]
    pub batch_size: u32,

    /// Refused unless 0: a batch goes when it is full or when --kafka.producer.batch-linger is over.
    #[arg(
        id = "kafka.producer.batch-min-messages",
        long = "kafka.producer.batch-min-messages",
        value_name = "COUNT",
        default_value_t = 0
    )]
    pub batch_min_messages: u32,

    /// The most records in a batch; 0 sets no limit beyond that of bytes.
    #[arg(id = "kafka.producer.batch-max-messages", long = "kafka.producer.batch-max-messages", value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub batch_max_messages: u32,

    /// The most bytes of a record, with its key. It must not exceed what the topic takes (max.message.bytes).
    #[arg(id = "kafka.producer.max-message-bytes", long = "kafka.producer.max-message-bytes", value_name = "BYTES", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000_000))]
    pub max_message_bytes: u32,

    /// The most bytes of records that are not confirmed yet, with a unit as in 16MiB; each of them takes about twice its bytes of memory.
    /// Beyond it senders are told to come again.
    #[arg(id = "kafka.producer.max-bytes-in-flight", long = "kafka.producer.max-bytes-in-flight", value_name = "SIZE", default_value_t = ByteSize(16 << 20), value_parser = ByteSize::parse_at_least_one_mebibyte)]
    pub max_bytes_in_flight: ByteSize,
}

/// Who has to have a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Acks {
    /// Nobody: a record is taken for stored when it has been sent, and may be lost
    Noack,
    /// The partition's leader
    Local,
    /// All replicas in sync, and no record twice or out of order (idempotent)
    All,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all
    None,
    /// gzip
    Gzip,
    /// Snappy
    Snappy,
    /// LZ4
    Lz4,
    /// Zstandard
    Zstd,
}

/// The highest level of a codec; 0 for one without levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Levels {
    /// Jaeger takes these.
    pub(crate) jaegers: i32,
    /// The client library takes these: `compression.level` of librdkafka ends at 12.
    pub(crate) ours: i32,
}

impl Compression {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    pub(crate) fn levels(self) -> Levels {
        let (jaegers, ours) = match self {
            Self::None | Self::Snappy => (0, 0),
            Self::Gzip => (9, 9),
            Self::Lz4 => (17, 12),
            Self::Zstd => (22, 12),
        };
        Levels { jaegers, ours }
    }
}

impl ProducerConfig {
    /// Checks what no single flag can tell, and that the files that are named can be read.
    ///
    /// # Errors
    /// Settings that cannot work, by name.
    pub fn validate(&self) -> Result<(), SettingsError> {
        client_config::producer(self).map(drop)
    }
}

super::defaults_from_flags!(ProducerConfig);

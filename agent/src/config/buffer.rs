//! What is kept while collectors are away, and for how long a stop may take.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use spoor_model::{ByteSize, parse_go_duration};

use super::ConfigError;

/// Bounds of what waits for collectors.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct BufferConfig {
    /// Bytes of encoded spans in memory that wait for a collector or are on their way to one. When it is full the oldest are dropped and counted.
    #[arg(
        id = "agent.buffer-max-bytes",
        long = "agent.buffer-max-bytes",
        value_name = "SIZE",
        default_value_t = ByteSize(16 << 20),
        value_parser = ByteSize::from_str
    )]
    pub max_bytes: ByteSize,

    /// How long spans may still be delivered after a stop signal; those that are not are dropped and counted, or stay in the spool.
    /// Less than --shutdown-timeout.
    #[arg(
        id = "agent.drain-timeout",
        long = "agent.drain-timeout",
        value_name = "DURATION",
        value_parser = parse_go_duration,
        default_value = "10s"
    )]
    pub drain_timeout: Duration,

    #[expect(missing_docs, reason = "the type's words are the help's")]
    #[command(flatten)]
    pub spool: SpoolConfig,
}

/// Spans on disk.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct SpoolConfig {
    /// A directory of this agent's own for spans that wait for a collector, in place of memory: they survive the agent, also a kill.
    /// After a restart some may be sent twice, which stores them once.
    #[arg(id = "agent.spool.directory", long = "agent.spool.directory", value_name = "PATH")]
    pub directory: Option<PathBuf>,

    /// Bytes that the spool may take on disk. When it is full the oldest spans are dropped and counted.
    #[arg(
        id = "agent.spool.max-bytes",
        long = "agent.spool.max-bytes",
        value_name = "SIZE",
        default_value_t = ByteSize(1 << 30),
        value_parser = ByteSize::from_str
    )]
    pub max_bytes: ByteSize,

    /// How often what was written to the spool is forced to the disk; a failing machine (not a killed agent) may cost what came since.
    /// 0: after every batch.
    #[arg(
        id = "agent.spool.sync-interval",
        long = "agent.spool.sync-interval",
        value_name = "DURATION",
        value_parser = parse_go_duration,
        default_value = "1s"
    )]
    pub sync_interval: Duration,
}

impl BufferConfig {
    /// Bytes of what it holds, in memory or on disk.
    pub(super) fn room(&self) -> ByteSize {
        if self.spool.directory.is_some() { self.spool.max_bytes } else { self.max_bytes }
    }

    pub(super) fn validate(&self, batch: ByteSize) -> Result<(), ConfigError> {
        let error = |setting: &str, problem: String| {
            Err(ConfigError::Setting { setting: setting.to_owned(), problem })
        };
        // One batch, and one datagram beyond it.
        let least = batch.0.saturating_add(1 << 20);
        let room = [
            ("agent.buffer-max-bytes", self.max_bytes.0, self.spool.directory.is_none()),
            ("agent.spool.max-bytes", self.spool.max_bytes.0, self.spool.directory.is_some()),
        ];
        for (setting, bytes, counts) in room {
            if counts && bytes < least {
                return error(
                    setting,
                    format!("a batch may be as large as {least} bytes and would never fit; give more"),
                );
            }
        }
        Ok(())
    }
}

//! What ingesters count, and what they have set aside.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::topic::Topic;
use crate::{Spoor, binary};

/// An ingester's counters of records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordAccounts {
    /// Read from the topic.
    pub read: f64,
    /// All their spans are confirmed by the store.
    pub stored: f64,
    /// Set aside.
    pub quarantined: f64,
    /// Left to whoever reads the partition next.
    pub given_back: f64,
    /// None of these yet.
    pub in_flight: f64,
    /// Offsets that are not committed, over the partitions that it holds.
    pub lag: f64,
    /// The partitions that it holds.
    pub partitions: f64,
}

impl RecordAccounts {
    /// The counters now.
    ///
    /// # Errors
    /// When the metrics cannot be read.
    pub async fn of(ingester: &Spoor) -> Result<Self> {
        let metrics = ingester.metrics().await?;
        let count = |name: &str| metrics.sum(&format!("spoor_ingester_records_{name}"), "");
        Ok(Self {
            read: count("read_total"),
            stored: count("stored_total"),
            quarantined: count("quarantined_total"),
            given_back: count("given_back_total"),
            in_flight: count("in_flight"),
            lag: metrics.sum("jaeger_ingester_sarama_consumer_offset_lag", ""),
            partitions: metrics.sum("jaeger_ingester_sarama_consumer_partitions_held", ""),
        })
    }

    /// Whether every record read is in exactly one of the other accounts.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.read == self.stored + self.quarantined + self.given_back + self.in_flight
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn rest(&self) -> bool {
        self.lag == 0.0 && self.in_flight == 0.0
    }
}

/// What `spoor ingester dead-letters …` prints about this topic's letters.
///
/// # Errors
/// When it fails, with what it says.
pub async fn dead_letters(topic: &Topic, args: &[&str]) -> Result<String> {
    let output = Command::new(binary()?)
        .args(["ingester", "dead-letters"])
        .args(topic.connection_flags())
        .args(args)
        .kill_on_drop(true)
        .output()
        .await
        .context("run spoor ingester dead-letters")?;
    let (said, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{args:?} ended with {}: {complaint}{said}", output.status);
    Ok(said.into_owned())
}

/// The letters of a topic, as `list` tells them to programs.
///
/// # Errors
/// When it fails, or prints no JSON.
pub async fn letters(topic: &Topic) -> Result<Vec<Value>> {
    let lines = dead_letters(topic, &["list", "--output=json"]).await?;
    lines.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

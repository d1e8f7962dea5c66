//! What must be true after every story of faults: the collector's counters add up, and what was acknowledged is stored.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use spoor_load::{Outcome, Report, SpanKey};

use crate::Spoor;
use crate::traffic::{keys_of, stored_keys};

/// A collector's counters of spans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accounts {
    /// Decoded from requests.
    pub received: f64,
    /// Confirmed by the store.
    pub stored: f64,
    /// Refused for good.
    pub rejected: f64,
    /// Given back to the sender, who may send them again.
    pub returned: f64,
    /// None of these yet.
    pub in_flight: f64,
}

impl Accounts {
    /// The counters now.
    ///
    /// # Errors
    /// When the metrics cannot be read.
    pub async fn of(collector: &Spoor) -> Result<Self> {
        let metrics = collector.metrics().await?;
        let count = |name: &str| metrics.sum(&format!("spoor_collector_spans_{name}"), "");
        Ok(Self {
            received: count("received_total"),
            stored: count("stored_total"),
            rejected: count("rejected_total"),
            returned: count("returned_total"),
            in_flight: count("in_flight"),
        })
    }

    /// Whether every span received is in exactly one of the other accounts.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.received == self.stored + self.rejected + self.returned + self.in_flight
    }
}

/// Asks the store itself: every span acknowledged in these reports is there, each in one document, and none that nobody sent.
///
/// # Errors
/// When that is not so, or the store cannot be asked.
pub async fn acknowledged_is_found(server: &str, prefix: &str, reports: &[&Report]) -> Result<()> {
    let keys = |outcome: fn(&Outcome) -> bool| -> BTreeSet<SpanKey> {
        reports.iter().flat_map(|report| keys_of(report, outcome)).collect()
    };
    let (found, documents) = stored_keys(server, prefix).await?;
    let acknowledged = keys(|outcome| *outcome == Outcome::Acknowledged);
    let missing = acknowledged.difference(&found).count();
    ensure!(missing == 0, "{missing} of {} acknowledged spans are not found", acknowledged.len());
    ensure!(documents == found.len(), "{documents} documents hold {} spans", found.len());
    ensure!(found.is_subset(&keys(|_| true)), "the store holds spans that nobody sent");
    Ok(())
}

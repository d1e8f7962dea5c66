//! What a reader or writer knows of itself and of the topic, for metrics and health.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// The topic cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreachable {
    /// Since when.
    pub since: Instant,
    /// What went wrong, where, and what to do.
    pub reason: Arc<str>,
}

/// A reader's state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReaderStatus {
    /// The partitions it holds, by number.
    pub partitions: Vec<PartitionStatus>,
    /// What became of commits, by partition; also of those that are held no more.
    pub commits: BTreeMap<i32, Commits>,
    /// Settlings that came after the partition had gone to another member, and so changed nothing.
    pub late_settlings: u64,
    /// Offsets that the topic no longer had when they were to be read, and that therefore nobody reads: retention was faster
    /// than the group.
    pub skipped_offsets: u64,
    /// How often a partition brought nothing for a while although it had records, and its reading was begun again.
    pub stalls: u64,
    /// How often the group was left and joined anew, because we were kept out of it.
    pub renewals: u64,
}

/// Commits of one partition's offsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commits {
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that failed. A later one makes up for it.
    pub failed: u64,
}

/// One partition in a reader's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStatus {
    /// Which.
    pub partition: i32,
    /// Which holding of it.
    pub generation: u64,
    /// The offset behind the last record that was delivered or passed over.
    pub position: i64,
    /// Below this offset everything is settled, committed or not.
    pub settled: i64,
    /// Where the group would go on, as last committed; `None`: nothing is committed yet.
    pub committed: Option<i64>,
    /// The offset that the next record to be written will have; `None`: not known yet.
    pub end: Option<i64>,
    /// Records delivered and not settled.
    pub in_flight: usize,
    /// Their bytes.
    pub in_flight_bytes: usize,
    /// When the oldest record that was delivered and is not settled was written.
    pub oldest_unsettled: Option<SystemTime>,
    /// Whether it is paused at the role's wish.
    pub paused: bool,
}

impl PartitionStatus {
    /// Offsets between what is committed and the end: what would be read again or is still to be read, were the reader to end
    /// now. `None` while the end is not known.
    #[must_use]
    pub fn lag(&self) -> Option<i64> {
        // Before the first commit, what is settled counts: a group that starts at the end has no lag.
        let settled = self.committed.unwrap_or(self.settled);
        self.end.map(|end| end.saturating_sub(settled).max(0))
    }
}

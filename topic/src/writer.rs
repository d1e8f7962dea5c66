//! [`TopicWriter`]: the door in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::{OutgoingRecord, Unreachable};

/// Writes records.
///
/// **Ok means durable**, for each record by itself: it has been confirmed by as many replicas as the settings ask for
/// (Kafka's `acks`). Nothing is answered from a buffer.
///
/// **In time.** Every record has its answer by the deadline. A topic that cannot be reached is
/// [`RecordError::Unavailable`], [`RecordError::NoTopic`] or [`RecordError::DeadlineExceeded`], never a call that hangs.
///
/// **At least once.** A record whose answer was an error may have been written all the same, but for
/// [`RecordError::TooLarge`] and [`RecordError::Refused`]: writing it again can make it two. While it is under way nothing
/// is written twice and records of one key keep their order within a partition.
///
/// **Bounded.** Records under way take no more memory than the settings allow; what does not fit is [`RecordError::Busy`].
///
/// Dropping the future leaves each record written or not, never in part; who must know awaits the answer.
#[async_trait]
pub trait TopicWriter: Send + Sync + 'static {
    /// Writes the records; one answer each, in their order.
    async fn write(
        &self,
        records: &[OutgoingRecord],
        deadline: Instant,
    ) -> Vec<Result<Confirmed, RecordError>>;

    /// The largest record that will be taken, measured by [`OutgoingRecord::size`].
    fn max_record_bytes(&self) -> usize;

    /// Whether the topic can be reached, as far as is known.
    ///
    /// # Errors
    /// Since when it cannot, and why.
    fn reachable(&self) -> Result<(), Unreachable>;
}

#[async_trait]
impl<W: TopicWriter + ?Sized> TopicWriter for Arc<W> {
    async fn write(
        &self,
        records: &[OutgoingRecord],
        deadline: Instant,
    ) -> Vec<Result<Confirmed, RecordError>> {
        (**self).write(records, deadline).await
    }

    fn max_record_bytes(&self) -> usize {
        (**self).max_record_bytes()
    }

    fn reachable(&self) -> Result<(), Unreachable> {
        (**self).reachable()
    }
}

/// A record that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Where.
    pub partition: i32,
    /// Its offset; unknown when the settings ask for no confirmation at all.
    pub offset: Option<i64>,
}

/// Why a record was not confirmed, in terms of what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It will never be taken: split it, or give it up.
    #[error("the record has {size} bytes, over the limit of {limit}")]
    TooLarge {
        /// What it has ([`OutgoingRecord::size`]).
        size: usize,
        /// What it may have.
        limit: usize,
    },
    /// It will never be taken as it is.
    #[error("the record was refused: {reason}")]
    Refused {
        /// In the broker's words.
        reason: Arc<str>,
    },
    /// There is no room: slow down, then try again.
    #[error("too many records are on their way: {reason}")]
    Busy {
        /// Which bound is reached.
        reason: Arc<str>,
        /// When to try again.
        retry_after: Duration,
    },
    /// There is no such topic and none is being made, or we may not write to it. That takes a person; until then trying again ends
    /// the same way.
    #[error("there is no topic to write to: {reason}")]
    NoTopic {
        /// What the brokers said, and what to do.
        reason: Arc<str>,
        /// When to look again.
        retry_after: Duration,
    },
    /// The topic cannot be reached, is broken, or refuses us: try again later.
    #[error("the topic is not available: {reason}")]
    Unavailable {
        /// What went wrong, where, and what to do.
        reason: Arc<str>,
        /// When to try again.
        retry_after: Duration,
    },
    /// The time was up before the record was confirmed.
    #[error("the record was not confirmed in time")]
    DeadlineExceeded,
}

impl RecordError {
    /// True when the same record will be refused again, because of what it is.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::Refused { .. })
    }
}

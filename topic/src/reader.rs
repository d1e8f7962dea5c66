//! [`TopicReader`]: the door out.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use crate::{Claim, ReaderStatus, Record, Unreachable};

/// Reads records as one member of a group, which shares the partitions of a topic among its members.
///
/// **Nothing is passed over.** The group's committed offset in a partition is never beyond a record that was delivered and is
/// neither [`Fate::Stored`] nor [`Fate::Quarantined`]. Whoever reads the partition next begins there. Records are settled in any
/// order; offsets that no record has are passed over.
///
/// **At least once.** A record may be delivered again, to this or another member, as long as its settling is not committed.
/// Within one holding of a partition (a generation) a record comes again only when it was given back.
///
/// **In order.** Records of one partition come in the order of their offsets, but for those that were given back.
///
/// **Bounded.** Records that are delivered and not settled have bounds in number and bytes (one record more may be
/// delivered than the bytes allow). At a bound, and while a partition is paused, [`TopicReader::next`] delivers no more records of it, but
/// all other events, and the membership is kept for as long as that takes. A small part of what the bounds allow is kept for the partitions
/// that have less than their share in flight: one whose records are not settled for long does not keep the others from going on.
///
/// **Membership needs [`TopicReader::next`]**: who does not call it again for minutes is taken for dead and loses its partitions.
///
/// **Giving up partitions.** When a partition is to go to another member, [`Event::Revoking`] comes first. From then on it
/// delivers nothing of that partition. The partition is released when all records in flight are settled or given back, at the latest at the
/// deadline, and [`Event::Released`] comes; settlings after that are ignored.
#[async_trait]
pub trait TopicReader: Send + Sync + 'static {
    /// Waits for what happens next; `None` after [`TopicReader::close`]. Dropping the future loses nothing. One caller at a time.
    ///
    /// A topic that cannot be reached is waited for, told by [`TopicReader::reachable`].
    ///
    /// # Errors
    /// What waiting does not heal.
    async fn next(&self) -> Result<Option<Event>, ReadError>;

    /// Decides about delivered records. Cheap; does not wait for a commit. Unknown claims, those settled already and those of former
    /// holdings change nothing.
    fn settle(&self, claims: &[Claim], fate: Fate);

    /// Delivers no more records of this partition until it is resumed; nothing happens when it is not held. Records that are
    /// in the reader's hands already may still come. A new holding is not paused.
    fn pause(&self, partition: i32);

    /// Undoes [`TopicReader::pause`].
    fn resume(&self, partition: i32);

    /// What is known now.
    fn status(&self) -> ReaderStatus;

    /// Whether the topic can be reached, as far as is known.
    ///
    /// # Errors
    /// Since when it cannot, and why.
    fn reachable(&self) -> Result<(), Unreachable>;

    /// Ends reading: delivers nothing more, waits until all records in flight are settled or given back, but not beyond the
    /// deadline, commits and leaves the group, for which it takes a few seconds more at most. Closing again does nothing.
    ///
    /// # Errors
    /// The last commit failed: what was settled since the one before will be read again.
    async fn close(&self, deadline: Instant) -> Result<(), ReadError>;
}

#[async_trait]
impl<R: TopicReader + ?Sized> TopicReader for Arc<R> {
    async fn next(&self) -> Result<Option<Event>, ReadError> {
        (**self).next().await
    }

    fn settle(&self, claims: &[Claim], fate: Fate) {
        (**self).settle(claims, fate);
    }

    fn pause(&self, partition: i32) {
        (**self).pause(partition);
    }

    fn resume(&self, partition: i32) {
        (**self).resume(partition);
    }

    fn status(&self) -> ReaderStatus {
        (**self).status()
    }

    fn reachable(&self) -> Result<(), Unreachable> {
        (**self).reachable()
    }

    async fn close(&self, deadline: Instant) -> Result<(), ReadError> {
        (**self).close(deadline).await
    }
}

/// What happens to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// These records came; never none. They may be of several partitions.
    Records(Vec<Record>),
    /// These partitions are ours from now on.
    Assigned(Vec<Held>),
    /// These partitions are about to go: settle or give back what is in flight of them before the deadline.
    Revoking {
        /// Which.
        partitions: Vec<Held>,
        /// When they go at the latest.
        deadline: Instant,
    },
    /// These partitions are gone. With `lost`, without warning: the group took us for dead, and what we had in flight may have
    /// been delivered to others already.
    Released {
        /// Which.
        partitions: Vec<Held>,
        /// Whether we had no chance to finish.
        lost: bool,
    },
}

/// One holding of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Held {
    /// The partition.
    pub partition: i32,
    /// Rises with each holding: what came with another number belongs to a former one.
    pub generation: u64,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// What it holds is durable elsewhere: it need not be read again.
    Stored,
    /// It is of no use and has been set aside durably: it need not be read again.
    Quarantined,
    /// Nothing became of it: deliver it again.
    GivenBack,
}

/// Where a group begins in a partition of which it has committed nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record that is still there.
    #[default]
    Earliest,
    /// Behind the newest record.
    Latest,
}

/// A reader that cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attempted}: {problem}")]
pub struct ReadError {
    /// What was being done, as the beginning of a sentence: "read topic jaeger-spans".
    pub attempted: String,
    /// What was wrong, where, and what to do.
    pub problem: String,
}

//! Records on their way into a topic and out of it.

use std::time::SystemTime;

use bytes::Bytes;

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The partition, from 0.
    pub partition: i32,
    /// Its place in the partition, from 0. Offsets rise, but not every one is that of a record: compaction, retention
    /// and transactions leave gaps.
    pub offset: i64,
}

/// A named value beside the payload. Names may repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value; Kafka knows headers without one.
    pub value: Option<Bytes>,
}

/// A record to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// What decides about the partition: records of one key follow one another in one partition for as long as the number of
    /// partitions stays. Without a key, any partition.
    pub key: Option<Bytes>,
    /// The content; Kafka knows records without one.
    pub payload: Option<Bytes>,
    /// What stands beside it.
    pub headers: Vec<Header>,
}

impl OutgoingRecord {
    /// What [`crate::TopicWriter::max_record_bytes`] bounds: bytes of key, payload and headers, with what a record of Kafka's
    /// needs beside them at most.
    #[must_use]
    pub fn size(&self) -> usize {
        let of = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers: usize =
            self.headers.iter().map(|header| 2 * LENGTH_BYTES + header.name.len() + of(&header.value)).sum();
        RECORD_BYTES + of(&self.key) + of(&self.payload) + headers
    }
}

/// The most that a length takes in Kafka's record format.
const LENGTH_BYTES: usize = 5;
/// The most that a record takes beside its contents in Kafka's record format (version 2): five varints of length or number,
/// one of time, one byte of attributes.
const RECORD_BYTES: usize = 5 * LENGTH_BYTES + 10 + 1;

/// A right to decide about one delivered record. It ends when the partition is taken from the reader: what is settled
/// afterwards changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Which record.
    pub place: Place,
    /// Which holding of the partition; see [`crate::Held`].
    pub generation: u64,
}

/// A record that was read. Whoever took it settles it by its claim, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place, and the right to settle it.
    pub claim: Claim,
    /// When it was written, by the broker's or the writer's clock, whichever the topic keeps.
    pub timestamp: Option<SystemTime>,
    /// The key it was written with.
    pub key: Option<Bytes>,
    /// Its content.
    pub payload: Option<Bytes>,
    /// What stands beside it.
    pub headers: Vec<Header>,
}

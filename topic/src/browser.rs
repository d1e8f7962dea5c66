//! [`TopicBrowser`]: looking at a topic from outside.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Header, Place, ReadError};

/// Looks at what lies in a topic, as a member of no group: nothing is committed, taken away or held back, and nobody who reads
/// the topic notices.
#[async_trait]
pub trait TopicBrowser: Send + Sync + 'static {
    /// The partitions by number, with the offsets that lie in each now.
    ///
    /// # Errors
    /// The topic is not there, or cannot be reached by the deadline; a deadline that is over is an error, too.
    async fn extents(&self, deadline: Instant) -> Result<Vec<Extent>, ReadError>;

    /// The records of a partition from an offset on, in the order of their offsets: as many as `bounds` allow and lie there now, but
    /// always one when there is one. Begins at the oldest record when that is younger than `from`; from the end on there is nothing.
    ///
    /// # Errors
    /// There is no such partition, or it cannot be read to that point by the deadline; a deadline that is over is an error, too.
    async fn read(
        &self,
        partition: i32,
        from: i64,
        bounds: PageBounds,
        deadline: Instant,
    ) -> Result<Page, ReadError>;
}

#[async_trait]
impl<B: TopicBrowser + ?Sized> TopicBrowser for Arc<B> {
    async fn extents(&self, deadline: Instant) -> Result<Vec<Extent>, ReadError> {
        (**self).extents(deadline).await
    }

    async fn read(
        &self,
        partition: i32,
        from: i64,
        bounds: PageBounds,
        deadline: Instant,
    ) -> Result<Page, ReadError> {
        (**self).read(partition, from, bounds, deadline).await
    }
}

/// What lies in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Which partition.
    pub partition: i32,
    /// The oldest offset that is kept.
    pub start: i64,
    /// The offset that the next record will have; `start` when nothing lies there.
    pub end: i64,
}

/// How much is read at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageBounds {
    /// The most records; at least 1.
    pub records: usize,
    /// The most bytes ([`KeptRecord::size`]), but for the first record.
    pub bytes: usize,
}

impl Default for PageBounds {
    /// 1,000 records or 4 MiB.
    fn default() -> Self {
        Self { records: 1_000, bytes: 4 << 20 }
    }
}

impl PageBounds {
    /// Whether a record belongs on this page, behind the records that are there with so many bytes.
    #[must_use]
    pub fn allow(&self, record: &KeptRecord, there: usize, bytes: usize) -> bool {
        there == 0 || (there < self.records && bytes.saturating_add(record.size()) <= self.bytes)
    }
}

/// A piece of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, by offset.
    pub records: Vec<KeptRecord>,
    /// Where the next page begins; `None`: the end, as it was when this page was read, is reached.
    pub next: Option<i64>,
}

/// A record as it lies in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRecord {
    /// Where.
    pub place: Place,
    /// When it was written, by the broker's or the writer's clock, whichever the topic keeps.
    pub timestamp: Option<SystemTime>,
    /// The key it was written with.
    pub key: Option<Bytes>,
    /// Its content.
    pub payload: Option<Bytes>,
    /// What stands beside it.
    pub headers: Vec<Header>,
}

impl KeptRecord {
    /// The bytes of key, payload and headers.
    #[must_use]
    pub fn size(&self) -> usize {
        let of = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers: usize = self.headers.iter().map(|header| header.name.len() + of(&header.value)).sum();
        of(&self.key) + of(&self.payload) + headers
    }
}

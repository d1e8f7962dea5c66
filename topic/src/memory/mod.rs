//! A topic in memory: for tests of whoever writes and reads records, and for trying things out. What it holds is gone with the
//! last handle. It can be made to fail in the ways a real one fails.

mod browser;
mod group;
mod log;
mod member;
mod reader;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::{Bounds, Confirmed, OutgoingRecord, Place, RecordError, Start, TopicWriter, Unreachable};
use group::Group;
use log::Log;

pub use reader::MemoryReader;

/// How a reader of a topic in memory joins its group.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The group's name.
    pub group: String,
    /// Where a group begins that has committed nothing.
    pub start: Start,
    /// What the reader may have in its hands.
    pub bounds: Bounds,
    /// How long a partition that goes to another member waits for records in flight.
    pub release_timeout: Duration,
}

impl Membership {
    /// In that group, from the earliest record on, with the default bounds and 30 s to release a partition.
    #[must_use]
    pub fn of(group: &str) -> Self {
        Self {
            group: group.to_owned(),
            start: Start::Earliest,
            bounds: Bounds::default(),
            release_timeout: Duration::from_secs(30),
        }
    }
}

/// A handle to the topic, and the door in. Clones are the same topic.
#[derive(Clone)]
pub struct MemoryTopic {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Something happened that a waiting reader may want to know.
    changed: Notify,
    max_record_bytes: usize,
}

struct State {
    logs: Vec<Log>,
    groups: HashMap<String, Group>,
    down: Option<Unreachable>,
    unkeyed: usize,
}

impl MemoryTopic {
    /// An empty topic of so many partitions (at least one), whose records have at most 1,000,000 bytes.
    #[must_use]
    pub fn new(partitions: usize) -> Self {
        Self::with_record_limit(partitions, 1_000_000)
    }

    /// The same with another limit.
    #[must_use]
    pub fn with_record_limit(partitions: usize, max_record_bytes: usize) -> Self {
        let logs = (0..partitions.max(1)).map(|_| Log::default()).collect();
        let state = State { logs, groups: HashMap::new(), down: None, unkeyed: 0 };
        let shared = Shared { state: Mutex::new(state), changed: Notify::new(), max_record_bytes };
        Self { shared: Arc::new(shared) }
    }

    /// A new member of a group. It leaves when it is closed or dropped.
    #[must_use]
    pub fn reader(&self, membership: Membership) -> MemoryReader {
        MemoryReader::join(Arc::clone(&self.shared), membership)
    }

    /// The number of partitions.
    #[must_use]
    pub fn partitions(&self) -> i32 {
        number(self.shared.lock().logs.len())
    }

    /// Adds partitions, as an administrator would.
    pub fn add_partitions(&self, count: usize) {
        self.shared.change(|state| state.logs.extend((0..count).map(|_| Log::default())));
    }

    /// Takes one record away, as compaction does.
    pub fn remove(&self, place: Place) {
        self.shared.change(|state| state.log_mut(place.partition).map(|log| log.remove(place.offset)));
    }

    /// Takes the records before this place away, as retention does.
    pub fn trim(&self, place: Place) {
        self.shared.change(|state| state.log_mut(place.partition).map(|log| log.trim(place.offset)));
    }

    /// Leaves an offset without a record at the end of a partition, as a transaction's marker does.
    pub fn skip_offset(&self, partition: i32) {
        self.shared.change(|state| state.log_mut(partition).map(Log::skip));
    }

    /// From now on the topic cannot be reached.
    pub fn go_down(&self, reason: &str) {
        let down = Unreachable { since: Instant::now(), reason: reason.into() };
        self.shared.change(|state| state.down = Some(down));
    }

    /// Undoes [`MemoryTopic::go_down`].
    pub fn come_back(&self) {
        self.shared.change(|state| state.down = None);
    }

    /// What a group has committed in a partition.
    #[must_use]
    pub fn committed(&self, group: &str, partition: i32) -> Option<i64> {
        self.shared.lock().groups.get(group)?.committed(partition)
    }
}

#[async_trait]
impl TopicWriter for MemoryTopic {
    async fn write(
        &self,
        records: &[OutgoingRecord],
        deadline: Instant,
    ) -> Vec<Result<Confirmed, RecordError>> {
        if Instant::now() >= deadline {
            return records.iter().map(|_| Err(RecordError::DeadlineExceeded)).collect();
        }
        let limit = self.shared.max_record_bytes;
        self.shared.change(|state| records.iter().map(|record| state.append(record, limit)).collect())
    }

    fn max_record_bytes(&self) -> usize {
        self.shared.max_record_bytes
    }

    fn reachable(&self) -> Result<(), Unreachable> {
        self.shared.lock().reachable()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all who wait for something.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_waiters();
        result
    }
}

impl State {
    fn reachable(&self) -> Result<(), Unreachable> {
        self.down.clone().map_or(Ok(()), Err)
    }

    fn log_mut(&mut self, partition: i32) -> Option<&mut Log> {
        self.logs.get_mut(usize::try_from(partition).ok()?)
    }

    fn append(&mut self, record: &OutgoingRecord, limit: usize) -> Result<Confirmed, RecordError> {
        let size = record.size();
        if size > limit {
            return Err(RecordError::TooLarge { size, limit });
        }
        if let Some(down) = &self.down {
            let retry_after = Duration::from_secs(1);
            return Err(RecordError::Unavailable { reason: Arc::clone(&down.reason), retry_after });
        }
        let count = number(self.logs.len());
        let partition = if let Some(key) = &record.key {
            crate::partition_of_key(key, count)
        } else {
            self.unkeyed = self.unkeyed.wrapping_add(1);
            number(self.unkeyed % self.logs.len())
        };
        let offset = self.log_mut(partition).map(|log| log.append(record.clone()));
        Ok(Confirmed { partition, offset })
    }
}

/// A number of partitions, or that of one of them.
fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

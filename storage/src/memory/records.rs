//! What the store holds besides spans: reports of dependencies, counts and probabilities of sampling, leases. Each kind has a bound
//! on its bytes of its own; full, it drops what is oldest by its moment, and counts it.

use std::collections::BTreeMap;

use spoor_model::{SamplingProbabilities, ServiceCalls, Throughput, UnixNanos};

use super::leases::Leases;

/// The most bytes of each kind of records; estimates of the maps, exact for the texts.
const MOST_BYTES: usize = 32 << 20;
/// Estimated bytes of an entry beside its texts.
const ENTRY_BYTES: usize = 128;

/// Everything that is not spans, under one lock.
#[derive(Debug)]
pub(super) struct Records {
    /// By midnight, tenant and source.
    pub(super) dependencies: Bounded<(UnixNanos, String, String), Vec<ServiceCalls>>,
    /// By moment, tenant, service and operation.
    pub(super) throughput: Bounded<(UnixNanos, String, String, String), Throughput>,
    /// By moment and tenant.
    pub(super) probabilities: Bounded<(UnixNanos, String), SamplingProbabilities>,
    pub(super) leases: Leases,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            dependencies: Bounded::new(MOST_BYTES),
            throughput: Bounded::new(MOST_BYTES),
            probabilities: Bounded::new(MOST_BYTES),
            leases: Leases::default(),
        }
    }
}

/// A record that would need more than all the room by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it would need {needed} bytes by itself; the memory store keeps {room} of its kind")]
pub(super) struct RecordTooLarge {
    needed: usize,
    room: usize,
}

/// Entries in the order of their keys, bounded by bytes.
#[derive(Debug)]
pub(super) struct Bounded<Key, Entry> {
    entries: BTreeMap<Key, (usize, Entry)>,
    bytes: usize,
    room: usize,
}

impl<Key: Ord, Entry> Bounded<Key, Entry> {
    pub(super) fn new(room: usize) -> Self {
        Self { entries: BTreeMap::new(), bytes: 0, room }
    }

    /// Puts the entry in the place of what its key had. Answers how many entries were dropped to make room: those of the
    /// smallest keys.
    pub(super) fn insert(&mut self, key: Key, texts: usize, entry: Entry) -> Result<u64, RecordTooLarge> {
        let needed = texts + ENTRY_BYTES;
        if needed > self.room {
            return Err(RecordTooLarge { needed, room: self.room });
        }
        if let Some((bytes, _)) = self.entries.insert(key, (needed, entry)) {
            self.bytes -= bytes;
        }
        self.bytes += needed;
        let mut dropped = 0;
        while self.bytes > self.room {
            let Some((_, (bytes, _))) = self.entries.pop_first() else { break };
            self.bytes -= bytes;
            dropped += 1;
        }
        Ok(dropped)
    }

    /// The entries in the order of their keys.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&Key, &Entry)> {
        self.entries.iter().map(|(key, (_, entry))| (key, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_a_replaced_entry_gives_its_room_back() {
        let mut bounded = Bounded::new(2 * (ENTRY_BYTES + 10));
        assert_eq!(bounded.insert(1, 10, 'a'), Ok(0));
        assert_eq!(bounded.insert(3, 10, 'c'), Ok(0));
        assert_eq!(bounded.insert(3, 5, 'd'), Ok(0));
        assert_eq!(bounded.insert(2, 10, 'b'), Ok(1));
        assert_eq!(
            bounded.iter().map(|(key, entry)| (*key, *entry)).collect::<Vec<_>>(),
            [(2, 'b'), (3, 'd')]
        );
        assert!(bounded.insert(4, 1_000, 'e').unwrap_err().to_string().contains("1128 bytes by itself"));
    }
}

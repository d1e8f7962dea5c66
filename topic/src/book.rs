//! [`Book`]: the accounts of all partitions that one reader holds, with the bounds that hold for them together. No I/O: every
//! implementation of [`crate::TopicReader`] keeps one and does what it says.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::{Claim, Fate, Held, Ledger, PartitionStatus, Place, ReaderStatus};

/// What one reader may have in its hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most records delivered and not settled.
    pub records: usize,
    /// The most bytes of such records; a single record may have more.
    pub bytes: usize,
    /// The most records of one partition that are remembered at a time, settled or not: 24 bytes each. Settled ones are kept in numbers
    /// only beside as many that are not ([`crate::Ledger`]).
    pub remembered: usize,
}

impl Default for Bounds {
    /// 100,000 records and 64 MiB under way; 1,000,000 records remembered for a partition.
    fn default() -> Self {
        Self { records: 100_000, bytes: 64 << 20, remembered: 1_000_000 }
    }
}

/// This part of the bounds is kept for partitions that have little in flight, in equal shares.
const KEPT_PART: usize = 4;

/// What may be in flight, in records and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    records: usize,
    bytes: usize,
}

/// The account of a member of a group.
#[derive(Debug)]
pub struct Book {
    bounds: Bounds,
    holdings: BTreeMap<i32, Holding>,
    last_generation: u64,
    in_flight: usize,
    in_flight_bytes: usize,
    late_settlings: u64,
}

#[derive(Debug)]
struct Holding {
    generation: u64,
    ledger: Ledger,
    committed: Option<i64>,
    end: Option<i64>,
    paused: bool,
    revoking: bool,
}

/// What the time of a record without one is taken for.
const NO_TIME: i64 = i64::MIN;

impl Book {
    /// Nothing held.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            holdings: BTreeMap::new(),
            last_generation: 0,
            in_flight: 0,
            in_flight_bytes: 0,
            late_settlings: 0,
        }
    }

    /// The partition is ours; reading begins at `start`. A holding of it that was not released is lost.
    pub fn hold(&mut self, partition: i32, start: i64, committed: Option<i64>) -> Held {
        self.release(partition);
        self.last_generation += 1;
        let generation = self.last_generation;
        let ledger = Ledger::new(start);
        self.holdings.insert(
            partition,
            Holding { generation, ledger, committed, end: None, paused: false, revoking: false },
        );
        Held { partition, generation }
    }

    /// A record has come: the claim to deliver it with. `None`: it is not to be delivered, as the partition is not ours (any more) or
    /// the record is in flight or settled.
    pub fn take(&mut self, place: Place, size: usize, written: Option<SystemTime>) -> Option<Claim> {
        let holding = self.holdings.get_mut(&place.partition).filter(|holding| !holding.revoking)?;
        let before = holding.ledger.in_flight_bytes();
        if !holding.ledger.take(place.offset, size, written.map_or(NO_TIME, milliseconds)) {
            return None;
        }
        self.in_flight += 1;
        self.in_flight_bytes += holding.ledger.in_flight_bytes() - before;
        Some(Claim { place, generation: holding.generation })
    }

    /// Decides about records; claims of former holdings are counted and change nothing.
    pub fn settle(&mut self, claims: &[Claim], fate: Fate) {
        for claim in claims {
            let holding = self.holdings.get_mut(&claim.place.partition);
            let Some(holding) = holding.filter(|holding| holding.generation == claim.generation) else {
                self.late_settlings += 1;
                continue;
            };
            let before = holding.ledger.in_flight_bytes();
            let changed = match fate {
                Fate::Stored | Fate::Quarantined => holding.ledger.settle(claim.place.offset),
                Fate::GivenBack => holding.ledger.give_back(claim.place.offset),
            };
            self.in_flight -= usize::from(changed);
            self.in_flight_bytes -= before - holding.ledger.in_flight_bytes();
        }
    }

    /// Whether more records may be delivered at all.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.in_flight < self.bounds.records && self.in_flight_bytes < self.bounds.bytes
    }

    /// What is kept for the partitions that have less than their share in flight. Costs a look at each of them, so that it is asked for once
    /// for a turn of all partitions; what changes meanwhile matters little.
    #[must_use]
    pub fn kept(&self) -> Room {
        let nothing = Room { records: 0, bytes: 0 };
        self.holdings.values().fold(nothing, |kept, holding| {
            let more = self.kept_for(holding);
            Room { records: kept.records + more.records, bytes: kept.bytes + more.bytes }
        })
    }

    /// What may be in flight altogether for more records of this partition to be delivered: the bounds, but for what is
    /// [kept](Self::kept) for others.
    #[must_use]
    pub fn room_for(&self, partition: i32, kept: Room) -> Room {
        let own = self.holdings.get(&partition).map(|holding| self.kept_for(holding));
        let Room { records, bytes } = own.unwrap_or(Room { records: 0, bytes: 0 });
        Room {
            records: self.bounds.records.saturating_sub(kept.records.saturating_sub(records)),
            bytes: self.bounds.bytes.saturating_sub(kept.bytes.saturating_sub(bytes)),
        }
    }

    fn kept_for(&self, Holding { ledger, .. }: &Holding) -> Room {
        let share = |all: usize| all / KEPT_PART / self.holdings.len().max(1);
        Room {
            records: share(self.bounds.records).saturating_sub(ledger.in_flight()),
            bytes: share(self.bounds.bytes).saturating_sub(ledger.in_flight_bytes()),
        }
    }

    /// Whether less is in flight.
    #[must_use]
    pub fn is_within(&self, room: Room) -> bool {
        self.in_flight < room.records && self.in_flight_bytes < room.bytes
    }

    /// Whether more records of this partition may be delivered, as far as it alone is concerned.
    #[must_use]
    pub fn is_open(&self, partition: i32) -> bool {
        self.holdings.get(&partition).is_some_and(|holding| {
            !holding.paused && !holding.revoking && holding.ledger.len() < self.bounds.remembered
        })
    }

    /// Stops or lets on the delivery of a partition at the role's wish; false when it is not held.
    pub fn set_paused(&mut self, partition: i32, paused: bool) -> bool {
        self.holdings.get_mut(&partition).map(|holding| holding.paused = paused).is_some()
    }

    /// No more records of these partitions are delivered; those that are held are named.
    pub fn revoke(&mut self, partitions: &[i32]) -> Vec<Held> {
        let mut revoked = Vec::with_capacity(partitions.len());
        for &partition in partitions {
            if let Some(holding) = self.holdings.get_mut(&partition) {
                holding.revoking = true;
                revoked.push(Held { partition, generation: holding.generation });
            }
        }
        revoked
    }

    /// The partition stays after all.
    pub fn keep(&mut self, partition: i32) {
        if let Some(holding) = self.holdings.get_mut(&partition) {
            holding.revoking = false;
        }
    }

    /// Whether nothing of these partitions is in flight.
    #[must_use]
    pub fn is_quiet(&self, partitions: &[Held]) -> bool {
        partitions
            .iter()
            .all(|held| self.holding(*held).is_none_or(|holding| holding.ledger.in_flight() == 0))
    }

    /// The partition is no longer ours; what is in flight of it is void.
    pub fn release(&mut self, partition: i32) -> Option<Held> {
        let holding = self.holdings.remove(&partition)?;
        self.in_flight -= holding.ledger.in_flight();
        self.in_flight_bytes -= holding.ledger.in_flight_bytes();
        Some(Held { partition, generation: holding.generation })
    }

    /// What can be committed and is not yet: where the group goes on in each partition.
    #[must_use]
    pub fn to_commit(&self) -> Vec<(Held, i64)> {
        let uncommitted = self.holdings.iter().filter_map(|(&partition, holding)| {
            let offset = holding.ledger.committable();
            let held = Held { partition, generation: holding.generation };
            (holding.committed.is_none_or(|committed| committed < offset)).then_some((held, offset))
        });
        uncommitted.collect()
    }

    /// This was committed.
    pub fn committed(&mut self, held: Held, offset: i64) {
        let holding = self.holdings.get_mut(&held.partition);
        if let Some(holding) = holding.filter(|holding| holding.generation == held.generation) {
            holding.committed = Some(offset.max(holding.committed.unwrap_or(i64::MIN)));
        }
    }

    /// No record lies before this offset that has not come yet.
    pub fn pass_to(&mut self, place: Place) {
        if let Some(holding) = self.holdings.get_mut(&place.partition) {
            holding.ledger.pass_to(place.offset);
        }
    }

    /// The topic has no record from this place up to that offset any more: what was given back there is gone.
    pub fn pass_by(&mut self, from: Place, to: i64) {
        if let Some(holding) = self.holdings.get_mut(&from.partition) {
            holding.ledger.pass_by(from.offset, to);
        }
    }

    /// The partition ended here when it was last read, or further on.
    pub fn raise_end(&mut self, partition: i32, end: i64) {
        if let Some(holding) = self.holdings.get_mut(&partition) {
            holding.end = Some(holding.end.map_or(end, |known| known.max(end)));
        }
    }

    /// The partition ends here at present.
    pub fn set_end(&mut self, partition: i32, end: i64) {
        if let Some(holding) = self.holdings.get_mut(&partition) {
            holding.end = Some(end);
        }
    }

    /// Where to read again, because records were given back: the lowest such place of each partition that is not about to go.
    #[must_use]
    pub fn given_back(&self) -> Vec<Place> {
        let open = self.holdings.iter().filter(|(_, holding)| !holding.revoking);
        open.filter_map(|(&partition, holding)| {
            Some(Place { partition, offset: holding.ledger.first_given_back()? })
        })
        .collect()
    }

    /// The partitions that are held.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let held =
            |(&partition, holding): (&i32, &Holding)| Held { partition, generation: holding.generation };
        self.holdings.iter().map(held).collect()
    }

    /// How far the group may commit in this partition.
    #[must_use]
    pub fn committable(&self, held: Held) -> Option<i64> {
        self.holding(held).map(|holding| holding.ledger.committable())
    }

    /// Where reading stands in this partition.
    #[must_use]
    pub fn position(&self, partition: i32) -> Option<i64> {
        self.holdings.get(&partition).map(|holding| holding.ledger.position())
    }

    /// Records in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// What is known of the partitions; what the book does not know is zero.
    #[must_use]
    pub fn status(&self) -> ReaderStatus {
        let partitions = self.holdings.iter().map(|(&partition, holding)| PartitionStatus {
            partition,
            generation: holding.generation,
            position: holding.ledger.position(),
            settled: holding.ledger.committable(),
            committed: holding.committed,
            end: holding.end,
            in_flight: holding.ledger.in_flight(),
            in_flight_bytes: holding.ledger.in_flight_bytes(),
            oldest_unsettled: holding.ledger.oldest_unsettled().and_then(time),
            paused: holding.paused,
        });
        ReaderStatus {
            partitions: partitions.collect(),
            late_settlings: self.late_settlings,
            ..ReaderStatus::default()
        }
    }

    fn holding(&self, held: Held) -> Option<&Holding> {
        self.holdings.get(&held.partition).filter(|holding| holding.generation == held.generation)
    }
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn time(milliseconds: i64) -> Option<SystemTime> {
    let since = Duration::from_millis(u64::try_from(milliseconds).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

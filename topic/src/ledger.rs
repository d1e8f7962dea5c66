//! [`Ledger`]: which records of one partition are delivered, settled or given back, and how far the group may commit.

use std::collections::{BTreeSet, VecDeque};

/// The account of one holding of a partition. It knows offsets only; records come in order of their offsets, with gaps, and
/// are settled in any order.
///
/// Memory: 24 bytes for every unsettled record, and for as many settled ones or [`SWEPT_FROM`], whichever is more ([`Ledger::len`]):
/// one record that is not settled for hours costs nothing while others come and go.
#[derive(Debug)]
pub struct Ledger {
    /// Behind the last offset that was delivered or passed over.
    position: i64,
    /// Every unsettled offset, and settled ones above the lowest of them, ascending. The first one is never settled.
    entries: VecDeque<Entry>,
    /// Settled ones among the entries.
    settled: usize,
    /// As many of them lie there at most, unless there are more unsettled ones.
    swept_from: usize,
    given_back: BTreeSet<i64>,
    in_flight: usize,
    in_flight_bytes: usize,
}

/// Settled entries that are let lie: as long as none is taken out, an entry is found by its distance from the first one.
const SWEPT_FROM: usize = 65_536;

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: i64,
    /// When the record was written, in milliseconds since 1970.
    written: i64,
    size: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InFlight,
    Settled,
    GivenBack,
}

impl Ledger {
    /// Nothing delivered yet; the next record is expected at `start` or behind it.
    #[must_use]
    pub fn new(start: i64) -> Self {
        Self {
            position: start,
            entries: VecDeque::new(),
            settled: 0,
            swept_from: SWEPT_FROM,
            given_back: BTreeSet::new(),
            in_flight: 0,
            in_flight_bytes: 0,
        }
    }

    /// A record of `size` bytes, written at `written` (milliseconds since 1970), has come. True: deliver it, it is in
    /// flight now. False: it has been delivered before and is in flight or settled.
    pub fn take(&mut self, offset: i64, size: usize, written: i64) -> bool {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let entry = Entry { offset, written, size, state: State::InFlight };
        if offset >= self.position {
            self.entries.push_back(entry);
            self.position = offset.saturating_add(1);
        } else {
            match self.find(offset) {
                Ok(index) if self.entries[index].state == State::GivenBack => {
                    self.given_back.remove(&offset);
                    self.entries[index] = entry;
                }
                // What is no entry is settled, or was no record.
                Ok(_) | Err(_) => return false,
            }
        }
        self.in_flight += 1;
        self.in_flight_bytes += size as usize;
        true
    }

    /// The record need not be read again. True when it was in flight.
    pub fn settle(&mut self, offset: i64) -> bool {
        let Some(index) = self.leave_flight(offset, State::Settled) else { return false };
        self.settled += 1;
        if index == 0 {
            self.forget_settled();
        } else {
            self.sweep();
        }
        true
    }

    fn forget_settled(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.state == State::Settled) {
            self.entries.pop_front();
            self.settled -= 1;
        }
    }

    /// Takes out what is settled when it is more than half, so that it costs each record little.
    fn sweep(&mut self) {
        if self.settled > self.swept_from && self.settled > self.entries.len() / 2 {
            self.entries.retain(|entry| entry.state != State::Settled);
            self.settled = 0;
        }
    }

    /// The record is to be delivered again. True when it was in flight.
    pub fn give_back(&mut self, offset: i64) -> bool {
        let was_in_flight = self.leave_flight(offset, State::GivenBack).is_some();
        if was_in_flight {
            self.given_back.insert(offset);
        }
        was_in_flight
    }

    /// No record lies before `offset` that has not come yet: what was skipped are gaps.
    pub fn pass_to(&mut self, offset: i64) {
        self.position = self.position.max(offset);
    }

    /// No record lies in `from..to` any more: what was given back there cannot come again, and counts as settled.
    pub fn pass_by(&mut self, from: i64, to: i64) {
        if from >= to {
            return;
        }
        let gone: Vec<i64> = self.given_back.range(from..to).copied().collect();
        for offset in gone {
            self.given_back.remove(&offset);
            if let Ok(index) = self.find(offset) {
                self.entries[index].state = State::Settled;
                self.settled += 1;
            }
        }
        self.forget_settled();
        self.sweep();
    }

    /// How far the group may commit: the lowest offset that is to be read again if this reader ends now.
    #[must_use]
    pub fn committable(&self) -> i64 {
        self.entries.front().map_or(self.position, |entry| entry.offset)
    }

    /// Behind the last offset that was delivered or passed over.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The lowest offset that was given back and has not come again: where to read from.
    #[must_use]
    pub fn first_given_back(&self) -> Option<i64> {
        self.given_back.first().copied()
    }

    /// Records delivered and neither settled nor given back.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Bytes of these.
    #[must_use]
    pub fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    /// Entries held in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether all that was delivered is settled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When the unsettled record with the lowest offset was written, in milliseconds since 1970.
    #[must_use]
    pub fn oldest_unsettled(&self) -> Option<i64> {
        self.entries.front().map(|entry| entry.written)
    }

    fn leave_flight(&mut self, offset: i64, state: State) -> Option<usize> {
        let index = self.find(offset).ok()?;
        let entry = &mut self.entries[index];
        if entry.state != State::InFlight {
            return None;
        }
        entry.state = state;
        self.in_flight -= 1;
        self.in_flight_bytes -= entry.size as usize;
        Some(index)
    }

    /// Without gaps the place of an offset is known; with gaps it lies at or before that place.
    fn find(&self, offset: i64) -> Result<usize, usize> {
        let Some(first) = self.entries.front() else { return Err(0) };
        let guess = offset.checked_sub(first.offset).and_then(|distance| usize::try_from(distance).ok());
        let Some(guess) = guess else { return Err(0) };
        if self.entries.get(guess).is_some_and(|entry| entry.offset == offset) {
            return Ok(guess);
        }
        self.entries.binary_search_by_key(&offset, |entry| entry.offset)
    }
}

#[cfg(test)]
mod tests;

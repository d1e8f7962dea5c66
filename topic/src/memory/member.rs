//! A member of a group: its book, and what it is to be told next.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::Membership;
use super::log::Log;
use crate::{Book, Claim, Commits, Event, Fate, Held, Place, ReaderStatus, Record, Start};

/// The most records in one event.
const MOST_AT_ONCE: usize = 1_000;
/// What a record is taken to cost beside its contents.
const RECORD_COST: usize = 100;

pub(super) struct Member {
    membership: Membership,
    book: Book,
    events: VecDeque<Event>,
    /// Where reading goes on in each partition.
    cursors: BTreeMap<i32, i64>,
    revoking: Vec<(Held, Instant)>,
    commits: BTreeMap<i32, Commits>,
    skipped_offsets: u64,
    /// When it closes: nothing is delivered any more, and all partitions go by then.
    closing: Option<Instant>,
}

impl Member {
    pub(super) fn new(membership: Membership) -> Self {
        Self {
            book: Book::new(membership.bounds),
            membership,
            events: VecDeque::new(),
            cursors: BTreeMap::new(),
            revoking: Vec::new(),
            commits: BTreeMap::new(),
            skipped_offsets: 0,
            closing: None,
        }
    }

    pub(super) fn start(&self) -> Start {
        self.membership.start
    }

    pub(super) fn wants_partitions(&self) -> bool {
        self.closing.is_none()
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn pending_events(&self) -> usize {
        self.events.len()
    }

    pub(super) fn settle(&mut self, claims: &[Claim], fate: Fate) {
        self.book.settle(claims, fate);
    }

    pub(super) fn set_paused(&mut self, partition: i32, paused: bool) {
        self.book.set_paused(partition, paused);
    }

    pub(super) fn hold(&mut self, partition: i32, start: i64, committed: Option<i64>) {
        let held = self.book.hold(partition, start, committed);
        self.cursors.insert(partition, start);
        match self.events.back_mut() {
            Some(Event::Assigned(assigned)) => assigned.push(held),
            _ => self.events.push_back(Event::Assigned(vec![held])),
        }
    }

    pub(super) fn is_revoking(&self, partition: i32) -> bool {
        self.revoking.iter().any(|(held, _)| held.partition == partition)
    }

    pub(super) fn revoke(&mut self, partitions: &[i32], now: Instant) {
        let deadline = now + self.membership.release_timeout;
        self.revoke_by(partitions, deadline);
    }

    fn revoke_by(&mut self, partitions: &[i32], deadline: Instant) {
        let staying: Vec<i32> =
            partitions.iter().copied().filter(|&partition| !self.is_revoking(partition)).collect();
        let held = self.book.revoke(&staying);
        if held.is_empty() {
            return;
        }
        self.revoking.extend(held.iter().map(|&held| (held, deadline)));
        self.events.push_back(Event::Revoking { partitions: held, deadline });
    }

    /// Nothing is delivered any more; all partitions go.
    pub(super) fn close(&mut self, deadline: Instant) {
        if self.closing.is_none() {
            self.closing = Some(deadline);
            for (_, due) in &mut self.revoking {
                *due = deadline.min(*due);
            }
            let all: Vec<i32> = self.book.held().iter().map(|held| held.partition).collect();
            self.revoke_by(&all, deadline);
        }
    }

    pub(super) fn holds_nothing(&self) -> bool {
        self.book.held().is_empty()
    }

    /// Partitions whose records in flight are settled, or whose time is up; what was settled is committed before.
    pub(super) fn release_what_is_due(
        &mut self,
        now: Instant,
        committed: &mut BTreeMap<i32, i64>,
    ) -> Vec<i32> {
        let book = &self.book;
        let is_due = |(held, deadline): &(Held, Instant)| *deadline <= now || book.is_quiet(&[*held]);
        let (due, waiting) = std::mem::take(&mut self.revoking).into_iter().partition(is_due);
        self.revoking = waiting;
        let due: Vec<Held> = due.into_iter().map(|(held, _)| held).collect();
        if due.is_empty() {
            return Vec::new();
        }
        committed.extend(self.commit());
        for held in &due {
            self.book.release(held.partition);
            self.cursors.remove(&held.partition);
        }
        let partitions = due.iter().map(|held| held.partition).collect();
        self.events.push_back(Event::Released { partitions: due, lost: false });
        partitions
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.revoking.iter().map(|(_, deadline)| *deadline).min()
    }

    pub(super) fn lose_all(&mut self) {
        let held = self.book.held();
        for held in &held {
            self.book.release(held.partition);
        }
        self.cursors.clear();
        self.revoking.clear();
        if !held.is_empty() {
            self.events.push_back(Event::Released { partitions: held, lost: true });
        }
    }

    /// What is settled and was not committed before, as committed from now on.
    pub(super) fn commit(&mut self) -> Vec<(i32, i64)> {
        let commits = self.book.to_commit();
        for &(held, offset) in &commits {
            self.book.committed(held, offset);
            self.commits.entry(held.partition).or_default().succeeded += 1;
        }
        commits.into_iter().map(|(held, offset)| (held.partition, offset)).collect()
    }

    /// The next records, within the bounds; of all partitions in turn.
    pub(super) fn read(&mut self, logs: &[Log]) -> Vec<Record> {
        for place in self.book.given_back() {
            if let Some(cursor) = self.cursors.get_mut(&place.partition) {
                *cursor = place.offset.min(*cursor);
            }
        }
        let mut records = Vec::new();
        for (&partition, cursor) in &mut self.cursors {
            let Some(log) = usize::try_from(partition).ok().and_then(|index| logs.get(index)) else {
                continue;
            };
            if log.start() > *cursor {
                self.skipped_offsets += log.start().abs_diff(*cursor);
                self.book.pass_by(Place { partition, offset: *cursor }, log.start());
                *cursor = log.start();
                self.book.pass_to(Place { partition, offset: log.start() });
            }
            read_partition(partition, cursor, log, &mut self.book, &mut records);
        }
        records
    }

    pub(super) fn status(&self, logs: &[Log]) -> ReaderStatus {
        let mut status = self.book.status();
        for partition in &mut status.partitions {
            let index = usize::try_from(partition.partition).unwrap_or(usize::MAX);
            partition.end = logs.get(index).map(Log::end);
        }
        ReaderStatus { commits: self.commits.clone(), skipped_offsets: self.skipped_offsets, ..status }
    }
}

fn read_partition(partition: i32, cursor: &mut i64, log: &Log, book: &mut Book, records: &mut Vec<Record>) {
    let room = book.room_for(partition, book.kept());
    for (offset, logged) in log.from(*cursor) {
        if !book.is_within(room) || !book.is_open(partition) || records.len() >= MOST_AT_ONCE {
            return;
        }
        book.pass_by(Place { partition, offset: *cursor }, offset);
        *cursor = offset + 1;
        let record = &logged.record;
        let place = Place { partition, offset };
        let Some(claim) = book.take(place, record.size() + RECORD_COST, Some(logged.timestamp)) else {
            continue;
        };
        records.push(Record {
            claim,
            timestamp: Some(logged.timestamp),
            key: record.key.clone(),
            payload: record.payload.clone(),
            headers: record.headers.clone(),
        });
    }
    if book.is_open(partition) {
        book.pass_by(Place { partition, offset: *cursor }, log.end());
        *cursor = log.end();
        book.pass_to(Place { partition, offset: log.end() });
    }
}

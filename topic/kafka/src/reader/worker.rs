//! The reader's thread: it keeps the membership alive and carries out what group and role wish.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use spoor_topic::{Event, Held, ReadError, Start};

use super::context::{ReaderContext, Rebalance, give_up};
use super::desk::Desk;
use super::places;
use super::renewal::{Entry, Membership};
use super::shelf::{Outcome, Shelf};
use crate::SettingsError;
use crate::config::ConsumerConfig;
use crate::reason::{tell_of_topic, what_to_do};
use crate::stalls::Stalls;

/// How long the thread rests when nothing wakes it.
const REST: Duration = Duration::from_millis(100);

/// How often the ends of partitions are asked for while there is no room for more of them, and otherwise.
const LOOK_WITHOUT_ROOM: Duration = Duration::from_secs(5);
const LOOK_NOW_AND_THEN: Duration = Duration::from_secs(10);

pub(super) struct Worker {
    pub(super) consumer: Arc<BaseConsumer<ReaderContext>>,
    pub(super) desk: Arc<Desk>,
    pub(super) topic: String,
    start: Start,
    release_timeout: Duration,
    pub(super) last_stored: Instant,
    /// The last one did.
    pub(super) commits_fail: bool,
    last_look: Instant,
    pub(super) shelf: Shelf,
    pub(super) stalls: Stalls,
    pub(super) pending: VecDeque<Rebalance>,
    pub(super) leaving: Option<Leaving>,
    pub(super) membership: Membership,
    pub(super) entry: Entry,
    pub(super) is_closing: bool,
}

/// Partitions that go when the role has finished with them.
pub(super) struct Leaving {
    partitions: Vec<i32>,
    held: Vec<Held>,
    deadline: Instant,
}

impl Worker {
    pub(super) fn open(
        config: ClientConfig,
        settings: &ConsumerConfig,
        desk: Arc<Desk>,
    ) -> Result<Self, SettingsError> {
        let topic = settings.connection.topic.clone();
        let entry = Entry::by(config);
        Ok(Self {
            consumer: entry.consumer(&desk, &topic)?,
            entry,
            membership: Membership::default(),
            shelf: Shelf::new(&topic),
            stalls: Stalls::default(),
            topic,
            desk,
            start: settings.initial_offset.into(),
            release_timeout: settings.release_timeout,
            last_stored: Instant::now(),
            commits_fail: false,
            last_look: Instant::now(),
            pending: VecDeque::new(),
            leaving: None,
            is_closing: false,
        })
    }

    pub(super) fn run(mut self) {
        loop {
            self.listen();
            self.take_notes();
            self.renew_when_needed();
            self.carry_out();
            let is_busy = self.shelf.read(&self.consumer, &self.desk, self.is_settled()) == Outcome::More;
            self.store_settled();
            self.look_at_ends();
            if self.close_when_wished() {
                break;
            }
            if !is_busy {
                thread::park_timeout(REST);
            }
        }
        self.leave();
    }

    /// The library knows a partition's end from reading it, and does not read what there is no room for: how far behind we are is told
    /// then, too.
    fn look_at_ends(&mut self) {
        let (held, has_room) = {
            let state = self.desk.lock();
            (state.book.held(), state.book.has_room())
        };
        let interval = if has_room { LOOK_NOW_AND_THEN } else { LOOK_WITHOUT_ROOM };
        if held.is_empty() || self.last_look.elapsed() < interval || self.desk.health.reachable().is_err() {
            return;
        }
        self.last_look = Instant::now();
        let partitions: Vec<i32> = held.iter().map(|held| held.partition).collect();
        match places::ends(&self.consumer, &self.topic, &partitions) {
            Ok(ends) => {
                let mut state = self.desk.lock();
                for &(partition, end) in &ends {
                    state.book.set_end(partition, end);
                }
                drop(state);
                self.wake_stalled(&ends);
            }
            Err(error) => tracing::debug!("ask where topic {} ends: {error}", self.topic),
        }
    }

    /// No partition comes or goes.
    pub(super) fn is_settled(&self) -> bool {
        self.leaving.is_none() && self.pending.is_empty()
    }

    /// Serves the library's events, all of them; keeps us a member.
    fn listen(&mut self) {
        loop {
            let calls = self.consumer.context().calls();
            match self.consumer.poll(Duration::ZERO) {
                Some(event) => self.hear(event),
                None if self.consumer.context().calls() == calls => return,
                // It called back, and has more to tell perhaps. Were that left for the next turn, a rebalance had to wait behind all lines
                // that the library logs while brokers are away.
                None => {}
            }
        }
    }

    fn hear(&self, event: KafkaResult<BorrowedMessage<'_>>) {
        match event {
            // Every partition has its own queue: one that comes here was fetched before the partition was ours.
            Ok(_) | Err(KafkaError::PartitionEOF(_)) => {}
            Err(KafkaError::MessageConsumptionFatal(code)) => self.desk.fail(ReadError {
                attempted: format!("read topic {}", self.topic),
                problem: what_to_do(code),
            }),
            Err(error) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
                tell_of_topic(&self.desk.health, &self.topic, code);
            }
        }
    }

    fn take_notes(&mut self) {
        let (wishes, commits, statistics) = {
            let mut notes = self.consumer.context().notes();
            let wishes = std::mem::take(&mut notes.rebalances);
            (wishes, std::mem::take(&mut notes.commits), notes.statistics.take())
        };
        wishes.into_iter().for_each(|wish| self.note_wish(wish));
        for committed in commits {
            self.note_commit(&committed);
        }
        if let Some(statistics) = statistics {
            self.shelf.note(&statistics, &self.desk);
        }
    }

    /// One rebalance after the other, each when its time has come.
    fn carry_out(&mut self) {
        loop {
            if let Some(leaving) = self.leaving.take() {
                let is_due =
                    Instant::now() >= leaving.deadline || self.desk.lock().book.is_quiet(&leaving.held);
                if !is_due {
                    self.leaving = Some(leaving);
                    return;
                }
                self.release(&leaving);
                continue;
            }
            match self.pending.pop_front() {
                None => return,
                Some(Rebalance::Revoke { partitions, lost: true }) => self.lose(&partitions),
                Some(Rebalance::Revoke { partitions, lost: false }) => {
                    let deadline = Instant::now() + self.release_timeout;
                    self.revoke(partitions, deadline);
                }
                Some(Rebalance::Assign(partitions)) => {
                    if !self.assign(&partitions) {
                        self.pending.push_front(Rebalance::Assign(partitions));
                        return;
                    }
                }
            }
        }
    }

    /// False when the brokers did not tell where to begin: it has to be tried again.
    fn assign(&mut self, partitions: &[i32]) -> bool {
        let beginnings = match places::beginnings(&self.consumer, &self.topic, partitions, self.start) {
            Ok(beginnings) => beginnings,
            Err(error) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
                self.desk.health.is_down(&format!("ask where to begin to read: {}", what_to_do(code)));
                return false;
            }
        };
        if !beginnings.is_empty() {
            self.desk.health.is_up();
        }
        match self.shelf.assign(&self.consumer, &self.desk, &beginnings) {
            Ok(held) if held.is_empty() => {}
            Ok(held) => {
                tracing::info!("read topic {}: partitions {partitions:?} are ours", self.topic);
                self.desk.tell(Event::Assigned(held));
            }
            Err(error) => {
                tracing::warn!("read topic {}: take over partitions {partitions:?}: {error}", self.topic);
                return false;
            }
        }
        true
    }

    fn revoke(&mut self, partitions: Vec<i32>, deadline: Instant) {
        let held = self.stop_delivery(&partitions);
        if !held.is_empty() {
            self.desk.tell(Event::Revoking { partitions: held.clone(), deadline });
        }
        self.leaving = Some(Leaving { partitions, held, deadline });
    }

    /// Nothing more of these partitions goes to the role, what waits for it neither; names those that are held.
    pub(super) fn stop_delivery(&self, partitions: &[i32]) -> Vec<Held> {
        let held = self.desk.lock().book.revoke(partitions);
        self.desk.take_back(&held);
        held
    }

    fn release(&mut self, leaving: &Leaving) {
        if let Err(error) = self.commit_now(&leaving.held) {
            tracing::warn!(
                "{error}; what was stored of partitions {:?} since will be read again",
                leaving.partitions
            );
        }
        self.let_go(&leaving.partitions, false);
    }

    fn lose(&mut self, partitions: &[i32]) {
        tracing::warn!(
            "read topic {}: the group took us for dead, partitions {partitions:?} are lost; what was under way will be stored twice, \
             which changes nothing",
            self.topic
        );
        self.stop_delivery(partitions);
        self.let_go(partitions, true);
    }

    fn let_go(&mut self, partitions: &[i32], lost: bool) {
        self.shelf.remove(partitions);
        if let Err(error) = give_up(&self.consumer, &self.shelf.list(partitions)) {
            tracing::warn!("read topic {}: give up partitions {partitions:?}: {error}", self.topic);
        }
        self.close_accounts(partitions, lost);
    }

    /// These partitions are no longer ours, which the role is told.
    pub(super) fn close_accounts(&self, partitions: &[i32], lost: bool) {
        let released: Vec<Held> = {
            let mut state = self.desk.lock();
            partitions.iter().filter_map(|&partition| state.book.release(partition)).collect()
        };
        if !released.is_empty() {
            tracing::info!("read topic {}: partitions {partitions:?} are given up", self.topic);
            self.desk.tell(Event::Released { partitions: released, lost });
        }
    }

    /// True when everything is settled or the time is up.
    fn close_when_wished(&mut self) -> bool {
        let Some(deadline) = self.desk.lock().closing else { return false };
        if !self.is_closing {
            self.is_closing = true;
            let held = self.desk.lock().book.held();
            let partitions = held.iter().map(|held| held.partition).collect();
            self.revoke(partitions, deadline);
        }
        let all = self.desk.lock().book.held();
        Instant::now() >= deadline || self.desk.lock().book.is_quiet(&all)
    }

    /// Commits for the last time and leaves the group.
    fn leave(mut self) {
        let held = self.desk.lock().book.held();
        let outcome = self.commit_now(&held);
        let partitions: Vec<i32> = held.iter().map(|held| held.partition).collect();
        self.put_down(&partitions, false);
        let Self { consumer, desk, .. } = self;
        // A group that cannot be reached is not waited for.
        if desk.health.reachable().is_err() {
            desk.end(outcome);
            drop(consumer);
        } else {
            drop(consumer);
            desk.end(outcome);
        }
    }
}

#[cfg(test)]
mod tests;

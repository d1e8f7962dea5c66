//! What role and thread share: the book, events for the role, wishes for the thread.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use spoor_topic::{Book, Bounds, Claim, Commits, Event, Fate, Held, ReadError, ReaderStatus, Record};
use tokio::sync::{Notify, watch};

use crate::health::Health;

/// How long the last commit and the farewell may take once everything is settled or given up.
const LEAVING: Duration = Duration::from_secs(5);
/// The most records in one event.
const MOST_AT_ONCE: usize = 2_000;

pub(super) struct Desk {
    state: Mutex<State>,
    /// There is something for the role.
    news: Notify,
    /// The thread has ended, with what came of the last commit.
    ended: watch::Sender<Option<Result<(), ReadError>>>,
    worker: OnceLock<Thread>,
    pub(super) health: Health,
}

pub(super) struct State {
    pub(super) book: Book,
    /// What the role is told, in this order; records stand in it between other events.
    events: VecDeque<Event>,
    pub(super) closing: Option<Instant>,
    pub(super) failure: Option<ReadError>,
    pub(super) commits: BTreeMap<i32, Commits>,
    pub(super) skipped_offsets: u64,
    pub(super) stalls: u64,
    pub(super) renewals: u64,
    over: bool,
}

impl Desk {
    pub(super) fn new(bounds: Bounds, health: Health) -> Self {
        let state = State {
            book: Book::new(bounds),
            events: VecDeque::new(),
            closing: None,
            failure: None,
            commits: BTreeMap::new(),
            skipped_offsets: 0,
            stalls: 0,
            renewals: 0,
            over: false,
        };
        Self {
            state: Mutex::new(state),
            news: Notify::new(),
            ended: watch::Sender::new(None),
            worker: OnceLock::new(),
            health,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread to wake when the role wishes something.
    pub(super) fn wake_by(&self, thread: Thread) {
        // Set once, by whoever starts the thread.
        let _ = self.worker.set(thread);
        self.wake();
    }

    pub(super) fn wake(&self) {
        if let Some(thread) = self.worker.get() {
            thread.unpark();
        }
    }

    /// Tells the role.
    pub(super) fn tell(&self, event: Event) {
        self.lock().events.push_back(event);
        self.news.notify_one();
    }

    /// Hands records to the role, behind what it was told before.
    pub(super) fn deliver(&self, records: Vec<Record>) {
        let mut state = self.lock();
        match state.events.back_mut() {
            Some(Event::Records(waiting)) if waiting.len() < MOST_AT_ONCE => waiting.extend(records),
            _ => state.events.push_back(Event::Records(records)),
        }
        drop(state);
        self.news.notify_one();
    }

    /// Records that the role has not taken yet are not delivered when their partition goes: they count as given back.
    pub(super) fn take_back(&self, partitions: &[Held]) {
        let mut state = self.lock();
        let mut taken_back = Vec::new();
        for event in &mut state.events {
            if let Event::Records(records) = event {
                let is_leaving = |claim: &Claim| {
                    let (partition, generation) = (claim.place.partition, claim.generation);
                    partitions.contains(&Held { partition, generation })
                };
                taken_back.extend(records.iter().map(|record| record.claim).filter(is_leaving));
                records.retain(|record| !is_leaving(&record.claim));
            }
        }
        state.events.retain(|event| !matches!(event, Event::Records(records) if records.is_empty()));
        state.book.settle(&taken_back, Fate::GivenBack);
    }

    pub(super) fn fail(&self, error: ReadError) {
        self.lock().failure = Some(error);
        self.news.notify_one();
    }

    /// The thread has ended.
    pub(super) fn end(&self, last_commit: Result<(), ReadError>) {
        self.lock().over = true;
        self.ended.send_replace(Some(last_commit));
        self.news.notify_one();
    }

    pub(super) async fn next(&self) -> Result<Option<Event>, ReadError> {
        loop {
            {
                let mut state = self.lock();
                if let Some(event) = state.events.pop_front() {
                    drop(state);
                    self.news.notify_one();
                    return Ok(Some(event));
                }
                if let Some(failure) = &state.failure {
                    return Err(failure.clone());
                }
                if state.over {
                    self.news.notify_one();
                    return Ok(None);
                }
            }
            self.news.notified().await;
        }
    }

    pub(super) fn settle(&self, claims: &[Claim], fate: Fate) {
        self.lock().book.settle(claims, fate);
        self.wake();
    }

    pub(super) fn set_paused(&self, partition: i32, paused: bool) {
        self.lock().book.set_paused(partition, paused);
        self.wake();
    }

    pub(super) fn status(&self) -> ReaderStatus {
        let state = self.lock();
        ReaderStatus {
            commits: state.commits.clone(),
            skipped_offsets: state.skipped_offsets,
            stalls: state.stalls,
            renewals: state.renewals,
            ..state.book.status()
        }
    }

    pub(super) fn close_by(&self, deadline: Instant) {
        let mut state = self.lock();
        state.closing = Some(state.closing.map_or(deadline, |earlier| earlier.min(deadline)));
        drop(state);
        self.wake();
    }

    /// The thread may be waiting for brokers that have just fallen silent; nobody waits for it beyond [`LEAVING`] then.
    pub(super) async fn close(&self, deadline: Instant) -> Result<(), ReadError> {
        self.close_by(deadline);
        let mut ended = self.ended.subscribe();
        let outcome =
            tokio::time::timeout_at((deadline + LEAVING).into(), ended.wait_for(Option::is_some)).await;
        match outcome.map(|ended| ended.map(|outcome| outcome.clone())) {
            Ok(Ok(outcome)) => outcome.unwrap_or(Ok(())),
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(ReadError {
                attempted: "commit what was stored and leave the group".to_owned(),
                problem: format!(
                    "the brokers did not answer within {LEAVING:?}; what was settled since the last commit will be read again"
                ),
            }),
        }
    }
}

//! What waits for collectors: bounded, the oldest goes first, and every span is accounted for.
//!
//! A package that is taken is still the buffer's: dropped without a verdict it goes back to the front.

mod memory;
mod spool;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::datagram::Format;
use crate::metrics::{Accounts, DropReason};
use crate::package::{Fate, Package};
use memory::Memory;
pub use spool::SpoolError;
use spool::{Origin, Spool};

/// Shared by who fills it and who empties it.
#[derive(Debug)]
pub(crate) struct Buffer {
    state: Mutex<State>,
    more: Notify,
    /// Something was written to the spool.
    written: Notify,
    /// Told whenever something has ended.
    ended: Notify,
    accounts: Arc<Accounts>,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// Packages taken whose fate is open.
    taken: usize,
}

#[derive(Debug)]
enum Queue {
    Memory(Memory),
    Spool(Box<Spool>),
}

/// Packages that waited and are lost.
#[derive(Debug)]
pub(crate) struct Loss {
    format: Format,
    batches: u64,
    spans: u64,
    reason: DropReason,
    /// The one that it was, if it is at hand.
    package: Option<Package>,
}

impl Loss {
    fn of(package: Package, reason: DropReason) -> Self {
        let (format, spans) = (package.format, u64::from(package.spans));
        Self { format, batches: 1, spans, reason, package: Some(package) }
    }
}

/// Spans that have not been delivered at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) dropped: u64,
    /// In the spool.
    pub(crate) kept: u64,
}

/// A package on its way.
#[derive(Debug)]
pub(crate) struct Taken {
    buffer: Arc<Buffer>,
    /// `None` once it has ended.
    package: Option<Package>,
    origin: Origin,
}

impl Buffer {
    /// In memory, of at most so many bytes.
    pub(crate) fn in_memory(max_bytes: usize, accounts: Arc<Accounts>) -> Self {
        Self::new(Queue::Memory(Memory::new(max_bytes)), accounts)
    }

    /// On disk, of at most so many bytes, with what an earlier run has left there.
    ///
    /// # Errors
    /// [`SpoolError`] says why the directory cannot be used.
    pub(crate) fn on_disk(
        directory: &Path,
        max_bytes: u64,
        accounts: Arc<Accounts>,
    ) -> Result<Self, SpoolError> {
        let spool = Spool::open(directory, max_bytes, Arc::clone(&accounts))?;
        Ok(Self::new(Queue::Spool(Box::new(spool)), accounts))
    }

    fn new(queue: Queue, accounts: Arc<Accounts>) -> Self {
        let state = State { queue, taken: 0 };
        Self {
            state: Mutex::new(state),
            more: Notify::new(),
            written: Notify::new(),
            ended: Notify::new(),
            accounts,
        }
    }

    /// What it counts.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Adds a package; the oldest go where there is no room.
    pub(crate) fn push(&self, package: Package) {
        self.accounts.waiting(i64::from(package.spans));
        let losses = match &mut self.state().queue {
            Queue::Memory(memory) => memory.push(package),
            Queue::Spool(spool) => {
                self.written.notify_one();
                spool.push(package)
            }
        };
        self.more.notify_one();
        self.count(losses);
    }

    /// The oldest package, as soon as there is one. For one asker at a time.
    pub(crate) async fn take(self: &Arc<Self>) -> Taken {
        loop {
            if let Some(taken) = self.take_now() {
                return taken;
            }
            self.more.notified().await;
        }
    }

    fn take_now(self: &Arc<Self>) -> Option<Taken> {
        let mut state = self.state();
        let (package, losses) = match &mut state.queue {
            Queue::Memory(memory) => (memory.pop().map(|package| (package, None)), Vec::new()),
            Queue::Spool(spool) => spool.pop(),
        };
        state.taken += usize::from(package.is_some());
        drop(state);
        self.count(losses);
        let (package, origin) = package?;
        self.accounts.waiting(-i64::from(package.spans));
        self.accounts.in_flight(i64::from(package.spans));
        Some(Taken { buffer: Arc::clone(self), package: Some(package), origin })
    }

    /// Waits until nothing waits and nothing is under way.
    pub(crate) async fn emptied(&self) {
        loop {
            let ended = self.ended.notified();
            if self.is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn is_empty(&self) -> bool {
        let state = self.state();
        state.taken == 0
            && match &state.queue {
                Queue::Memory(memory) => memory.is_empty(),
                Queue::Spool(spool) => spool.is_empty(),
            }
    }

    /// The end: what is in memory is dropped, what is on disk stays there.
    pub(crate) fn give_up(&self) -> Left {
        let mut state = self.state();
        let losses = match &mut state.queue {
            Queue::Memory(memory) => memory.drain(),
            Queue::Spool(spool) => return Left { dropped: 0, kept: spool.spans() },
        };
        drop(state);
        let dropped = losses.iter().map(|loss| loss.spans).sum();
        self.count(losses);
        Left { dropped, kept: 0 }
    }

    /// Forces to the disk what was written to the spool, `interval` after it was, until dropped.
    pub(crate) async fn keep_syncing(&self, interval: Duration) {
        loop {
            self.written.notified().await;
            tokio::time::sleep(interval).await;
            self.sync().await;
        }
    }

    /// Forces to the disk what was written to the spool.
    pub(crate) async fn sync(&self) {
        let files = match &mut self.state().queue {
            Queue::Memory(_) => return,
            Queue::Spool(spool) => spool.take_unsynced(),
        };
        let sync = move || files.iter().try_for_each(std::fs::File::sync_data);
        match tokio::task::spawn_blocking(sync).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.accounts.spool_failed();
                tracing::warn!(%error, "cannot force the spool to the disk");
            }
            // The runtime is ending.
            Err(_) => {}
        }
    }

    fn count(&self, losses: Vec<Loss>) {
        for Loss { format, batches, spans, reason, package } in losses {
            self.accounts.waiting(-i64::try_from(spans).unwrap_or(i64::MAX));
            self.accounts.lost_many(format, batches, spans, reason);
            if let Some(mut package) = package {
                package.end(Fate::Dropped);
            }
        }
    }

    fn settle(&self, package: &Package, origin: Origin) {
        let mut state = self.state();
        state.taken -= 1;
        match &mut state.queue {
            Queue::Memory(memory) => memory.settle(package.cost()),
            Queue::Spool(spool) => spool.settle(origin),
        }
        drop(state);
        self.accounts.in_flight(-i64::from(package.spans));
        self.ended.notify_waiters();
    }

    fn give_back(&self, package: Package, origin: Origin) {
        let spans = package.spans;
        self.accounts.waiting(i64::from(spans));
        self.accounts.in_flight(-i64::from(spans));
        let mut state = self.state();
        state.taken -= 1;
        match &mut state.queue {
            Queue::Memory(memory) => memory.give_back(package),
            Queue::Spool(spool) => spool.give_back(package, origin),
        }
        drop(state);
        self.more.notify_one();
        self.ended.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// The package.
    pub(crate) fn package(&self) -> &Package {
        self.package.as_ref().expect("it is there until it has ended")
    }

    /// A collector has it.
    pub(crate) fn delivered(mut self) {
        if let Some(mut package) = self.package.take() {
            self.buffer.accounts.delivered(package.format, package.spans, package.request.len());
            self.buffer.settle(&package, self.origin);
            package.end(Fate::Delivered);
        }
    }

    /// No collector will have it.
    pub(crate) fn refused(mut self, why: String) {
        if let Some(mut package) = self.package.take() {
            self.buffer.accounts.lost(package.format, package.spans, DropReason::Refused);
            self.buffer.settle(&package, self.origin);
            package.end(Fate::Refused(why));
        }
    }

    /// Counts a failure that may be its own; answers how many there were.
    pub(crate) fn failed_again(&mut self) -> u32 {
        let package = self.package.as_mut().expect("it is there until it has ended");
        package.failures += 1;
        package.failures
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(package) = self.package.take() {
            self.buffer.give_back(package, self.origin);
        }
    }
}

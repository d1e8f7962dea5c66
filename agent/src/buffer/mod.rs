//! What waits for collectors: bounded, the oldest goes first, and every span is accounted for.
//!
//! A package that is taken is still the buffer's: dropped without a verdict it goes back to the front.

mod memory;
mod spool;
mod taken;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::datagram::Format;
use crate::metrics::{Accounts, DropReason};
use crate::package::Package;
use memory::Memory;
pub use spool::SpoolError;
use spool::{Origin, Spool};
pub(crate) use taken::Taken;

/// Shared by who fills it and who empties it.
#[derive(Debug)]
pub(crate) struct Buffer {
    state: Arc<Mutex<State>>,
    more: Notify,
    /// Something was written to the spool.
    written: Notify,
    /// Told whenever something has ended.
    ended: Notify,
    /// Held while the spool is forced to the disk.
    syncing: Arc<tokio::sync::Mutex<()>>,
    accounts: Arc<Accounts>,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// Packages taken whose fate is open.
    taken: usize,
    /// How often the spool could not be forced to the disk.
    failed_syncs: u64,
}

/// When something was written: after so many failed syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written(u64);

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
}

impl Loss {
    fn of(package: &Package, reason: DropReason) -> Self {
        Self { format: package.format, batches: 1, spans: u64::from(package.spans), reason }
    }
}

/// Packages that were not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OfferError {
    /// There is no room now.
    #[error("the buffer is full")]
    Full,
    /// There never will be.
    #[error("they are larger than the buffer of {limit} bytes")]
    NeverFits {
        /// In bytes.
        limit: usize,
    },
    /// They could not be written to the spool, or not all of them.
    #[error("write to the spool: {0}")]
    Disk(io::Error),
}

/// Spans that have not been delivered at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) dropped: u64,
    /// In the spool.
    pub(crate) kept: u64,
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
        let state = State { queue, taken: 0, failed_syncs: 0 };
        Self {
            state: Arc::new(Mutex::new(state)),
            more: Notify::new(),
            written: Notify::new(),
            ended: Notify::new(),
            syncing: Arc::default(),
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
                spool.push(&package)
            }
        };
        self.more.notify_one();
        self.count(losses);
    }

    /// Adds packages that were received just now, if there is room for all: what waits already stays. With a spool they are written and not
    /// yet forced to the disk: [`Buffer::sync`] does it. `repaired_texts` is for the accounts.
    ///
    /// # Errors
    /// [`OfferError`]; after [`OfferError::Disk`] some may have been taken, and all may be offered again.
    pub(crate) fn offer(&self, packages: Vec<Package>, repaired_texts: u32) -> Result<Written, OfferError> {
        let mut taken = 0;
        let mut state = self.state();
        let written = Written(state.failed_syncs);
        let result = match &mut state.queue {
            Queue::Memory(memory) => memory.offer(packages, &mut taken),
            Queue::Spool(spool) => {
                self.written.notify_one();
                spool.offer(&packages, &mut taken)
            }
        };
        drop(state);
        // Before anybody who waits looks.
        self.accounts.received(taken, repaired_texts);
        self.more.notify_one();
        result.map(|()| written)
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

    /// The end, when nothing is under way any more: what is in memory alone is dropped, what is on disk stays there.
    pub(crate) fn give_up(&self) -> Left {
        let mut state = self.state();
        let (losses, kept) = match &mut state.queue {
            Queue::Memory(memory) => (memory.drain(), 0),
            Queue::Spool(spool) => (spool.drop_homeless(), spool.spans()),
        };
        drop(state);
        let dropped = losses.iter().map(|loss| loss.spans).sum();
        self.count(losses);
        Left { dropped, kept }
    }

    /// Forces to the disk what was written to the spool, `interval` after it was, until dropped.
    pub(crate) async fn keep_syncing(&self, interval: Duration) {
        loop {
            self.written.notified().await;
            tokio::time::sleep(interval).await;
            // It is told, and whoever waits is refused.
            let _ = self.sync_all().await;
        }
    }

    /// Forces to the disk what was written to the spool until now.
    ///
    /// # Errors
    /// As [`Buffer::sync`].
    pub(crate) async fn sync_all(&self) -> io::Result<()> {
        let now = Written(self.state().failed_syncs);
        self.sync(now).await
    }

    /// Forces to the disk what was `written` to the spool, and everything else; in memory there is nothing to do.
    ///
    /// # Errors
    /// When the disk refuses, or has refused since it was written: the kernel tells of pages that it could not write once, and a sync after
    /// that answers Ok without them.
    pub(crate) async fn sync(&self, written: Written) -> io::Result<()> {
        // What a sync under way covers is on the disk only when it has ended, also when whoever asked for it has gone meanwhile.
        let one_at_a_time = Arc::clone(&self.syncing).lock_owned().await;
        let files = {
            let mut state = self.state();
            let has_failed = Written(state.failed_syncs) != written;
            match &mut state.queue {
                Queue::Memory(_) => return Ok(()),
                Queue::Spool(_) if has_failed => {
                    return Err(io::Error::other("a sync has failed since it was written"));
                }
                Queue::Spool(spool) => spool.take_unsynced(),
            }
        };
        if files.is_empty() {
            return Ok(());
        }
        let state = Arc::clone(&self.state);
        let accounts = Arc::clone(&self.accounts);
        let sync = move || {
            // All of them: what was written without waiting shall be there as well.
            let result = files.iter().map(File::sync_data).fold(Ok(()), io::Result::and);
            if let Err(error) = &result {
                accounts.spool_failed();
                tracing::warn!(%error, "cannot force the spool to the disk");
                lock(&state).sync_has_failed();
            }
            // Whoever waits for this to be over may take the spool to be free.
            drop(state);
            drop(one_at_a_time);
            result
        };
        // It breaks off when the runtime ends.
        tokio::task::spawn_blocking(sync).await.map_err(io::Error::other)?
    }

    fn count(&self, losses: Vec<Loss>) {
        if losses.is_empty() {
            return;
        }
        for Loss { format, batches, spans, reason } in losses {
            self.accounts.waiting(-i64::try_from(spans).unwrap_or(i64::MAX));
            self.accounts.lost_many(format, batches, spans, reason);
        }
        // They may have been all that was left.
        self.ended.notify_waiters();
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
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn sync_has_failed(&mut self) {
        self.failed_syncs += 1;
        if let Queue::Spool(spool) = &mut self.queue {
            spool.leave_segment();
        }
    }
}

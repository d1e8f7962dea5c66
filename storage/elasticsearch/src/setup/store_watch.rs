//! [`StoreWatch`]: whether the store could be reached when it was last looked at, for who has nothing to write and wants to know.

use std::time::Instant;

use tokio::sync::watch;

use super::Checked;

/// A store that cannot be reached, or does not answer in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// Of the first look that failed.
    pub since: Instant,
    /// Why the last one did.
    pub reason: String,
}

/// Tells what came of the last look at the store. One is taken every minute, every 5 s while it is away, and before a write after a pause.
#[derive(Debug, Clone)]
pub struct StoreWatch(pub(super) watch::Receiver<Checked>);

impl StoreWatch {
    /// Nothing while it can be reached.
    #[must_use]
    pub fn away(&self) -> Option<Away> {
        self.0.borrow().silent.clone()
    }
}

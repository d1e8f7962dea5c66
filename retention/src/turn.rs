//! Whose turn it is: of several processes that change the indices of a store, one at a time does.

use std::time::Duration;

use spoor_storage::{LeaseLock, RecordError, RequestContext};

/// What they compete for.
const LOCK: &str = "spoor-retention";
/// How long one has it unless it goes on.
const LEASE: Duration = Duration::from_secs(120);

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// This process's alone, new with every start.
    pub holder: &'a str,
    /// What the clock here shows, in seconds of the epoch.
    pub now: i64,
    /// Whether nothing is to be changed.
    pub dry_run: bool,
    /// The longest for one request.
    pub timeout: Duration,
}

/// For one request.
pub(crate) fn context(asking: Asking<'_>) -> RequestContext {
    RequestContext::with_timeout(asking.timeout)
}

/// Takes the lock, or makes it last.
pub(crate) async fn holds(locks: Option<&dyn LeaseLock>, asking: Asking<'_>) -> Result<bool, RecordError> {
    match locks {
        Some(locks) => Ok(locks.acquire(&context(asking), LOCK, asking.holder, LEASE).await?.is_some()),
        None => Ok(true),
    }
}

/// Lets the next one have it.
pub(crate) async fn give_up(locks: Option<&dyn LeaseLock>, asking: Asking<'_>) {
    if let Some(locks) = locks
        && let Err(error) = locks.release(&context(asking), LOCK, asking.holder).await
    {
        tracing::warn!(%error, "the lock was not given up; it ends by itself");
    }
}

//! Whose turn it is: of several processes that change the indices of a store, one at a time does.

use std::time::{Duration, Instant};

use spoor_storage::{LeaseLock, RecordError, RequestContext};

/// What they compete for.
const LOCK: &str = "spoor-retention";
/// How long one has it unless it goes on, where nothing else is said.
pub const LEASE: Duration = Duration::from_secs(120);
/// So many times while a lease lasts it is asked for again.
const ASKED_AGAIN: u32 = 40;

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
    /// How long the turn lasts unless it goes on; a turn that nobody goes on with is waited for so long.
    pub lease: Duration,
}

/// For one request.
pub(crate) fn context(asking: Asking<'_>) -> RequestContext {
    RequestContext::with_timeout(asking.timeout)
}

/// Takes the lock. One that somebody else has is waited for a little longer than it can last by itself: who was killed has it for so long, and
/// who is alive makes it last. False when it is somebody's still.
pub(crate) async fn begins(locks: Option<&dyn LeaseLock>, asking: Asking<'_>) -> Result<bool, RecordError> {
    begins_as(locks, asking, LOCK).await
}

/// As [`begins`], for another lock.
pub(crate) async fn begins_as(
    locks: Option<&dyn LeaseLock>,
    asking: Asking<'_>,
    lock: &str,
) -> Result<bool, RecordError> {
    let pause = asking.lease / ASKED_AGAIN;
    let limit = Instant::now() + asking.lease + 4 * pause;
    let mut is_told = false;
    while !holds_as(locks, asking, lock).await? {
        if Instant::now() >= limit {
            return Ok(false);
        }
        if !is_told {
            tracing::info!(longest = ?asking.lease, "another process has its turn, or was stopped within it; waiting");
            is_told = true;
        }
        tokio::time::sleep(pause).await;
    }
    Ok(true)
}

/// Takes the lock, or makes it last.
pub(crate) async fn holds(locks: Option<&dyn LeaseLock>, asking: Asking<'_>) -> Result<bool, RecordError> {
    holds_as(locks, asking, LOCK).await
}

/// As [`holds`], for another lock.
pub(crate) async fn holds_as(
    locks: Option<&dyn LeaseLock>,
    asking: Asking<'_>,
    lock: &str,
) -> Result<bool, RecordError> {
    match locks {
        Some(locks) => {
            Ok(locks.acquire(&context(asking), lock, asking.holder, asking.lease).await?.is_some())
        }
        None => Ok(true),
    }
}

/// Whether nobody else is known to be at it: where the lock cannot be had, what does no harm when it is done twice goes on without.
pub(crate) fn lets(turn: Result<bool, RecordError>) -> bool {
    turn.unwrap_or_else(|error| {
        tracing::warn!(%error, "the lock cannot be had; going on without it");
        true
    })
}

/// Takes the lock, or makes it last, for such work.
pub(crate) async fn goes_on(locks: Option<&dyn LeaseLock>, asking: Asking<'_>) -> bool {
    lets(holds(locks, asking).await)
}

/// Lets the next one have it.
pub(crate) async fn give_up(locks: Option<&dyn LeaseLock>, asking: Asking<'_>) {
    give_up_as(locks, asking, LOCK).await;
}

/// As [`give_up`], for another lock.
pub(crate) async fn give_up_as(locks: Option<&dyn LeaseLock>, asking: Asking<'_>, lock: &str) {
    if let Some(locks) = locks
        && let Err(error) = locks.release(&context(asking), lock, asking.holder).await
    {
        tracing::warn!(%error, "the lock was not given up; it ends by itself");
    }
}

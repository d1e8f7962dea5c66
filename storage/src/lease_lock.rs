//! [`LeaseLock`]: who of several processes leads, for a while.

use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::{RecordError, RequestContext};

/// The right to lead, until it ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The holder alone leads until this moment of its own clock; who wants to go on renews well before it.
    pub until: Instant,
}

/// Locks that are held for a lease of time.
///
/// **One holder.** While a lease runs, nobody else gets the lock. Clocks of different machines are never compared: a lease is
/// measured by its holder from before it asked, and by everyone else from when they first saw it, so clocks may be wrong by any
/// amount as long as they run equally fast.
///
/// **It moves on.** The lock of a holder that is gone is given to who asks for it for long enough: a lease after the asker first saw the
/// dead one's, at the latest. Asking once is not enough; whoever wants to lead keeps asking, on the same store.
///
/// **Deadline**: as [`crate::SpanReader`]. After an error the lock may have been taken; asking again with the same holder tells.
#[async_trait]
pub trait LeaseLock: Send + Sync + 'static {
    /// Takes the lock of that name, or renews it for who holds it. Nothing when somebody else holds it. `holder` must be one
    /// process's alone and new with every start.
    async fn acquire(
        &self,
        context: &RequestContext,
        resource: &str,
        holder: &str,
        lease: Duration,
    ) -> Result<Option<Lease>, RecordError>;

    /// Gives the lock up, so that another can take it at once. False when `holder` did not hold it.
    async fn release(
        &self,
        context: &RequestContext,
        resource: &str,
        holder: &str,
    ) -> Result<bool, RecordError>;
}

//! [`Candidate`]: one process's part in electing, by a [`LeaseLock`], the one of several that does some work.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Lease, LeaseLock, RecordError, RequestContext};

/// A process that offers to lead. Dropping it while it leads, or killing the process, leaves the lead for as long as it lasts by itself.
pub struct Candidate {
    locks: Arc<dyn LeaseLock>,
    resource: String,
    holder: String,
    lease: Duration,
    ask: Duration,
}

impl Candidate {
    /// Competes for `resource`. The lead lasts for `lease` unless it is renewed; tries to lead, and renewals, are `ask` apart, which is several times
    /// shorter.
    #[must_use]
    pub fn new(locks: Arc<dyn LeaseLock>, resource: &str, lease: Duration, ask: Duration) -> Self {
        let holder = format!("spoor-{}-{:016x}", std::process::id(), RandomState::new().hash_one(0));
        Self { locks, resource: resource.to_owned(), holder, lease, ask }
    }

    /// This process's alone, and new with every start.
    #[must_use]
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Competes until this process leads. `told` hears of each try that was no success: an error, or nothing where another process leads.
    pub async fn elected(&self, mut told: impl FnMut(Option<RecordError>)) -> Lease {
        loop {
            match self.acquire().await {
                Ok(Some(lease)) => return lease,
                Ok(None) => told(None),
                Err(error) => told(Some(error)),
            }
            tokio::time::sleep(self.ask).await;
        }
    }

    /// Renews the lead; ends when it is lost.
    pub async fn keeps(&self, mut lease: Lease) {
        loop {
            let left = lease.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(self.ask.min(left)).await;
            match self.acquire().await {
                Ok(Some(renewed)) => lease = renewed,
                Ok(None) => return,
                // Until the lease ends it may succeed yet.
                Err(_) => {}
            }
        }
    }

    /// Gives the lead up, so that another process takes it at once.
    ///
    /// # Errors
    /// When the store does not hear of it; the lead then ends by itself.
    pub async fn resign(&self) -> Result<(), RecordError> {
        self.locks.release(&self.context(), &self.resource, &self.holder).await.map(drop)
    }

    async fn acquire(&self) -> Result<Option<Lease>, RecordError> {
        self.locks.acquire(&self.context(), &self.resource, &self.holder, self.lease).await
    }

    /// A question to the lock is answered well before the lease ends, or not at all.
    fn context(&self) -> RequestContext {
        RequestContext::with_timeout(self.lease / 4)
    }
}

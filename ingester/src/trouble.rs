//! Something that the ingester needs fails, since when and of what, for logs and health.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use spoor_pipeline::{Ended, Outage};

/// An outage with its latest reason. It lasts until something succeeds, or nobody who has met it tries any more: whether it would
/// succeed is not known then.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    outage: Outage,
    reason: Mutex<String>,
    struggling: AtomicUsize,
}

/// Somebody who has met the trouble and tries again; not any more when dropped.
#[derive(Debug)]
pub(crate) struct Struggle<'a>(&'a Trouble);

impl Drop for Struggle<'_> {
    fn drop(&mut self) {
        if self.0.struggling.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.outage.over();
        }
    }
}

impl Trouble {
    /// An attempt failed. True when it is the first.
    pub(crate) fn goes_on(&self, reason: &(impl Display + ?Sized)) -> bool {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason.to_string();
        self.outage.goes_on()
    }

    /// Whoever fails keeps this until it succeeds or gives up.
    pub(crate) fn struggle(&self) -> Struggle<'_> {
        self.struggling.fetch_add(1, Ordering::AcqRel);
        Struggle(self)
    }

    /// An attempt succeeded. Answers the outage that it has ended.
    pub(crate) fn over(&self) -> Option<Ended> {
        self.outage.over()
    }

    /// The reason, when it has lasted so long.
    pub(crate) fn lasting(&self, time: Duration) -> Option<String> {
        let since = self.outage.since()?;
        let reason = || self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (since.elapsed() >= time).then(reason)
    }
}

//! Something that the ingester needs fails, since when and of what, for logs and health.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use spoor_pipeline::{Ended, Outage};

/// An outage with its latest reason.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    outage: Outage,
    reason: Mutex<String>,
}

impl Trouble {
    /// An attempt failed. True when it is the first.
    pub(crate) fn goes_on(&self, reason: &(impl Display + ?Sized)) -> bool {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason.to_string();
        self.outage.goes_on()
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

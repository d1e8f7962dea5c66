//! A package on its way: still the buffer's, until there is a verdict.

use std::sync::Arc;

use tokio::time::Instant;

use super::Buffer;
use super::spool::Origin;
use crate::package::{Package, Suspicion};

/// A package on its way.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(super) buffer: Arc<Buffer>,
    /// `None` once it has ended.
    pub(super) package: Option<Package>,
    pub(super) origin: Origin,
}

impl Taken {
    /// The package.
    pub(crate) fn package(&self) -> &Package {
        self.package.as_ref().expect("it is there until it has ended")
    }

    /// A collector has it.
    pub(crate) fn delivered(mut self) {
        if let Some(package) = self.package.take() {
            self.buffer.accounts.delivered(package.format, package.spans, package.request.len());
            self.buffer.settle(&package, self.origin);
        }
    }

    /// No collector will have so many of its spans; one has the others.
    pub(crate) fn refused(mut self, spans: u32) {
        if let Some(package) = self.package.take() {
            let taken = package.spans.saturating_sub(spans);
            self.buffer.accounts.refused(package.format, spans, taken);
            self.buffer.settle(&package, self.origin);
        }
    }

    /// Counts a failure that may be its own; answers all of them.
    pub(crate) fn failed_again(&mut self) -> Suspicion {
        let package = self.package.as_mut().expect("it is there until it has ended");
        package.suspicion.failures += 1;
        package.suspicion.since.get_or_insert_with(Instant::now);
        package.suspicion
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(package) = self.package.take() {
            self.buffer.give_back(package, self.origin);
        }
    }
}

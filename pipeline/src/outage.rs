//! Whether the store takes spans: told once when it begins and once when it ends, not with every attempt.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time during which everything fails. Clock and count only; the words are the role's.
#[derive(Debug, Default)]
pub struct Outage(Mutex<Option<Since>>);

#[derive(Debug, Clone, Copy)]
struct Since {
    began: Instant,
    failures: u64,
}

/// An outage that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How long it took.
    pub after: Duration,
    /// Attempts that failed meanwhile.
    pub failures: u64,
}

impl Outage {
    /// An attempt failed. True when it is the first.
    pub fn goes_on(&self) -> bool {
        let mut since = self.lock();
        match &mut *since {
            Some(since) => {
                since.failures += 1;
                false
            }
            None => {
                *since = Some(Since { began: Instant::now(), failures: 1 });
                true
            }
        }
    }

    /// An attempt succeeded. Answers the outage that it has ended.
    pub fn over(&self) -> Option<Ended> {
        let since = self.lock().take()?;
        Some(Ended { after: since.began.elapsed(), failures: since.failures })
    }

    /// Since when everything has failed, if it does.
    #[must_use]
    pub fn since(&self) -> Option<Instant> {
        self.lock().as_ref().map(|since| since.began)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Since>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_with_the_first_failure_and_ends_with_the_first_success() {
        let outage = Outage::default();
        assert_eq!((outage.over(), outage.since()), (None, None));
        assert!(outage.goes_on());
        assert!(!outage.goes_on());
        assert!(outage.since().is_some());
        assert_eq!(outage.over().map(|ended| ended.failures), Some(2));
        assert!(outage.goes_on(), "another one");
    }
}

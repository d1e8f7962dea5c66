//! Since when a lock has not changed, by this process's own clock: the only clock that a lease is measured by here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Locks watched at a time; who watches more starts over.
const MOST_LOCKS: usize = 1_000;

/// A version of a document; every write makes a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) seq_no: u64,
    pub(super) primary_term: u64,
}

/// The versions that others' locks were last seen with, by resource.
#[derive(Debug, Default)]
pub(super) struct Observed(Mutex<HashMap<String, (Version, Instant)>>);

impl Observed {
    /// For how long the lock has been seen unchanged, `now` included.
    pub(super) fn unchanged(&self, resource: &str, version: Version, now: Instant) -> Duration {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, since)) = seen.get(resource)
            && *known == version
        {
            return now.saturating_duration_since(*since);
        }
        if seen.len() >= MOST_LOCKS {
            seen.clear();
        }
        seen.insert(resource.to_owned(), (version, now));
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_changes_is_watched_from_the_change_on() {
        let (observed, start) = (Observed::default(), Instant::now());
        let seconds = Duration::from_secs;
        let version = |seq_no| Version { seq_no, primary_term: 1 };
        let at =
            |resource, seq_no, after| observed.unchanged(resource, version(seq_no), start + seconds(after));
        assert_eq!(at("a", 1, 0), seconds(0));
        assert_eq!(at("a", 1, 5), seconds(5));
        assert_eq!(at("b", 1, 6), seconds(0));
        assert_eq!(at("a", 2, 7), seconds(0));
        assert_eq!(at("a", 2, 9), seconds(2));
        // Back to a version of a primary that was thought gone: from the beginning.
        assert_eq!(at("a", 1, 10), seconds(0));
    }
}

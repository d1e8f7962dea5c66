//! The speed limit that all streams share.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Hands out the moments at which requests may leave.
#[derive(Debug)]
pub(crate) struct Pace {
    spans_per_second: NonZeroU64,
    next: Mutex<Instant>,
}

impl Pace {
    /// At most this many spans per second from now on.
    pub(crate) fn new(spans_per_second: NonZeroU64) -> Self {
        Self { spans_per_second, next: Mutex::new(Instant::now()) }
    }

    /// The moment at which a request of `spans` spans may leave; time that nobody used is not saved up.
    pub(crate) fn reserve(&self, spans: usize) -> Instant {
        let nanos = (spans as u64).saturating_mul(1_000_000_000) / self.spans_per_second;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(Instant::now());
        *next = turn + Duration::from_nanos(nanos);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn spaces_requests_by_their_spans_and_saves_nothing_up() {
        let pace = Pace::new(NonZeroU64::new(1_000).unwrap());
        let start = Instant::now();
        assert_eq!(pace.reserve(500), start);
        assert_eq!(pace.reserve(500), start + Duration::from_millis(500));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(pace.reserve(1), start + Duration::from_secs(10));
    }
}

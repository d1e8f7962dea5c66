//! Log lines that a broken store or sender would repeat a thousand times a second: one a minute, with the number left out.

use std::sync::Mutex;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

/// Says when a line of one kind may be logged.
#[derive(Debug, Default)]
pub struct Quiet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    left_out: u64,
}

impl Quiet {
    /// How many lines were left out since the last one, when one may be logged now.
    pub fn allows(&self) -> Option<u64> {
        self.allows_at(Instant::now())
    }

    fn allows_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < EVERY) {
            state.left_out += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_and_the_rest_is_counted() {
        let (quiet, start) = (Quiet::default(), Instant::now());
        assert_eq!(quiet.allows_at(start), Some(0));
        assert_eq!(quiet.allows_at(start + EVERY / 2), None);
        assert_eq!(quiet.allows_at(start + EVERY / 2), None);
        assert_eq!(quiet.allows_at(start + EVERY), Some(2));
        assert_eq!(quiet.allows_at(start + EVERY * 2), Some(0));
    }
}

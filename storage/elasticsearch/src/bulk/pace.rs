//! How hard the store is pressed: less after each bulk that it answered with "too much" (429) or not in
//! time, more again after several that it took.
//! Pure: no clock and no chance of its own.
//!
//! A store without memory for a bulk (`circuit_breaking_exception`) or without room in its queue is helped by smaller bulks, fewer at
//! a time, and a pause; sending on at full strength keeps it where it is. One that
//! does not answer works through all that it was sent, abandoned or not, before anything new.

use std::time::{Duration, Instant};

/// Steps down; at the last one bulks have a 16th of their size.
const LOWEST: u32 = 4;
/// Bulks that the store must take one after the other before it gets a step more: at once after the first, every second bulk
/// would be too much again.
const PATIENCE: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause, also where the store asks for a longer one: writers wait behind it, and are told the store's own wish.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a bulk's answer said of the store's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// The store took what it was given, or failed for another reason.
    Bearable,
    /// The store said that it has too much to do, and perhaps when it wants to be asked again; or it was late.
    TooMuch(Option<Duration>),
}

/// The pace at this moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    steps_down: u32,
    taken_in_a_row: u32,
    pause_until: Option<Instant>,
}

impl Pace {
    /// Learns from a bulk's answer; `chance` from 0 to 1 spreads the pauses of several writers.
    pub(super) fn learn(&mut self, load: Load, now: Instant, chance: f64) {
        match load {
            Load::Bearable => {
                self.taken_in_a_row += 1;
                if self.taken_in_a_row >= PATIENCE {
                    self.taken_in_a_row = 0;
                    self.steps_down = self.steps_down.saturating_sub(1);
                }
            }
            Load::TooMuch(wish) => {
                self.taken_in_a_row = 0;
                let pause =
                    (FIRST_PAUSE * (1 << (self.steps_down + 1))).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
                self.steps_down = (self.steps_down + 1).min(LOWEST);
                let until = now + wish.unwrap_or_default().max(pause).min(LONGEST_PAUSE);
                self.pause_until = self.pause_until.max(Some(until));
            }
        }
    }

    /// Until when nothing is sent, if that is still to come.
    pub(super) fn pause(&self, now: Instant) -> Option<Instant> {
        self.pause_until.filter(|&until| until > now)
    }

    /// What is left of a bound at this pace; at least one.
    pub(super) fn slowed(&self, bound: usize) -> usize {
        (bound >> self.steps_down).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_too_much_halves_the_bounds_and_successes_give_them_back() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert_eq!((pace.slowed(5_000_000), pace.slowed(2), pace.pause(now)), (5_000_000, 2, None));
        pace.learn(Load::TooMuch(None), now, 1.0);
        assert_eq!((pace.slowed(5_000_000), pace.slowed(2)), (2_500_000, 1));
        for _ in 0..100 {
            pace.learn(Load::TooMuch(None), now, 1.0);
        }
        assert_eq!((pace.slowed(5_000_000), pace.slowed(2)), (312_500, 1));
        pace.learn(Load::Bearable, now, 1.0);
        assert_eq!(pace.slowed(5_000_000), 312_500, "one success is none");
        for _ in 0..4 * PATIENCE {
            pace.learn(Load::Bearable, now, 1.0);
        }
        assert_eq!(pace.slowed(5_000_000), 5_000_000);
    }

    #[test]
    fn pauses_grow_and_are_spread_and_the_stores_wish_is_kept_up_to_a_bound() {
        let now = Instant::now();
        let after = |loads: &[Load], chance| {
            let mut pace = Pace::default();
            loads.iter().for_each(|&load| pace.learn(load, now, chance));
            pace.pause(now).unwrap() - now
        };
        let too_much = Load::TooMuch(None);
        assert_eq!(after(&[too_much], 1.0), Duration::from_millis(100));
        assert_eq!(after(&[too_much], 0.0), Duration::from_millis(50));
        assert_eq!(after(&[too_much; 3], 1.0), Duration::from_millis(400));
        assert_eq!(after(&[Load::TooMuch(Some(Duration::from_secs(2)))], 1.0), Duration::from_secs(2));
        assert_eq!(after(&[Load::TooMuch(Some(Duration::from_secs(60)))], 1.0), LONGEST_PAUSE);
        let mut pace = Pace::default();
        pace.learn(too_much, now, 1.0);
        assert_eq!(pace.pause(now + LONGEST_PAUSE), None);
    }
}

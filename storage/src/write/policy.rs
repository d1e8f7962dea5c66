//! How long to wait before the next attempt. Pure: chance comes in from outside.

use std::time::Duration;

/// Exponential backoff with full jitter: before the n-th repetition a random time between nothing and
/// `initial` × `multiplier`ⁿ⁻¹, at most `max`, so that writers that failed together do not come back together.
///
/// A store that says when it wants to be asked again is not asked earlier, but for wishes of more than a minute: who asks for a day
/// (a proxy in front of the store, a clock that is wrong) may be well again in a moment, and nothing would be stored all day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Longest wait before the first repetition.
    pub initial: Duration,
    /// Longest wait before any, unless the store asks for more, up to a minute.
    pub max: Duration,
    /// Growth from one to the next; below 1 it counts as 1.
    pub multiplier: f64,
}

impl Default for RetryPolicy {
    /// 100 ms, doubled each time, up to 5 s.
    fn default() -> Self {
        Self { initial: Duration::from_millis(100), max: Duration::from_secs(5), multiplier: 2.0 }
    }
}

/// The longest time for which a store is left alone because it wants to be.
pub const LONGEST_WISH: Duration = Duration::from_secs(60);
/// Waits are no shorter, so that chance never makes a busy loop.
const SHORTEST: Duration = Duration::from_millis(1);

impl RetryPolicy {
    /// The wait after so many failures (from 1), with `chance` from 0 to 1.
    #[must_use]
    pub fn delay(&self, failures: u32, retry_after: Option<Duration>, chance: f64) -> Duration {
        let chance = chance.clamp(0.0, 1.0);
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let growth = self.multiplier.max(1.0).powi(exponent);
        let most = Duration::try_from_secs_f64(self.initial.as_secs_f64() * growth).unwrap_or(self.max);
        let jittered = most.min(self.max).mul_f64(chance).max(SHORTEST);
        let apart = self.initial.min(self.max).mul_f64(chance);
        let asked = retry_after.map(|wait| wait.min(LONGEST_WISH).saturating_add(apart));
        asked.map_or(jittered, |asked| asked.max(jittered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn waits_grow_to_the_most_and_are_spread_from_nothing() {
        let policy = RetryPolicy::default();
        let longest: Vec<Duration> = (1..=8).map(|failures| policy.delay(failures, None, 1.0)).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].map(ms));
        assert_eq!(policy.delay(3, None, 0.5), ms(200));
        assert_eq!(policy.delay(3, None, 0.0), SHORTEST);
        assert_eq!(policy.delay(u32::MAX, None, 1.0), ms(5_000));
    }

    #[test]
    fn a_store_is_not_asked_before_it_wants_to_be() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(1, Some(ms(30_000)), 0.0), ms(30_000));
        assert_eq!(policy.delay(1, Some(ms(30_000)), 1.0), ms(30_100));
        assert_eq!(policy.delay(7, Some(ms(1)), 1.0), ms(5_000));
    }

    #[test]
    fn a_store_that_wants_to_be_left_alone_for_a_day_is_asked_again_after_a_minute() {
        let policy = RetryPolicy::default();
        for wish in [Duration::from_secs(86_400), Duration::MAX] {
            assert_eq!(policy.delay(1, Some(wish), 0.0), ms(60_000));
            assert_eq!(policy.delay(1, Some(wish), 1.0), ms(60_100));
        }
    }

    #[test]
    fn odd_policies_do_no_harm() {
        let policy = RetryPolicy { initial: Duration::ZERO, max: Duration::ZERO, multiplier: f64::NAN };
        assert_eq!(policy.delay(9, None, 1.0), SHORTEST);
        let policy = RetryPolicy { initial: ms(10), max: Duration::MAX, multiplier: f64::INFINITY };
        assert!(policy.delay(2, None, 0.0) >= SHORTEST);
        let policy = RetryPolicy { multiplier: 0.1, ..RetryPolicy::default() };
        assert_eq!(policy.delay(5, None, 1.0), ms(100));
    }
}

//! How long to wait before a request is sent again when the server has no wish of its own.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The delay after attempt number `attempt` (from 1): doubling from 100 ms to 5 s, of which a random half to whole is taken.
pub(crate) fn delay(attempt: u32, rng: &mut fastrand::Rng) -> Duration {
    let whole = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(6)).min(LONGEST);
    whole.mul_f64(0.5 + rng.f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_from_a_tenth_of_a_second_and_stays_within_its_bounds() {
        let mut rng = fastrand::Rng::with_seed(1);
        for (attempt, longest) in [(1, 100), (2, 200), (3, 400), (7, 5_000), (u32::MAX, 5_000)] {
            let longest = Duration::from_millis(longest);
            let delay = delay(attempt, &mut rng);
            assert!((longest / 2..=longest).contains(&delay), "{delay:?} after attempt {attempt}");
        }
    }
}

//! How long a collector is left alone after failures in a row.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(3);

/// Doubles with each failure up to 3 s, and is spread by a half to either side, so that agents do not come all at once.
pub(super) fn pause(failures: u32) -> Duration {
    let pause = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
    pause.mul_f64(0.5 + fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_differ() {
        for (failures, middle) in [(0, 0.05), (3, 0.4), (30, 3.0)] {
            let pauses: Vec<f64> = (0..100).map(|_| pause(failures).as_secs_f64()).collect();
            assert!(pauses.iter().all(|pause| (middle * 0.5..=middle * 1.5).contains(pause)), "{pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
    }
}

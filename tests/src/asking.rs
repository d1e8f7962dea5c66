//! Questions to a query process about generated spans, with their right answers: benchmarks ask them and check what comes.

mod expected;
mod question;

pub use expected::{Condition, Expected, Kind, RARE};
pub use question::{LIMIT, Question, Window, choose};

use std::time::Duration;

/// By nearest rank: the smallest of the sorted times that so many percent of all do not pass.
///
/// # Panics
/// When there is no time at all.
#[must_use]
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

//! Partitions that bring or take nothing although they should. Kafka's client library has been seen to forget a partition when its broker halts
//! or goes and comes back: its reading (`github.com/confluentinc/librdkafka` 5153, 5586), and its writing (5401, 5430, 5593). It tells of no error,
//! and nothing comes of it until somebody starts the process again. Whoever begins anew goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a partition may stand before its work is begun anew.
const PATIENCE: Duration = Duration::from_secs(15);
/// The patience doubles each time that it did not help, up to so many times itself: a link may be so slow that a record takes longer.
const MOST_PATIENCE: u32 = 16;

/// Where the partitions stood when they were looked at.
#[derive(Debug)]
pub(crate) struct Stalls {
    patience: Duration,
    standing: BTreeMap<i32, Standing>,
}

#[derive(Debug)]
struct Standing {
    at: i64,
    since: Instant,
    patience: Duration,
}

impl Default for Stalls {
    fn default() -> Self {
        Self::after(PATIENCE)
    }
}

impl Stalls {
    /// Partitions are named when they have stood for so long.
    pub(crate) fn after(patience: Duration) -> Self {
        Self { patience, standing: BTreeMap::new() }
    }

    /// Looks at all partitions that may move now, each with where it is and where its way ends: those that have not moved for too long,
    /// though they do not stand at their end. What is not named stands for another reason.
    pub(crate) fn look(&mut self, now: Instant, places: &[(i32, i64, i64)]) -> Vec<i32> {
        let goes_on = |known: &i32| places.iter().any(|(partition, at, end)| known == partition && at < end);
        self.standing.retain(|known, _| goes_on(known));
        let mut stalled = Vec::new();
        for &(partition, at, end) in places {
            if at >= end {
                continue;
            }
            let new = || Standing { at, since: now, patience: self.patience };
            let standing = self.standing.entry(partition).or_insert_with(new);
            if standing.at != at {
                *standing = new();
            } else if now.duration_since(standing.since) >= standing.patience {
                stalled.push(partition);
                standing.since = now;
                standing.patience = (2 * standing.patience).min(MOST_PATIENCE * self.patience);
            }
        }
        stalled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_stands_before_records_is_named_and_less_often_each_time() {
        let (mut stalls, start) = (Stalls::default(), Instant::now());
        let named: Vec<u64> = (0..600)
            .filter(|&second| !stalls.look(start + Duration::from_secs(second), &[(3, 10, 11)]).is_empty())
            .collect();
        assert_eq!(named, [15, 45, 105, 225, 465]);
    }

    #[test]
    fn one_that_moves_or_stands_at_its_end_or_may_not_move_is_not_named() {
        let (mut stalls, start) = (Stalls::default(), Instant::now());
        let after = |second| start + Duration::from_secs(second);
        for second in 0..100 {
            let moves = i64::try_from(second / 10).unwrap();
            assert!(stalls.look(after(second), &[(0, moves, 1_000), (1, 7, 7)]).is_empty());
        }
        stalls.look(after(100), &[(2, 5, 9)]);
        stalls.look(after(110), &[]);
        assert!(stalls.look(after(120), &[(2, 5, 9)]).is_empty(), "it had no room, or no leader, at 110");
        assert_eq!(stalls.look(after(135), &[(2, 5, 9)]), [2]);
    }
}

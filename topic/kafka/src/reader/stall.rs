//! Partitions that bring nothing although records lie before them. Kafka's client library has been seen to forget the reading of a
//! partition when its broker goes and comes back (`github.com/confluentinc/librdkafka` 5153, 5586): it stays assigned, tells of no error,
//! and its lag grows until somebody starts the process again. Whoever takes such a partition anew goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::worker::Worker;

/// How long a partition may bring nothing before it is taken anew.
const PATIENCE: Duration = Duration::from_secs(15);
/// The patience doubles each time that it did not help, up to this: a link may be so slow that a record takes longer.
const MOST_PATIENCE: Duration = Duration::from_secs(240);

/// Where the partitions stood when they were looked at.
#[derive(Debug, Default)]
pub(super) struct Stalls(BTreeMap<i32, Standing>);

#[derive(Debug)]
struct Standing {
    at: i64,
    since: Instant,
    patience: Duration,
}

impl Stalls {
    /// Looks at all partitions that may bring records now, each with the next offset that it may bring and where it ends: those that
    /// have not moved for too long, though they do not stand at their end. What is not named stands for another reason.
    pub(super) fn look(&mut self, now: Instant, places: &[(i32, i64, i64)]) -> Vec<i32> {
        self.0.retain(|known, _| places.iter().any(|(partition, at, end)| known == partition && at < end));
        let mut stalled = Vec::new();
        for &(partition, at, end) in places {
            if at >= end {
                continue;
            }
            let new = || Standing { at, since: now, patience: PATIENCE };
            let standing = self.0.entry(partition).or_insert_with(new);
            if standing.at != at {
                *standing = new();
            } else if now.duration_since(standing.since) >= standing.patience {
                stalled.push(partition);
                standing.since = now;
                standing.patience = (2 * standing.patience).min(MOST_PATIENCE);
            }
        }
        stalled
    }
}

impl Worker {
    /// Takes partitions anew whose reading the library has forgotten. Not while partitions come or go: it would take that for an answer.
    pub(super) fn wake_stalled(&mut self, ends: &[(i32, i64)]) {
        if !self.is_settled() {
            return;
        }
        let standing = self.shelf.standing(&self.desk, ends);
        for partition in self.stalls.look(Instant::now(), &standing) {
            self.shelf.take_anew(&self.consumer, &self.desk, partition);
        }
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
        assert!(stalls.look(after(120), &[(2, 5, 9)]).is_empty(), "it had no room at 110");
        assert_eq!(stalls.look(after(135), &[(2, 5, 9)]), [2]);
    }
}

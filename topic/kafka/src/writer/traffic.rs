//! What is under way to each partition, and how much of it the brokers have answered.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Counts for all partitions, whichever producer sends.
#[derive(Debug, Default)]
pub(super) struct Traffic(RwLock<Vec<Arc<Lane>>>);

/// One partition's.
#[derive(Debug, Default)]
struct Lane {
    answered: AtomicI64,
    under_way: AtomicI64,
}

/// A record on its way, until this is dropped.
#[derive(Debug)]
pub(super) struct Passage(Arc<Lane>);

impl Traffic {
    /// A record sets out to this partition.
    pub(super) fn set_out(&self, partition: i32) -> Passage {
        let number = usize::try_from(partition).unwrap_or(0);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(number).cloned();
        let lane = known.unwrap_or_else(|| self.opened(number));
        lane.under_way.fetch_add(1, Ordering::Relaxed);
        Passage(lane)
    }

    /// The lane of a partition that nothing went to before.
    fn opened(&self, number: usize) -> Arc<Lane> {
        let mut lanes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() <= number {
            lanes.resize_with(number + 1, Arc::default);
        }
        Arc::clone(&lanes[number])
    }

    /// Each of these partitions with how many records were answered so far, and how many will have been when all that is under way is.
    pub(super) fn places(&self, partitions: &[i32]) -> Vec<(i32, i64, i64)> {
        let lanes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let place = |&partition: &i32| {
            let lane = lanes.get(usize::try_from(partition).ok()?)?;
            let answered = lane.answered.load(Ordering::Relaxed);
            Some((partition, answered, answered + lane.under_way.load(Ordering::Relaxed)))
        };
        partitions.iter().filter_map(place).collect()
    }
}

impl Passage {
    /// A broker has said something about the record; giving it up for another reason is no answer.
    pub(super) fn answered(&self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_under_way_lie_before_a_partition_until_they_are_answered_or_given_up() {
        let traffic = Traffic::default();
        let (first, second, elsewhere) = (traffic.set_out(1), traffic.set_out(1), traffic.set_out(4));
        assert_eq!(traffic.places(&[0, 1, 4, 9]), [(0, 0, 0), (1, 0, 2), (4, 0, 1)]);
        first.answered();
        drop(first);
        assert_eq!(traffic.places(&[1]), [(1, 1, 2)]);
        drop((second, elsewhere));
        assert_eq!(traffic.places(&[1, 4]), [(1, 1, 1), (4, 0, 0)]);
    }
}

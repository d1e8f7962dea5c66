//! What is under way to each partition, and how much of it the brokers have answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts for all partitions, whichever producer sends.
#[derive(Debug, Default)]
pub(super) struct Traffic(Mutex<Vec<Lane>>);

/// One partition's.
#[derive(Debug, Default, Clone, Copy)]
struct Lane {
    answered: i64,
    under_way: i64,
}

/// A record on its way, until this is dropped.
#[derive(Debug)]
pub(super) struct Passage {
    traffic: Arc<Traffic>,
    lane: usize,
}

impl Traffic {
    /// A record sets out to this partition.
    pub(super) fn set_out(self: &Arc<Self>, partition: i32) -> Passage {
        let lane = usize::try_from(partition).unwrap_or(0);
        let mut lanes = self.lock();
        if lanes.len() <= lane {
            lanes.resize(lane + 1, Lane::default());
        }
        lanes[lane].under_way += 1;
        drop(lanes);
        Passage { traffic: Arc::clone(self), lane }
    }

    /// Each of these partitions with how many records were answered so far, and how many will have been when all that is under way is.
    pub(super) fn places(&self, partitions: &[i32]) -> Vec<(i32, i64, i64)> {
        let lanes = self.lock();
        let place = |&partition: &i32| {
            let lane = lanes.get(usize::try_from(partition).ok()?)?;
            Some((partition, lane.answered, lane.answered + lane.under_way))
        };
        partitions.iter().filter_map(place).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passage {
    /// A broker has said something about the record; giving it up for another reason is no answer.
    pub(super) fn answered(&self) {
        if let Some(lane) = self.traffic.lock().get_mut(self.lane) {
            lane.answered += 1;
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if let Some(lane) = self.traffic.lock().get_mut(self.lane) {
            lane.under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_under_way_lie_before_a_partition_until_they_are_answered_or_given_up() {
        let traffic = Arc::new(Traffic::default());
        let (first, second, elsewhere) = (traffic.set_out(1), traffic.set_out(1), traffic.set_out(4));
        assert_eq!(traffic.places(&[0, 1, 4, 9]), [(0, 0, 0), (1, 0, 2), (4, 0, 1)]);
        first.answered();
        drop(first);
        assert_eq!(traffic.places(&[1]), [(1, 1, 2)]);
        drop((second, elsewhere));
        assert_eq!(traffic.places(&[1, 4]), [(1, 1, 1), (4, 0, 0)]);
    }
}

//! Records that wait for being written together. Their bounds are the reader's: what is not settled counts there.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use spoor_topic::{Claim, Record};

use crate::receipt;

/// When a batch is large enough, and when it has waited long enough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) records: usize,
    pub(crate) linger: Duration,
}

/// The waiting records, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Gathering {
    limits: Limits,
    records: VecDeque<(Instant, Record)>,
    bytes: usize,
}

impl Gathering {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, records: VecDeque::new(), bytes: 0 }
    }

    pub(crate) fn add(&mut self, records: Vec<Record>, now: Instant) {
        self.bytes += records.iter().map(weight).sum::<usize>();
        self.records.extend(records.into_iter().map(|record| (now, record)));
    }

    /// When the next batch is due; `None` while nothing waits.
    pub(crate) fn due(&self) -> Option<Instant> {
        let (since, _) = self.records.front()?;
        let is_full = self.bytes >= self.limits.bytes || self.records.len() >= self.limits.records;
        Some(if is_full { *since } else { *since + self.limits.linger })
    }

    /// The next batch, if it is due; never an empty one, and of one day of receipt.
    pub(crate) fn cut(&mut self, now: Instant) -> Option<Vec<Record>> {
        if self.due()? > now {
            return None;
        }
        let day = self.records.front().and_then(|(_, record)| receipt::day(record));
        let mut bytes = 0;
        let fits = |(index, (_, record)): &(usize, &(Instant, Record))| {
            bytes += weight(record);
            *index == 0 || (bytes <= self.limits.bytes && receipt::day(record) == day)
        };
        let count = self.records.iter().take(self.limits.records).enumerate().take_while(fits).count();
        let batch: Vec<Record> = self.records.drain(..count).map(|(_, record)| record).collect();
        self.bytes -= batch.iter().map(weight).sum::<usize>();
        Some(batch)
    }

    /// Takes out what is not to be written any more.
    pub(crate) fn remove(&mut self, is_gone: impl Fn(&Claim) -> bool) -> Vec<Claim> {
        let gone: Vec<Claim> =
            self.records.iter().map(|(_, record)| record.claim).filter(|claim| is_gone(claim)).collect();
        if !gone.is_empty() {
            self.records.retain(|(_, record)| !is_gone(&record.claim));
            self.bytes = self.records.iter().map(|(_, record)| weight(record)).sum();
        }
        gone
    }
}

fn weight(record: &Record) -> usize {
    record.payload.as_ref().map_or(0, bytes::Bytes::len)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use spoor_topic::Place;

    use super::*;

    fn record(partition: i32, offset: i64, bytes: usize) -> Record {
        let claim = Claim { place: Place { partition, offset }, generation: 1 };
        let payload = Some(Bytes::from(vec![0; bytes]));
        Record { claim, timestamp: None, key: None, payload, headers: Vec::new() }
    }

    fn gathering(bytes: usize, records: usize) -> Gathering {
        Gathering::new(Limits { bytes, records, linger: Duration::from_millis(20) })
    }

    #[test]
    fn a_batch_is_due_when_it_is_full_or_has_waited() {
        let (mut subject, start) = (gathering(100, 10), Instant::now());
        assert_eq!((subject.due(), subject.cut(start)), (None, None));
        subject.add(vec![record(0, 0, 40)], start);
        assert_eq!(subject.cut(start), None);
        assert_eq!(subject.cut(subject.due().unwrap()).map(|batch| batch.len()), Some(1));
        subject.add(vec![record(0, 1, 60), record(0, 2, 60)], start);
        assert_eq!(subject.cut(start).map(|batch| batch.len()), Some(1), "two are over the limit");
        subject.add((3..20).map(|offset| record(0, offset, 0)).collect(), start);
        assert_eq!(subject.cut(start).map(|batch| batch.len()), Some(10));
    }

    #[test]
    fn a_record_over_the_limit_is_written_alone() {
        let (mut subject, start) = (gathering(100, 10), Instant::now());
        subject.add(vec![record(0, 0, 500), record(0, 1, 1)], start);
        assert_eq!(subject.cut(start).map(|batch| batch.len()), Some(1));
        assert_eq!(subject.cut(start), None, "the other may wait for more");
    }

    #[test]
    fn records_of_two_days_are_not_written_together() {
        let (mut subject, start) = (gathering(1_000, 10), Instant::now());
        let midnight = std::time::UNIX_EPOCH + Duration::from_secs(86_400);
        let at = |offset, timestamp| Record { timestamp, ..record(0, offset, 1) };
        let before = midnight - Duration::from_millis(1);
        subject
            .add(vec![at(0, Some(before)), at(1, Some(before)), at(2, Some(midnight)), at(3, None)], start);
        let mut sizes = Vec::new();
        while let Some(batch) = subject.cut(start + Duration::from_secs(1)) {
            sizes.push(batch.len());
        }
        assert_eq!(sizes, [2, 1, 1]);
    }

    proptest! {
        #[test]
        fn every_record_leaves_once_in_order_or_is_removed(
            sizes in prop::collection::vec((0..3_i32, 0..200_usize), 0..60),
            limit in 1..300_usize,
            gone in 0..4_i32,
        ) {
            let (mut subject, start) = (gathering(limit, 7), Instant::now());
            let all = sizes.iter().enumerate().map(|(at, (partition, bytes))| record(*partition, at.try_into().unwrap(), *bytes));
            subject.add(all.collect(), start);
            let removed = subject.remove(|claim| claim.place.partition == gone);
            let mut seen: Vec<i64> = Vec::new();
            while let Some(batch) = subject.cut(start + Duration::from_secs(1)) {
                prop_assert!(batch.len() == 1 || batch.iter().map(weight).sum::<usize>() <= limit);
                prop_assert!(!batch.is_empty() && batch.len() <= 7);
                seen.extend(batch.iter().map(|record| record.claim.place.offset));
            }
            prop_assert!(seen.is_sorted());
            prop_assert_eq!(seen.len() + removed.len(), sizes.len());
            prop_assert_eq!(subject.bytes, 0);
        }
    }
}

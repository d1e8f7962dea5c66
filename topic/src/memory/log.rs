//! One partition.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::OutgoingRecord;

/// Records by offset; what is missing between start and end was taken away.
#[derive(Default)]
pub(super) struct Log {
    start: i64,
    end: i64,
    records: BTreeMap<i64, Logged>,
}

/// A record and when it came.
pub(super) struct Logged {
    pub(super) record: OutgoingRecord,
    pub(super) timestamp: SystemTime,
}

impl Log {
    pub(super) fn append(&mut self, record: OutgoingRecord) -> i64 {
        let offset = self.end;
        self.records.insert(offset, Logged { record, timestamp: SystemTime::now() });
        self.end += 1;
        offset
    }

    pub(super) fn skip(&mut self) {
        self.end += 1;
    }

    pub(super) fn remove(&mut self, offset: i64) {
        self.records.remove(&offset);
    }

    pub(super) fn trim(&mut self, before: i64) {
        self.start = self.start.max(before.min(self.end));
        self.records = self.records.split_off(&self.start);
    }

    pub(super) fn start(&self) -> i64 {
        self.start
    }

    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// The records from an offset on.
    pub(super) fn from(&self, offset: i64) -> impl Iterator<Item = (i64, &Logged)> {
        self.records.range(offset..).map(|(offset, logged)| (*offset, logged))
    }
}

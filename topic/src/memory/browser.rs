//! Looking at a topic in memory.

use std::time::Instant;

use async_trait::async_trait;

use super::log::{Log, Logged};
use super::{MemoryTopic, State, number};
use crate::{Extent, KeptRecord, Page, PageBounds, Place, ReadError, TopicBrowser};

#[async_trait]
impl TopicBrowser for MemoryTopic {
    async fn extents(&self, deadline: Instant) -> Result<Vec<Extent>, ReadError> {
        let state = self.shared.lock();
        let logs = state.logs_to_look_at(deadline)?;
        let extent = |(partition, log): (i32, &Log)| Extent { partition, start: log.start(), end: log.end() };
        Ok((0..).zip(logs).map(extent).collect())
    }

    async fn read(
        &self,
        partition: i32,
        from: i64,
        bounds: PageBounds,
        deadline: Instant,
    ) -> Result<Page, ReadError> {
        let state = self.shared.lock();
        let logs = state.logs_to_look_at(deadline)?;
        let log = usize::try_from(partition).ok().and_then(|index| logs.get(index)).ok_or_else(|| {
            let count = number(logs.len());
            failed(format!("there is no partition {partition}, only {count}, counted from 0"))
        })?;
        Ok(page(partition, log, from, bounds))
    }
}

impl State {
    fn logs_to_look_at(&self, deadline: Instant) -> Result<&[Log], ReadError> {
        if Instant::now() >= deadline {
            return Err(failed("the time for it is over".to_owned()));
        }
        self.reachable().map_err(|down| failed(down.reason.to_string()))?;
        Ok(&self.logs)
    }
}

fn failed(problem: String) -> ReadError {
    ReadError { attempted: "look at the topic in memory".to_owned(), problem }
}

fn page(partition: i32, log: &Log, from: i64, bounds: PageBounds) -> Page {
    let mut page = Page::default();
    let mut bytes = 0;
    for (offset, logged) in log.from(from) {
        let record = kept(Place { partition, offset }, logged);
        if !bounds.allow(&record, page.records.len(), bytes) {
            page.next = Some(offset);
            break;
        }
        bytes += record.size();
        page.records.push(record);
    }
    page
}

fn kept(place: Place, logged: &Logged) -> KeptRecord {
    let record = &logged.record;
    KeptRecord {
        place,
        timestamp: Some(logged.timestamp),
        key: record.key.clone(),
        payload: record.payload.clone(),
        headers: record.headers.clone(),
    }
}

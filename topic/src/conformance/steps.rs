//! What claims do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::{Claim, Confirmed, Event, Fate, Held, OutgoingRecord, Record, TopicReader, TopicWriter};

/// A deadline that is never reached when all is well.
#[must_use]
pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A record with a key.
#[must_use]
pub fn keyed(key: &str, payload: &str) -> OutgoingRecord {
    let bytes = |text: &str| Some(Bytes::copy_from_slice(text.as_bytes()));
    OutgoingRecord { key: bytes(key), payload: bytes(payload), headers: Vec::new() }
}

/// A record without one.
#[must_use]
pub fn unkeyed(payload: &str) -> OutgoingRecord {
    OutgoingRecord { key: None, ..keyed("", payload) }
}

/// Numbered records of one partition, with payloads of so many bytes.
#[must_use]
pub fn alike(count: usize, size: usize) -> Vec<OutgoingRecord> {
    (0..count).map(|number| keyed("one key", &format!("{number:0size$}"))).collect()
}

/// Writes records of which each must be confirmed. A topic that cannot be reached yet is waited for.
///
/// # Panics
/// When one is not confirmed.
pub async fn write_all(writer: &dyn TopicWriter, records: &[OutgoingRecord]) -> Vec<Confirmed> {
    while let Err(down) = writer.reachable() {
        assert!(down.since.elapsed() < Duration::from_secs(60), "the topic is not reachable: {down}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answers = writer.write(records, soon()).await;
    assert_eq!(answers.len(), records.len(), "one answer a record");
    answers.into_iter().map(|answer| answer.expect("the record is confirmed")).collect()
}

/// What a reader told.
#[derive(Debug, Default)]
pub struct Seen {
    /// All records, in the order they came.
    pub records: Vec<Record>,
    /// Every other event, in order.
    pub events: Vec<Event>,
    /// The partitions that are held.
    pub held: BTreeMap<i32, u64>,
}

impl Seen {
    /// Payloads as text, sorted.
    #[must_use]
    pub fn payloads(&self) -> Vec<String> {
        let text = |record: &Record| {
            String::from_utf8_lossy(record.payload.as_deref().unwrap_or_default()).into_owned()
        };
        let mut payloads: Vec<String> = self.records.iter().map(text).collect();
        payloads.sort();
        payloads
    }

    /// The claims of all records.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        self.records.iter().map(|record| record.claim).collect()
    }

    /// Partitions that the reader was told about to give up.
    #[must_use]
    pub fn revoking(&self) -> Vec<Held> {
        let partitions = |event: &Event| match event {
            Event::Revoking { partitions, .. } => partitions.clone(),
            _ => Vec::new(),
        };
        self.events.iter().flat_map(partitions).collect()
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Records(records) => {
                assert!(!records.is_empty(), "an event of no records");
                for record in &records {
                    let Claim { place, generation } = record.claim;
                    assert_eq!(
                        self.held.get(&place.partition),
                        Some(&generation),
                        "records come of partitions that are held only"
                    );
                }
                self.records.extend(records);
                return;
            }
            Event::Assigned(ref held) => {
                for held in held {
                    let before = self.held.insert(held.partition, held.generation);
                    assert!(before.is_none_or(|before| before < held.generation), "generations rise");
                }
            }
            Event::Released { ref partitions, .. } => {
                for held in partitions {
                    self.held.remove(&held.partition);
                }
            }
            Event::Revoking { .. } => {}
        }
        self.events.push(event);
    }
}

/// Takes what the reader tells until the condition holds.
///
/// # Panics
/// When the reader fails, ends, or takes too long.
pub async fn until(reader: &dyn TopicReader, seen: &mut Seen, condition: impl Fn(&Seen) -> bool) {
    while !condition(seen) {
        let next = tokio::time::timeout(Duration::from_secs(60), reader.next()).await;
        let Ok(next) = next else {
            panic!("nothing more came; {:?} of {} records so far", reader.reachable(), seen.records.len())
        };
        let event = next.expect("the reader goes on").expect("the reader is open");
        seen.note(event);
    }
}

/// Reads so many records.
///
/// # Panics
/// As [`until`].
pub async fn read(reader: &dyn TopicReader, count: usize) -> Seen {
    let mut seen = Seen::default();
    until(reader, &mut seen, |seen| seen.records.len() >= count).await;
    assert_eq!(seen.records.len(), count, "no more records than there are");
    seen
}

/// Settles these as stored.
pub fn settle(reader: &dyn TopicReader, claims: &[Claim]) {
    reader.settle(claims, Fate::Stored);
}

/// Gives these back.
pub fn give_back(reader: &dyn TopicReader, claims: &[Claim]) {
    reader.settle(claims, Fate::GivenBack);
}

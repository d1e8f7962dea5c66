//! The answers to one write, collected from delivery reports; and the memory that records under way may take.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::error::RDKafkaErrorCode;
use spoor_topic::{Confirmed, RecordError};
use tokio::sync::Notify;

use super::context;
use super::traffic::Passage;

type Answer = Result<Confirmed, RecordError>;

/// What a record under way is taken to cost beside its contents.
const RECORD_COST: usize = 200;

/// One write's answers.
pub(super) struct Batch {
    answers: Mutex<Vec<Option<Answer>>>,
    open: AtomicUsize,
    all: Notify,
    failed: AtomicBool,
    /// Records were refused in a batch that was too large, and are small enough to go in a smaller one.
    too_much: AtomicBool,
    topic: String,
    limit: usize,
    /// Bytes with which a batch of the producer is full.
    batch_bytes: usize,
}

impl Batch {
    /// Answers about so many records of at most `limit` bytes, that are sent together up to `batch_bytes`.
    pub(super) fn new(records: usize, topic: &str, limit: usize, batch_bytes: usize) -> Self {
        Self {
            answers: Mutex::new(vec![None; records]),
            open: AtomicUsize::new(records),
            all: Notify::new(),
            failed: AtomicBool::new(false),
            too_much: AtomicBool::new(false),
            topic: topic.to_owned(),
            limit,
            batch_bytes,
        }
    }

    pub(super) fn answer(&self, index: usize, answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot @ None) = answers.get_mut(index) {
            *slot = Some(answer);
            drop(answers);
            if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.all.notify_one();
            }
        }
    }

    /// Until every record has its answer.
    pub(super) async fn answered(&self) {
        while self.open.load(Ordering::Acquire) > 0 {
            self.all.notified().await;
        }
    }

    /// Whether a record could not be delivered.
    pub(super) fn saw_failure(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether smaller batches may be taken where the ones that were sent were not.
    pub(super) fn saw_too_much(&self) -> bool {
        self.too_much.load(Ordering::Relaxed)
    }

    pub(super) fn take_answers(&self, unanswered: &RecordError) -> Vec<Answer> {
        let answers = std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner));
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(unanswered.clone()))).collect()
    }
}

/// Goes with a record through the library and comes back with its report.
pub(super) struct Ticket {
    batch: Arc<Batch>,
    index: usize,
    place: Place,
    passage: Passage,
}

impl Ticket {
    pub(super) fn new(batch: Arc<Batch>, index: usize, place: Place, passage: Passage) -> Self {
        Self { batch, index, place, passage }
    }

    pub(super) fn confirmed(&self, partition: i32, offset: i64) {
        self.passage.answered();
        // Without confirmation the library knows no offset.
        let offset = Some(offset).filter(|offset| *offset >= 0);
        self.batch.answer(self.index, Ok(Confirmed { partition, offset }));
    }

    pub(super) fn failed(&self, code: RDKafkaErrorCode) {
        self.batch.failed.store(true, Ordering::Relaxed);
        if context::is_brokers_word(code) {
            self.passage.answered();
        }
        let size = self.place.bytes.saturating_sub(RECORD_COST);
        let Batch { topic, limit, batch_bytes, .. } = &*self.batch;
        // The brokers' limit is one of batches, and all records of a batch are refused with it. One that fills a batch was alone.
        let error = if context::is_too_large(code) && size < *batch_bytes {
            self.batch.too_much.store(true, Ordering::Relaxed);
            context::too_much(topic)
        } else {
            context::record_error(code, topic, size, *limit)
        };
        self.batch.answer(self.index, Err(error));
    }
}

/// Memory for records under way.
pub(super) struct Room {
    limit: usize,
    taken: AtomicUsize,
}

/// A record's share of the room, given back when dropped.
pub(super) struct Place {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, taken: AtomicUsize::new(0) }
    }

    /// Room for a record of that size ([`spoor_topic::OutgoingRecord::size`]). One that is larger than all of the room has it for itself.
    pub(super) fn take(self: &Arc<Self>, size: usize) -> Option<Place> {
        let bytes = size.saturating_add(RECORD_COST);
        let fits = |taken: usize| (taken == 0 || taken + bytes <= self.limit).then_some(taken + bytes);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Place { room: Arc::clone(self), bytes })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_given_back_and_there_for_one_large_record() {
        let room = Arc::new(Room::new(1_000));
        let first = room.take(500).unwrap();
        assert!(room.take(500).is_none());
        drop(first);
        let large = room.take(5_000).unwrap();
        assert!(room.take(1).is_none());
        drop(large);
        assert!(room.take(1).is_some());
    }

    #[tokio::test]
    async fn a_batch_is_answered_when_each_record_is_and_first_answers_count() {
        let batch = Batch::new(2, "t", 10, 10);
        batch.answer(1, Ok(Confirmed { partition: 0, offset: Some(3) }));
        batch.answer(1, Err(RecordError::DeadlineExceeded));
        let early = tokio::time::timeout(std::time::Duration::ZERO, batch.answered()).await;
        assert!(early.is_err(), "one record has no answer yet");
        batch.answer(0, Err(RecordError::TooLarge { size: 11, limit: 10 }));
        batch.answered().await;
        let answers = batch.take_answers(&RecordError::DeadlineExceeded);
        assert_eq!(answers[1], Ok(Confirmed { partition: 0, offset: Some(3) }));
        assert_eq!(answers[0], Err(RecordError::TooLarge { size: 11, limit: 10 }));
    }
}

//! [`TopicQuarantine`]: letters as records of a topic.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use spoor_topic::{OutgoingRecord, RecordError, TopicWriter};

use super::{Letter, Quarantine, QuarantineError};

/// What to do about a letter that is too large.
const RAISE_LIMIT: &str = "raise the dead-letter topic's max.message.bytes, or have such records set aside in files: --ingester.dead-letter-dir";
/// What to do where there may be no topic.
const NAME_A_DIRECTORY: &str = "have such records set aside in files: --ingester.dead-letter-dir";

/// Writes each letter as a record of a dead-letter topic: the payload as it was, in the headers what else is known, the
/// origin as key.
///
/// A letter that is over the writer's limit loses of its detail first.
pub struct TopicQuarantine {
    writer: Arc<dyn TopicWriter>,
    topic: String,
}

impl TopicQuarantine {
    /// Over the writer of the dead-letter topic of that name.
    #[must_use]
    pub fn new(writer: Arc<dyn TopicWriter>, topic: &str) -> Self {
        Self { writer, topic: topic.to_owned() }
    }

    /// The letter's record, no larger than the writer takes.
    fn record(&self, letter: &Letter) -> Result<OutgoingRecord, QuarantineError> {
        let limit = self.writer.max_record_bytes();
        let whole = letter.to_record(&letter.detail);
        if whole.size() <= limit {
            return Ok(whole);
        }
        let least = letter.to_record("");
        let size = least.size();
        match limit.checked_sub(size) {
            Some(room) => Ok(letter.to_record(beginning(&letter.detail, room))),
            None => Err(self.too_large(size, limit)),
        }
    }

    fn too_large(&self, size: usize, limit: usize) -> QuarantineError {
        let problem = format!(
            "with the headers that say where it comes from it takes {size} bytes, over the limit of {limit}: {RAISE_LIMIT}"
        );
        QuarantineError { destination: self.destination(), problem, may_heal: false }
    }

    fn failed(&self, error: &RecordError) -> QuarantineError {
        match error {
            RecordError::TooLarge { size, limit } => self.too_large(*size, *limit),
            RecordError::NoTopic { reason, .. } => QuarantineError {
                destination: self.destination(),
                problem: format!("{reason}; or {NAME_A_DIRECTORY}"),
                may_heal: false,
            },
            _ => QuarantineError {
                destination: self.destination(),
                problem: error.to_string(),
                may_heal: !error.is_final(),
            },
        }
    }
}

#[async_trait]
impl Quarantine for TopicQuarantine {
    async fn set_aside(&self, letters: &[Letter], deadline: Instant) -> Vec<Result<(), QuarantineError>> {
        let mut answers = Vec::with_capacity(letters.len());
        let mut records = Vec::with_capacity(letters.len());
        for letter in letters {
            answers.push(self.record(letter).map(|record| records.push(record)));
        }
        let mut written = self.writer.write(&records, deadline).await.into_iter();
        for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
            let written = written.next().unwrap_or(Err(RecordError::DeadlineExceeded));
            *answer = written.map(drop).map_err(|error| self.failed(&error));
        }
        answers
    }

    fn destination(&self) -> String {
        format!("topic {}", self.topic)
    }
}

/// The longest beginning that fits into so many bytes.
fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

//! Whether an answer to a search is whole: no time-out, no failed shard, no shard without a copy.

use serde::Deserialize;
use spoor_storage::{ReadError, ReadErrorKind};

use crate::client::FailedShard;

/// What is asked to come back of every search besides its hits; the rest of an answer is as long again.
pub(crate) const WHOLENESS: &str =
    "timed_out,_shards.total,_shards.successful,_shards.failed,_shards.failures";

/// `_shards` of an answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Shards {
    #[serde(default)]
    total: u32,
    /// Those passed over because they cannot hold what is asked for included.
    #[serde(default)]
    successful: u32,
    /// Without those of which no copy is there to be asked: these are only missing among the successful ones.
    failed: u32,
    #[serde(default)]
    failures: Vec<FailedShard>,
}

/// An answer to one search, whatever was found.
#[derive(Debug, Deserialize)]
struct AnyAnswer {
    #[serde(rename = "_shards")]
    shards: Shards,
}

/// Whether the shards that had to look did not understand the question. The answer is no refusal as a whole where others passed over it
/// unread, because what they hold is outside its times.
pub(crate) fn is_refused(answer: &[u8]) -> bool {
    serde_json::from_slice(answer).is_ok_and(|AnyAnswer { shards }| shards.refused())
}

impl Shards {
    /// Servers tell one failure of each kind and index.
    fn refused(&self) -> bool {
        !self.failures.is_empty() && self.failures.iter().all(|failure| failure.reason.is_refusal())
    }

    /// Nothing when all shards answered in time, else the error that says what is missing.
    pub(crate) fn check(&self, timed_out: bool, attempted: &str) -> Result<(), ReadError> {
        let incomplete = |what: String| Err(ReadError::new(ReadErrorKind::Incomplete, attempted, what));
        if timed_out {
            let what = "the store ran out of time half-way";
            return Err(ReadError::new(ReadErrorKind::DeadlineExceeded, attempted, what));
        }
        let Self { total, successful, failed, failures } = self;
        match failures.first() {
            _ if *failed == 0 && successful >= total => Ok(()),
            _ if *failed == 0 => {
                let missing = total - successful;
                incomplete(format!("{missing} of {total} shards have no copy that could be asked"))
            }
            None => incomplete(format!("{failed} shards failed without a reason")),
            Some(first) => {
                let index = first.index.as_deref().unwrap_or("unknown index");
                let kind = if self.refused() { ReadErrorKind::Invalid } else { ReadErrorKind::Incomplete };
                let what = format!("{failed} shards failed; the first, of {index}: {}", first.reason.text());
                Err(ReadError::new(kind, attempted, what))
            }
        }
    }
}

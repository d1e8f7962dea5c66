//! Whether an answer to a search is whole: no time-out, no failed shard, no shard without a copy.

use memchr::memmem;
use serde::Deserialize;
use spoor_storage::{ReadError, ReadErrorKind};

use crate::client::{FailedShard, ServerError};

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

/// What servers call it that a node went away while they waited for it.
const LOST: [&str; 3] =
    ["node_disconnected_exception", "node_not_connected_exception", "node_closed_exception"];
/// An answer without this tells of no such thing. It is cheap to look for, and answers are large.
const MARK_OF_LOSS: &[u8] = br#""type":"node_"#;

/// An answer to one search or to several, whatever was found, or what stands in an answer's place.
#[derive(Debug, Deserialize)]
struct AnyAnswers {
    #[serde(default, rename = "_shards")]
    shards: Option<Shards>,
    #[serde(default)]
    error: Option<ServerError>,
    #[serde(default)]
    responses: Vec<AnyAnswers>,
}

impl AnyAnswers {
    fn tell_of_a_loss(&self) -> bool {
        let of_shards = self.shards.iter().flat_map(|shards| &shards.failures);
        let of_error = self.error.iter().flat_map(|error| &error.failed_shards);
        let mut failures = of_shards.chain(of_error);
        failures.any(|failure| LOST.contains(&failure.reason.kind.as_str()))
            || self.responses.iter().any(Self::tell_of_a_loss)
    }
}

/// Whether something is missing in an answer to one search or to several because a node went away. Asked again, the store asks other copies.
pub(crate) fn has_lost_a_node(answer: &[u8]) -> bool {
    memmem::find(answer, MARK_OF_LOSS).is_some()
        && serde_json::from_slice(answer).is_ok_and(|answers: AnyAnswers| answers.tell_of_a_loss())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_node_is_told_from_other_failures_and_from_what_documents_say() {
        let failed = |kind: &str| {
            format!(r#""_shards":{{"failed":1,"failures":[{{"index":"i","reason":{{"type":"{kind}"}}}}]}}"#)
        };
        let lost = |text: String| has_lost_a_node(text.as_bytes());
        assert!(lost(format!("{{{}}}", failed("node_disconnected_exception"))));
        let others = failed("query_shard_exception");
        assert!(!lost(format!("{{{others}}}")));
        let several = |second: &str| format!(r#"{{"responses":[{{{others}}},{{{second}}}]}}"#);
        assert!(lost(several(&failed("node_not_connected_exception"))));
        assert!(!lost(several(&others)));
        let all_of_it = r#""error":{"type":"search_phase_execution_exception","failed_shards":[{"reason":{"type":"node_closed_exception"}}]},"status":503"#;
        assert!(lost(several(all_of_it)));
        let said =
            r#"{"_shards":{"failed":0},"hits":{"hits":[{"_source":{"type":"node_closed_exception"}}]}}"#;
        assert!(!lost(said.to_owned()));
    }
}

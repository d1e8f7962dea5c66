//! What can go wrong with letters.

use std::io;
use std::path::PathBuf;

use super::LettersError;
use crate::quarantine::LetterId;

/// A command that was not carried out, or not whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLettersError {
    /// Before anything was done.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The place of the letters cannot be read.
    #[error(transparent)]
    Letters(#[from] LettersError),
    /// What to show is not there.
    #[error("there is no letter {id} in {place}; `list` shows which there are")]
    NotFound {
        /// What was asked for.
        id: LetterId,
        /// Where it was looked for.
        place: String,
    },
    /// There is nothing to be written.
    #[error("the record of {0} had no payload, so there is nothing to write")]
    NoPayload(LetterId),
    /// The payload could not be written where it should be.
    #[error("write the payload to {}: {source}", path.display())]
    Payload {
        /// Where it was to go.
        path: PathBuf,
        /// What was wrong.
        source: io::Error,
    },
    /// Told by letter before.
    #[error("{failed} of {tried} letters were not put back")]
    NotPutBack {
        /// So many were not.
        failed: usize,
        /// Of so many.
        tried: usize,
    },
    /// No group of letters could be written; the rest was not tried.
    #[error(
        "stopped after {failed} letters in a row could not be put back, the rest was not tried: {problem}"
    )]
    Stopped {
        /// So many were tried in vain.
        failed: usize,
        /// What was wrong with the last.
        problem: String,
    },
    /// Nobody reads what is told.
    #[error("write the answer: {0}")]
    Output(#[from] io::Error),
}

/// Flags that do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub(super) String);

/// Why there is no writer for a topic.
pub type OpenWriterError = Box<dyn std::error::Error + Send + Sync>;

//! [`Letters`]: the door to what was set aside.

use async_trait::async_trait;
use spoor_topic::ReadError;

use crate::quarantine::{Letter, LetterId};

/// Letters in the place they were set aside in, as they were when it was opened.
///
/// **Each once.** A letter that was set aside several times is the one of the last time.
///
/// **Bounded.** At any time one page is held, and the ids of all letters at most.
///
/// **In time.** A page, a search for one letter: each ends within 30 s or fails.
#[async_trait]
pub trait Letters: Send {
    /// The next letters; may be none. `None` behind the last.
    ///
    /// # Errors
    /// The place cannot be read.
    async fn next_page(&mut self) -> Result<Option<LettersPage>, LettersError>;

    /// One letter, wherever the pages are; `None`: it is not there.
    ///
    /// # Errors
    /// The place cannot be read, or what lies there under this id is no letter.
    async fn find(&mut self, id: &LetterId) -> Result<Option<Letter>, LettersError>;

    /// Takes note that these are written to their topics again; one answer each, in their order.
    async fn was_put_back(&mut self, ids: &[LetterId]) -> Vec<Result<(), LettersError>>;

    /// What becomes of letters that were put back, as a sentence's end.
    fn afterwards(&self) -> String;

    /// Where they lie: `topic jaeger-spans-dead-letter`.
    fn place(&self) -> String;
}

/// A piece of what lies there.
#[derive(Debug, Default)]
pub struct LettersPage {
    /// The letters: at most 1,000, or 4 MiB and one more.
    pub letters: Vec<Letter>,
    /// What lies among them and is no letter.
    pub strays: Vec<Stray>,
}

/// Something that is no letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Where: `partition 0, offset 17`, or a path.
    pub place: String,
    /// Why it is none.
    pub problem: String,
}

/// Letters that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attempted}: {problem}")]
pub struct LettersError {
    /// What was being done, as the beginning of a sentence.
    pub attempted: String,
    /// What was wrong, and what to do.
    pub problem: String,
}

impl From<ReadError> for LettersError {
    fn from(error: ReadError) -> Self {
        Self { attempted: error.attempted, problem: error.problem }
    }
}

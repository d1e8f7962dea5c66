//! Why a door's call failed, in terms of what the caller does next. One table a role turns kinds into status codes.

use std::time::Duration;

use crate::Written;

/// Any cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the caller of a failed write does next. In all cases the spans named as unfinished may be written again at no harm:
/// a store keeps a span once however often it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteErrorKind {
    /// The store is there but has no room right now: slow down, then try again.
    Busy,
    /// The store cannot be reached, is broken, or refuses us: try again later.
    Unavailable,
    /// The time was up before the store had answered.
    DeadlineExceeded,
}

/// A write that did not finish. What was settled before is told, what was not is named.
#[derive(Debug, thiserror::Error)]
#[error("store {attempted} spans: {} not stored yet: {source}", unfinished.len())]
pub struct WriteError {
    /// What to do next.
    pub kind: WriteErrorKind,
    /// How many spans the write was about.
    pub attempted: usize,
    /// What has been settled for good: spans stored and spans refused.
    pub settled: Written,
    /// Positions in the batch, ascending, of spans whose fate is open.
    pub unfinished: Vec<usize>,
    /// When the store would like to be asked again, if it said so.
    pub retry_after: Option<Duration>,
    /// What went wrong.
    #[source]
    pub source: BoxError,
}

impl WriteError {
    /// Nothing of a batch of `attempted` spans is settled.
    pub fn nothing_settled(kind: WriteErrorKind, attempted: usize, source: impl Into<BoxError>) -> Self {
        Self {
            kind,
            attempted,
            settled: Written::default(),
            unfinished: (0..attempted).collect(),
            retry_after: None,
            source: source.into(),
        }
    }
}

/// What the caller of a failed read does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadErrorKind {
    /// The question makes no sense or asks for more than the store can: do not repeat it.
    Invalid,
    /// The store has no room right now: slow down, then try again.
    Busy,
    /// The store cannot be reached, is broken, or refuses us.
    Unavailable,
    /// The time was up.
    DeadlineExceeded,
    /// The store answered, but not wholly (failed shards, an item's error), or in words we do not understand.
    Incomplete,
}

/// A read that failed. A shorter answer is never given in its place.
#[derive(Debug, thiserror::Error)]
#[error("{attempted}: {source}")]
pub struct ReadError {
    /// What to do next.
    pub kind: ReadErrorKind,
    /// What was being read, as the beginning of a sentence: "search traces of service x".
    pub attempted: String,
    /// What went wrong.
    #[source]
    pub source: BoxError,
}

impl ReadError {
    /// Puts the pieces together.
    pub fn new(kind: ReadErrorKind, attempted: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self { kind, attempted: attempted.into(), source: source.into() }
    }
}

/// What the caller of a failed write of records (dependencies, sampling, locks) does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordErrorKind {
    /// The store will never take this: do not repeat it.
    Refused,
    /// The store has no room right now: slow down, then try again.
    Busy,
    /// The store cannot be reached, is broken, or answers in words we do not understand: try again later.
    Unavailable,
    /// The time was up before the store had answered.
    DeadlineExceeded,
}

/// A write of records that failed: it may have been stored or not, and may be repeated at no harm.
#[derive(Debug, thiserror::Error)]
#[error("{attempted}: {source}")]
pub struct RecordError {
    /// What to do next.
    pub kind: RecordErrorKind,
    /// What was being written, as the beginning of a sentence: "store the dependencies of source jaeger".
    pub attempted: String,
    /// What went wrong.
    #[source]
    pub source: BoxError,
}

impl RecordError {
    /// Puts the pieces together.
    pub fn new(kind: RecordErrorKind, attempted: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self { kind, attempted: attempted.into(), source: source.into() }
    }
}

//! Where records go that can never be stored as they are: set aside with the reason, for somebody to look at and to put back.

mod fallback;
mod file_form;
mod files;
mod headers;
mod id;
mod moment;
#[cfg(test)]
mod tests;
mod topic;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use spoor_topic::{Header, Place};

pub(crate) use file_form::SUFFIX;
pub(crate) use files::sync_dir;
pub(crate) use moment::{parse_rfc3339, rfc3339};

pub use fallback::WithFallback;
pub use files::FileQuarantine;
pub use id::{LetterId, NoLetterId};
pub use topic::TopicQuarantine;

/// Sets records aside.
///
/// **Ok means durable**, for each letter by itself.
///
/// **At least once.** A letter may be set aside again after a crash: it is known by its origin, so that whoever looks sees it once.
///
/// **In time.** Every letter has its answer by the deadline.
#[async_trait]
pub trait Quarantine: Send + Sync + 'static {
    /// Sets the letters aside; one answer each, in their order.
    async fn set_aside(&self, letters: &[Letter], deadline: Instant) -> Vec<Result<(), QuarantineError>>;

    /// Where they go, for logs: `topic jaeger-spans-dead-letter`.
    fn destination(&self) -> String;
}

#[async_trait]
impl<Q: Quarantine + ?Sized> Quarantine for Arc<Q> {
    async fn set_aside(&self, letters: &[Letter], deadline: Instant) -> Vec<Result<(), QuarantineError>> {
        (**self).set_aside(letters, deadline).await
    }

    fn destination(&self) -> String {
        (**self).destination()
    }
}

/// A record that was set aside, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The topic it was read from.
    pub topic: Arc<str>,
    /// Its place there.
    pub place: Place,
    /// Why it is here, as a metric's label.
    pub reason: Reason,
    /// Why, in words. May quote the store; bounded in length.
    pub detail: String,
    /// When it was set aside.
    pub set_aside: SystemTime,
    /// When it was written to its topic; nothing before the year 0 or after 9999.
    pub written: Option<SystemTime>,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its content.
    pub payload: Option<Bytes>,
    /// What stood beside it.
    pub headers: Vec<Header>,
}

/// Why a record is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It has no bytes, or no value at all.
    Empty,
    /// It looks like none of the known encodings.
    Unrecognized,
    /// It is not what its encoding demands.
    Malformed,
    /// It was read without an error, and there is no span in it.
    NoSpan,
    /// It holds a span without a trace id or a span id.
    NoIds,
    /// The store will never take a span of it.
    Refused,
    /// Reading or storing it makes the program itself fail, which is a fault worth a report.
    Broken,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Empty,
        Self::Unrecognized,
        Self::Malformed,
        Self::NoSpan,
        Self::NoIds,
        Self::Refused,
        Self::Broken,
    ];

    /// Its name in metrics, headers and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Unrecognized => "unrecognized",
            Self::Malformed => "malformed",
            Self::NoSpan => "no-span",
            Self::NoIds => "no-ids",
            Self::Refused => "refused",
            Self::Broken => "broken",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// A letter that could not be set aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("set a record aside in {destination}: {problem}")]
pub struct QuarantineError {
    /// Where it was to go.
    pub destination: String,
    /// What was wrong, and what to do.
    pub problem: String,
    /// Whether trying again may help; if not, only a person can.
    pub may_heal: bool,
}

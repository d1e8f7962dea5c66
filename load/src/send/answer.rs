//! What one attempt to send came to, and what that makes of the request.

use std::time::Duration;

/// The answer to one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Success; a partial one names how many spans were rejected and why.
    Success { rejected: u64, message: String },
    /// The server said no, or could not be reached at all: it has not taken the request over.
    Refused { reason: String, message: String, retry: Retry },
    /// Sent, but no answer that could be understood: the spans may be stored or not.
    Unknown { reason: String, message: String },
}

/// Whether to send the same request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It would be refused again.
    Never,
    /// Worth another attempt, after our own delay.
    Backoff,
    /// The server asked for this delay.
    After(Duration),
}

/// What became of a request in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every span was acknowledged.
    Acknowledged,
    /// The server acknowledged all spans but this many, without naming them by id.
    Partial {
        /// Spans rejected, at most those of the request.
        rejected: u64,
    },
    /// No span was acknowledged; the server gave this reason, such as `grpc Unavailable`, `http 503` or `unreachable`.
    Refused {
        /// Protocol and status.
        reason: String,
    },
    /// The connection or the deadline was lost in between: the spans may be stored or not.
    Unknown {
        /// What was lost.
        reason: String,
    },
}

impl Answer {
    /// A plain success.
    pub(crate) fn success() -> Self {
        Self::Success { rejected: 0, message: String::new() }
    }

    /// A success from the fields of OTLP's partial success; a negative number counts as none.
    pub(crate) fn partial(rejected: i64, message: &str) -> Self {
        Self::Success { rejected: u64::try_from(rejected).unwrap_or(0), message: shorten(message) }
    }

    /// No connection: nothing was sent.
    pub(crate) fn unreachable(error: &dyn std::error::Error) -> Self {
        Self::Refused { reason: "unreachable".to_owned(), message: chain(error), retry: Retry::Backoff }
    }

    /// The connection broke after the request may have been sent.
    pub(crate) fn lost(error: &dyn std::error::Error) -> Self {
        Self::Unknown { reason: "connection lost".to_owned(), message: chain(error) }
    }

    /// Sent by a way on which nothing comes back.
    pub(crate) fn unanswered() -> Self {
        Self::Unknown { reason: "sent, no answer by UDP".to_owned(), message: String::new() }
    }

    /// No answer within the deadline.
    pub(crate) fn late() -> Self {
        Self::Unknown { reason: "no answer within the deadline".to_owned(), message: String::new() }
    }

    /// A success that cannot be read.
    pub(crate) fn unreadable(problem: &str) -> Self {
        Self::Unknown { reason: "unreadable answer".to_owned(), message: shorten(problem) }
    }

    /// What the server or the system said about it; empty when nothing.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Success { message, .. } | Self::Refused { message, .. } | Self::Unknown { message, .. } => {
                message
            }
        }
    }

    /// Whether another attempt makes sense. After a loss it does: the store keeps one copy of a span sent twice.
    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Success { .. } => Retry::Never,
            Self::Refused { retry, .. } => *retry,
            Self::Unknown { .. } => Retry::Backoff,
        }
    }

    /// The outcome of a request of `spans` spans whose last answer this is. A refusal after an earlier loss leaves open what the lost attempt did.
    pub(crate) fn into_outcome(self, spans: u64, earlier_loss: Option<String>) -> Outcome {
        match (self, earlier_loss) {
            (Self::Success { rejected: 0, .. }, _) => Outcome::Acknowledged,
            (Self::Success { rejected, .. }, _) => Outcome::Partial { rejected: rejected.min(spans) },
            (Self::Unknown { reason, .. }, _) | (Self::Refused { .. }, Some(reason)) => {
                Outcome::Unknown { reason }
            }
            (Self::Refused { reason, .. }, None) => Outcome::Refused { reason },
        }
    }
}

/// At most 200 characters of a message, so that reports stay readable and bounded.
pub(crate) fn shorten(message: &str) -> String {
    message.chars().take(200).collect()
}

/// An error with its causes, as one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    shorten(&line)
}

//! Why a request to the store failed: what was attempted, at which node, what came back.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use spoor_storage::{BoxError, ReadError, ReadErrorKind, WriteErrorKind};

/// The longest reason kept of what a server says.
const MAX_REASON_BYTES: usize = 256;

/// A failed request. Its text is meant for people; it never holds credentials.
#[derive(Debug, thiserror::Error)]
#[error("{attempted}: {fault}")]
pub(crate) struct Error {
    /// The beginning of the sentence: "send a bulk of 12 documents".
    pub(crate) attempted: String,
    pub(crate) fault: Fault,
}

/// What went wrong where.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The node asked last.
    pub(crate) node: String,
    /// What happened.
    pub(crate) cause: Cause,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Cause {
    /// No connection: the request did not reach the server.
    Connect(BoxError),
    /// The connection broke before the answer was complete.
    Broken(BoxError),
    /// The caller's time was up.
    TimedOut,
    /// The longest that one request may take (`--es.timeout`) was up; the caller has time left.
    OwnTimeOut,
    /// The caller's token, which is to be passed on, cannot be sent.
    Token,
    /// The server answered with something else than 2xx.
    Status(Refusal),
    /// The answer is larger than what we take, in bytes.
    TooLarge(usize),
    /// The answer is not what the request calls for.
    Malformed(String),
}

/// A server's refusal of a whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// `type: reason` as the server says it, or the beginning of its answer, bounded; and what to look at.
    pub(crate) reason: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Error {
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match &self.fault.cause {
            Cause::Status(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match &self.fault.cause {
            Cause::Status(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// What a writer's caller does next.
    pub(crate) fn write_kind(&self) -> WriteErrorKind {
        match &self.fault.cause {
            Cause::TimedOut => WriteErrorKind::DeadlineExceeded,
            Cause::Status(refusal) if refusal.status == StatusCode::TOO_MANY_REQUESTS => WriteErrorKind::Busy,
            _ => WriteErrorKind::Unavailable,
        }
    }

    /// What a reader's caller does next.
    pub(crate) fn read_kind(&self) -> ReadErrorKind {
        match &self.fault.cause {
            Cause::TimedOut => ReadErrorKind::DeadlineExceeded,
            Cause::TooLarge(_) | Cause::Malformed(_) => ReadErrorKind::Incomplete,
            Cause::Token => ReadErrorKind::Invalid,
            Cause::Connect(_) | Cause::Broken(_) | Cause::OwnTimeOut => ReadErrorKind::Unavailable,
            Cause::Status(refusal) => match refusal.status {
                StatusCode::TOO_MANY_REQUESTS => ReadErrorKind::Busy,
                StatusCode::BAD_REQUEST => ReadErrorKind::Invalid,
                _ => ReadErrorKind::Unavailable,
            },
        }
    }
}

impl std::error::Error for Fault {}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::new(error.read_kind(), error.attempted, error.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Told { node: &self.node, cause: &self.cause }.fmt(f)
    }
}

/// The sentence of a cause.
pub(super) struct Told<'a> {
    pub(super) node: &'a str,
    pub(super) cause: &'a Cause,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, cause } = self;
        match cause {
            Cause::Connect(source) => {
                write!(f, "no connection to {node}: {}", Chain(&**source))?;
                f.write_str(if is_of_certificate(&**source) {
                    "; check --es.tls.ca and --es.tls.server-name"
                } else {
                    "; check that the store runs and that --es.server-urls names it"
                })
            }
            Cause::Broken(source) => {
                write!(f, "the connection to {node} broke: {}", Chain(&**source))
            }
            Cause::TimedOut => write!(f, "{node} did not answer in time"),
            Cause::OwnTimeOut => write!(f, "{node} did not answer within --es.timeout"),
            Cause::Status(Refusal { status, reason, .. }) => {
                write!(f, "{node} answered {status}: {reason}")
            }
            Cause::Token => write!(f, "the caller's token cannot be sent to {node} in a header"),
            Cause::TooLarge(limit) => {
                write!(f, "the answer of {node} is larger than {limit} bytes")
            }
            Cause::Malformed(what) => {
                write!(f, "the answer of {node} is not what was asked for: {what}")
            }
        }
    }
}

/// Whether the store's certificate is what failed. I/O errors hide from `source` what they were made of.
fn is_of_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<std::io::Error>() {
        Some(error) => error.get_ref().is_some_and(|inner| is_of_certificate(inner)),
        None => matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))),
    };
    std::iter::successors(Some(error), |cause| cause.source()).any(inner)
}

/// An error with its causes on one line; hyper's own text names only the outermost.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            write!(f, ": {source}")?;
            next = source.source();
        }
        Ok(())
    }
}

/// An `error` object as Elasticsearch and OpenSearch write it, for whole requests and for items.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ServerError {
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) caused_by: Option<Box<ServerError>>,
    #[serde(default)]
    pub(crate) root_cause: Vec<ServerError>,
    #[serde(default)]
    pub(crate) failed_shards: Vec<FailedShard>,
}

/// One failed shard of a search.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct FailedShard {
    #[serde(default)]
    pub(crate) index: Option<String>,
    #[serde(default)]
    pub(crate) reason: ServerError,
}

/// What servers call it that they do not understand the question, as against what befalls them while they answer it.
const REFUSALS: [&str; 2] = ["query_shard_exception", "parsing_exception"];

impl ServerError {
    /// The question is what is wrong: every shard that failed, or the whole search, did not understand it.
    pub(crate) fn is_refusal(&self) -> bool {
        let is_named = |error: &Self| REFUSALS.contains(&error.kind.as_str());
        is_named(self) || (!self.root_cause.is_empty() && self.root_cause.iter().all(is_named))
    }

    /// `type: reason`, with the innermost cause where it adds something; at most [`MAX_REASON_BYTES`].
    pub(crate) fn text(&self) -> String {
        let mut text = self.one();
        if let Some(shard) = self.failed_shards.first() {
            text = format!("{text} ({})", shard.reason.text());
        } else if let Some(root) = self.root_cause.first().filter(|root| root.reason != self.reason) {
            text = format!("{text} ({})", root.one());
        }
        let mut innermost = None;
        let mut next = self.caused_by.as_deref();
        while let Some(cause) = next {
            innermost = Some(cause);
            next = cause.caused_by.as_deref();
        }
        if let Some(cause) = innermost.and_then(|cause| cause.reason.as_deref()) {
            text = format!("{text}; {cause}");
        }
        bounded(&text)
    }

    fn one(&self) -> String {
        match (self.kind.as_str(), self.reason.as_deref()) {
            ("", None) => "no reason given".to_owned(),
            ("", Some(reason)) => reason.to_owned(),
            (kind, None) => kind.to_owned(),
            (kind, Some(reason)) => format!("{kind}: {reason}"),
        }
    }
}

/// The server's reason out of the body of a refusal, whatever its shape.
pub(super) fn reason_of(body: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Object { error: ServerError },
        Text { error: String },
    }
    match serde_json::from_slice(body) {
        Ok(Told::Object { error }) => error.text(),
        Ok(Told::Text { error }) => bounded(&error),
        Err(_) if body.is_empty() => "no reason given".to_owned(),
        Err(_) => bounded(&String::from_utf8_lossy(body)),
    }
}

/// At most [`MAX_REASON_BYTES`] of a text, on one line, cut at a character.
pub(crate) fn bounded(text: &str) -> String {
    let mut end = text.len().min(MAX_REASON_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut short: String = text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if end < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_names_type_reason_and_innermost_cause() {
        let body = br#"{"error":{"root_cause":[{"type":"x","reason":"outer"}],"type":"mapper_parsing_exception",
            "reason":"failed to parse field [flags]","caused_by":{"type":"a","reason":"b","caused_by":{"type":"c","reason":"For input string"}}},"status":400}"#;
        assert_eq!(
            reason_of(body),
            "mapper_parsing_exception: failed to parse field [flags] (x: outer); For input string"
        );
        assert_eq!(reason_of(br#"{"error":"Incorrect HTTP method","status":405}"#), "Incorrect HTTP method");
        assert_eq!(reason_of(b"<html>\nbad gateway"), "<html> bad gateway");
        assert_eq!(reason_of(b""), "no reason given");
    }

    #[test]
    fn a_question_that_is_not_understood_is_told_from_a_store_in_trouble() {
        let is_refusal = |text| serde_json::from_str::<ServerError>(text).unwrap().is_refusal();
        assert!(is_refusal(r#"{"type":"parsing_exception"}"#));
        assert!(is_refusal(
            r#"{"type":"search_phase_execution_exception","root_cause":[{"type":"query_shard_exception"}]}"#
        ));
        assert!(!is_refusal(r#"{"type":"search_phase_execution_exception","root_cause":[]}"#));
        let mixed = r#"{"type":"a","root_cause":[{"type":"query_shard_exception"},{"type":"node_disconnected_exception"}]}"#;
        assert!(!is_refusal(mixed));
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let cut = bounded(&"é".repeat(1_000));
        assert!(cut.len() <= MAX_REASON_BYTES + '…'.len_utf8() && cut.ends_with("é…"), "{cut}");
    }

    #[test]
    fn the_kind_of_an_error_says_what_to_do_next() {
        let refusal = |status: u16| Error {
            attempted: "search".to_owned(),
            fault: Fault {
                node: "http://a".to_owned(),
                cause: Cause::Status(Refusal {
                    status: StatusCode::from_u16(status).unwrap(),
                    reason: "why".to_owned(),
                    retry_after: None,
                }),
            },
        };
        assert_eq!(refusal(401).to_string(), "search: http://a answered 401 Unauthorized: why");
        assert_eq!(refusal(429).write_kind(), WriteErrorKind::Busy);
        assert_eq!(refusal(403).write_kind(), WriteErrorKind::Unavailable);
        assert_eq!(refusal(400).read_kind(), ReadErrorKind::Invalid);
    }
}

//! A request to the store and its answer.

use bytes::Bytes;
use http::{HeaderValue, Method};

use super::{Cause, Chunks, Error, Fault, bounded};

/// The largest answer taken, in bytes, unless the request says less.
pub(crate) const MAX_ANSWER_BYTES: usize = 128 << 20;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Bulks and multi-searches. Elasticsearch's vendor type is refused by OpenSearch with 406.
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Starts with `/`, percent-encoded where needed.
    pub(crate) path_and_query: String,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) body: Chunks,
    /// True when another node may be asked even if this one may have done the work already.
    pub(crate) repeatable: bool,
    /// The largest answer taken, in bytes.
    pub(crate) largest_answer: usize,
    /// By which the store tells whose work something is (`X-Opaque-Id`).
    pub(crate) opaque_id: Option<String>,
    /// The beginning of the sentence in an error.
    pub(crate) attempted: String,
}

impl Request {
    pub(crate) fn get(path_and_query: impl Into<String>, attempted: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path_and_query: path_and_query.into(),
            content_type: None,
            body: Chunks::default(),
            repeatable: true,
            largest_answer: MAX_ANSWER_BYTES,
            opaque_id: None,
            attempted: attempted.into(),
        }
    }

    /// A question with a JSON body.
    pub(crate) fn search(
        path_and_query: impl Into<String>,
        body: Vec<u8>,
        attempted: impl Into<String>,
    ) -> Self {
        Self {
            method: Method::POST,
            content_type: Some(JSON),
            body: body.into(),
            ..Self::get(path_and_query, attempted)
        }
    }

    /// Sets something, by a JSON body; setting it twice is the same.
    pub(crate) fn put(
        path_and_query: impl Into<String>,
        body: Vec<u8>,
        attempted: impl Into<String>,
    ) -> Self {
        Self { method: Method::PUT, ..Self::search(path_and_query, body, attempted) }
    }

    /// Sends lines of JSON.
    pub(crate) fn lines(
        path_and_query: impl Into<String>,
        body: Chunks,
        attempted: impl Into<String>,
    ) -> Self {
        Self { method: Method::POST, content_type: Some(LINES), body, ..Self::get(path_and_query, attempted) }
    }

    /// Whether it asks something by a body, so that its method may be GET as well (`--es.send-get-body-as`).
    pub(super) fn is_question(&self) -> bool {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        let verb = path.rsplit('/').next().unwrap_or_default();
        self.method == Method::POST && matches!(verb, "_search" | "_msearch" | "_count")
    }

    /// Asks no second node once the first may have begun the work.
    pub(crate) fn once(self) -> Self {
        Self { repeatable: false, ..self }
    }
}

/// A 2xx answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) node: String,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The error for an answer that is not what was asked for.
    pub(crate) fn malformed(&self, attempted: &str, what: &str) -> Error {
        Error {
            attempted: attempted.to_owned(),
            fault: Fault { node: self.node.clone(), cause: Cause::Malformed(bounded(what)) },
        }
    }
}

//! The one place where what went wrong becomes a status code, and an error body of API v1.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use spoor_net::body::BodyError;
use spoor_storage::{ReadError, ReadErrorKind, WriteError, WriteErrorKind};

use crate::causes::with_causes;
use crate::json::AnswerError;
use crate::service::{ArchiveError, SpanMetricsError};

/// A question that is answered with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
}

impl Failure {
    /// The question makes no sense; the message names the parameter.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// There is no such trace; Jaeger's words.
    pub(super) fn trace_not_found() -> Self {
        Self::not_found(TRACE_NOT_FOUND)
    }

    /// There is no such thing, in the words of the API.
    pub(super) fn not_found(message: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.to_owned() }
    }

    /// The request's body did not come in time.
    pub(super) fn too_slow(message: String) -> Self {
        Self { status: StatusCode::REQUEST_TIMEOUT, message }
    }

    /// A limit left out all that there is. Asking again does not help, so that it is no 429.
    pub(super) fn left_out() -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message: TRACES_LEFT_OUT.to_owned() }
    }

    /// The answer as text, as Go's `http.Error` sends it; `body` makes it from code and message, in the form of the API.
    pub(super) fn into_text(self, body: impl FnOnce(u16, String) -> Vec<u8>) -> Response {
        let mut body = body(self.status.as_u16(), self.message);
        body.push(b'\n');
        let mut response = plain_text(self.status, body);
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Jaeger's words for an id without a trace.
pub(super) const TRACE_NOT_FOUND: &str = "trace not found";

/// Where an answer has no room for what belongs to it.
pub(super) const TRACES_LEFT_OUT: &str = "the answer has reached its limit (--query.max-answer-bytes) and leaves out further traces; ask for fewer";

/// Jaeger v1 answers 500 whenever its store fails, and so do we where the store fails. Three kinds deserve better, because clients
/// act differently on them: a question that the store refuses is the client's to change (400), no room is a promise that asking
/// again helps (429 with `Retry-After`), and time that is up may mean a smaller question (504).
fn status_of(kind: ReadErrorKind) -> StatusCode {
    match kind {
        ReadErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ReadErrorKind::Busy => StatusCode::TOO_MANY_REQUESTS,
        ReadErrorKind::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        ReadErrorKind::Unavailable | ReadErrorKind::Incomplete => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The request's body was not read.
impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        let status = match error {
            BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::NoRoom(_) => StatusCode::TOO_MANY_REQUESTS,
            BodyError::UnsupportedEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            BodyError::Corrupt { .. } | BodyError::Frame(_) | BodyError::BrokenOff(_) => {
                StatusCode::BAD_REQUEST
            }
        };
        Self { status, message: with_causes(&error) }
    }
}

/// As when a read fails: an unknown trace is 404, all else is Jaeger's 500 but for what clients act on.
impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        let status = match error {
            ArchiveError::Read(error) => return error.into(),
            ArchiveError::NotFound => return Self::trace_not_found(),
            ArchiveError::Write(WriteError { kind: WriteErrorKind::Busy, .. }) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            ArchiveError::Write(WriteError { kind: WriteErrorKind::DeadlineExceeded, .. }) => {
                StatusCode::GATEWAY_TIMEOUT
            }
            ArchiveError::NoArchive
            | ArchiveError::TooLarge
            | ArchiveError::Write(_)
            | ArchiveError::Refused { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let message = with_causes(&error);
        tracing::warn!(error = message, "a trace was not archived");
        Self { status, message }
    }
}

impl From<SpanMetricsError> for Failure {
    fn from(error: SpanMetricsError) -> Self {
        match error {
            SpanMetricsError::Read(error) => error.into(),
            SpanMetricsError::Disabled => {
                Self { status: StatusCode::NOT_IMPLEMENTED, message: error.to_string() }
            }
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let message = with_causes(&error);
        match error.kind {
            ReadErrorKind::Invalid => tracing::debug!(error = message, "a question was refused by the store"),
            _ => tracing::warn!(kind = ?error.kind, error = message, "a question could not be answered"),
        }
        Self { status: status_of(error.kind), message }
    }
}

impl IntoResponse for Failure {
    /// API v1's envelope.
    fn into_response(self) -> Response {
        self.into_text(|code, message| {
            AnswerError { code: Some(code), message, trace_id: None }.into_answer()
        })
    }
}

/// Text that no browser shall take for anything else.
pub(super) fn plain_text(status: StatusCode, body: impl IntoResponse) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, body).into_response()
}

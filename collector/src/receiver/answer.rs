//! What receivers by HTTP share: texts as answers, and answers that come before the body was read.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode, Version};
use http_body::Body as _;

use super::{Intake, Refusal};

/// A text for people.
pub(super) fn text(code: StatusCode, message: impl Into<Body>) -> Response {
    let mut response = Response::new(message.into());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Adds what a refusal says besides its text: when to send again, and which compressions are read.
pub(super) fn with_hints(mut response: Response, refusal: &Refusal) -> Response {
    let codes = refusal.codes();
    if let Some(pause) = codes.retry_after {
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
    }
    if codes.http == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        let accepted = HeaderValue::from_static("gzip, zstd, deflate");
        response.headers_mut().insert(HeaderName::from_static("accept-encoding"), accepted);
    }
    response
}

/// Answers before the body may have been read. Over HTTP/1 the rest is read first, up to `limit` bytes, since most senders look at the answer
/// only then; where it is too much, the sender is told that the connection ends here, so that it sends nothing more on it.
pub(super) async fn refuse(
    intake: &Intake,
    limit: usize,
    version: Version,
    mut body: Body,
    mut response: Response,
) -> Response {
    if version < Version::HTTP_2 {
        intake.let_finish(&mut body, limit).await;
        if !body.is_end_stream() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
    response
}

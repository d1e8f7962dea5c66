//! Answers by HTTP that receivers share: texts for people, and answers that come before the body was read.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode, Version};
use http_body::Body as _;

use crate::body::discard;

/// How long a refused HTTP/1 sender may go on writing before its connection is cut.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// A body of this type.
#[must_use]
pub fn of_type(code: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A text for people.
#[must_use]
pub fn text(code: StatusCode, message: impl Into<Body>) -> Response {
    of_type(code, "text/plain; charset=utf-8", message)
}

/// Adds what a refusal says besides its text: when to send again, and with 415 which compressions are read.
#[must_use]
pub fn with_hints(mut response: Response, retry_after: Option<Duration>) -> Response {
    if let Some(pause) = retry_after {
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
    }
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        let accepted = HeaderValue::from_static("gzip, zstd, deflate");
        response.headers_mut().insert(HeaderName::from_static("accept-encoding"), accepted);
    }
    response
}

/// Answers before the body may have been read. Over HTTP/1 the rest is read first, up to `limit` bytes and for a while, since most senders
/// look at the answer only then; where it is too much, the sender is told that the connection ends here, so that it sends nothing more on it.
pub async fn refuse(limit: usize, version: Version, mut body: Body, mut response: Response) -> Response {
    if version < Version::HTTP_2 {
        let _ = tokio::time::timeout(DISCARD_TIME, discard(&mut body, limit)).await;
        if !body.is_end_stream() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
    response
}

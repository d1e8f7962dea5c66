//! Answers of unary gRPC methods, by hand: beside tonic's services, for those that take raw bytes.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::frame;

/// Names a `google.rpc.ErrorInfo` that tells how many spans of a request are refused, and its number.
const DOMAIN: &str = "spoor";
const REASON: &str = "SPANS_REJECTED";
const REJECTED: &str = "rejected";

/// What a method answers.
#[derive(Debug)]
pub enum Answer {
    /// Ok, with this message.
    Message(Vec<u8>),
    /// Anything else.
    Status(Status),
    /// The request is not gRPC at all.
    Http(StatusCode),
}

/// `application/grpc`, `application/grpc+proto`, `application/grpc;…`; the web variants are something else.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(rest) =
        headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
    else {
        return false;
    };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

/// A status, with `google.rpc.RetryInfo` where the same request may be sent again.
#[must_use]
pub fn refusal(code: Code, message: String, retry_after: Option<Duration>) -> Status {
    match retry_after {
        None => Status::new(code, message),
        pause => Status::with_error_details(code, message, ErrorDetails::with_retry_info(pause)),
    }
}

/// A status about spans that are refused for good while the others of their request are stored. How many they are is told in a
/// `google.rpc.ErrorInfo`, for senders that account for each span: [`rejected_spans`].
#[must_use]
pub fn refusal_in_part(code: Code, message: String, rejected: usize) -> Status {
    let metadata = [(REJECTED.to_owned(), rejected.to_string())];
    Status::with_error_details(code, message, ErrorDetails::with_error_info(REASON, DOMAIN, metadata))
}

/// How many spans of the request are refused where the others are stored; `None` where the status does not tell, so that it is about all.
#[must_use]
pub fn rejected_spans(status: &Status) -> Option<u32> {
    let info =
        status.get_details_error_info().filter(|info| info.domain == DOMAIN && info.reason == REASON)?;
    info.metadata.get(REJECTED)?.parse().ok()
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Status(status) => {
                let code = status.code();
                let mut response = status.into_http();
                if code == Code::Unimplemented {
                    // gRPC wants a sender with an unknown compression to be told the known ones.
                    let accepted = HeaderValue::from_static("identity,gzip,zstd,deflate");
                    response.headers_mut().insert(HeaderName::from_static("grpc-accept-encoding"), accepted);
                }
                response
            }
            Self::Http(code) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = code;
                response
            }
            Self::Message(message) => {
                let ok = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
                let trailers = HeaderMap::from_iter([ok]);
                let body = Full::<Bytes>::new(frame(&message)).with_trailers(async { Some(Ok(trailers)) });
                let mut response = Response::new(Body::new(body));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                response
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_that_tells_of_a_part_is_about_a_part() {
        let status = refusal_in_part(Code::InvalidArgument, "3 of 10 spans rejected".to_owned(), 3);
        let headers = status.clone().into_http::<()>().headers().clone();
        let received = Status::from_header_map(&headers).unwrap();
        assert_eq!((rejected_spans(&status), rejected_spans(&received)), (Some(3), Some(3)));
        assert_eq!(rejected_spans(&Status::invalid_argument("3 of 10 spans rejected")), None);
        let metadata = [(REJECTED.to_owned(), "3".to_owned())];
        let others = ErrorDetails::with_error_info(REASON, "another program", metadata);
        assert_eq!(rejected_spans(&Status::with_error_details(Code::InvalidArgument, "", others)), None);
        assert_eq!(rejected_spans(&refusal(Code::Unavailable, String::new(), Some(Duration::ZERO))), None);
    }
}

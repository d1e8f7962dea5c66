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

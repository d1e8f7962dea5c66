//! Unary gRPC methods that take raw bytes: routes beside tonic's health service, and answers by hand.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use spoor_net::grpc::{frame, timeout};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{Intake, Protocol, Refusal};
use crate::dispatch::Delivered;

/// A method whose requests go to the intake. `answer` words what was delivered: a message, or a status.
pub(super) fn method(
    intake: Intake,
    protocol: Protocol,
    answer: fn(&Delivered) -> Result<Vec<u8>, Status>,
) -> MethodRouter {
    post(move |request: Request| async move { respond(serve(&intake, protocol, answer, request).await) })
}

enum Answer {
    Message(Vec<u8>),
    Status(Status),
    /// Not gRPC at all.
    Http(StatusCode),
}

async fn serve(
    intake: &Intake,
    protocol: Protocol,
    answer: fn(&Delivered) -> Result<Vec<u8>, Status>,
    request: Request,
) -> Answer {
    let (head, mut body) = request.into_parts();
    if !is_grpc(&head.headers) {
        return Answer::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let patience = timeout(&head.headers);
    match intake.take(protocol, &head.headers, &mut body, patience).await {
        Ok(delivered) => answer(&delivered).map_or_else(Answer::Status, Answer::Message),
        Err(refusal) => Answer::Status(status_of(&refusal)),
    }
}

/// `application/grpc`, `application/grpc+proto`, `application/grpc;…`; the web variants are something else.
fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(rest) =
        headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
    else {
        return false;
    };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

fn status_of(refusal: &Refusal) -> Status {
    let codes = refusal.codes();
    let message = refusal.to_string();
    match codes.retry_after {
        None => Status::new(codes.grpc, message),
        pause => Status::with_error_details(codes.grpc, message, ErrorDetails::with_retry_info(pause)),
    }
}

fn respond(answer: Answer) -> Response {
    match answer {
        Answer::Status(status) => {
            let code = status.code();
            let mut response = status.into_http();
            if code == Code::Unimplemented {
                // gRPC wants a sender with an unknown compression to be told the known ones.
                let accepted = HeaderValue::from_static("identity,gzip,zstd,deflate");
                response.headers_mut().insert(HeaderName::from_static("grpc-accept-encoding"), accepted);
            }
            response
        }
        Answer::Http(code) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = code;
            response
        }
        Answer::Message(message) => {
            let ok = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
            let trailers = HeaderMap::from_iter([ok]);
            let body = Full::<Bytes>::new(frame(&message)).with_trailers(async { Some(Ok(trailers)) });
            let mut response = Response::new(Body::new(body));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            response
        }
    }
}

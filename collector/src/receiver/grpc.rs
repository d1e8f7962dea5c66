//! Unary gRPC methods that take raw bytes: routes beside tonic's health service, and answers by hand.

use axum::extract::Request;
use axum::routing::{MethodRouter, post};
use http::StatusCode;
use spoor_net::grpc::{Answer, is_grpc, timeout};
use tonic::Status;

use super::{Intake, Protocol, Refusal};
use crate::dispatch::Delivered;

/// A method whose requests go to the intake. `answer` words what was delivered: a message, or a status.
pub(super) fn method(
    intake: Intake,
    protocol: Protocol,
    answer: fn(&Delivered) -> Result<Vec<u8>, Status>,
) -> MethodRouter {
    post(move |request: Request| async move { serve(&intake, protocol, answer, request).await })
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
    match intake.take(protocol, &head, &mut body, patience).await {
        Ok(delivered) => answer(&delivered).map_or_else(Answer::Status, Answer::Message),
        Err(refusal) => Answer::Status(status_of(&refusal)),
    }
}

fn status_of(refusal: &Refusal) -> Status {
    let codes = refusal.codes();
    spoor_net::grpc::refusal(codes.grpc, refusal.to_string(), codes.retry_after)
}

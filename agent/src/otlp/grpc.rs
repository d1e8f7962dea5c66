//! Hot path: `opentelemetry.proto.collector.trace.v1.TraceService/Export`. Budget: one copy of the received bytes.

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::post;
use http::StatusCode;
use prost::Message;
use spoor_net::grpc::{Answer, is_grpc, refusal};
use spoor_proto::convert::otlp::decode_export_request;
use tonic::Status;

use super::{Protocol, Receiver};
use crate::metrics::Transport;

const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// All routes of the port.
pub(crate) fn routes(receiver: Receiver) -> Router {
    Router::new()
        .route(PATH, post(export))
        .fallback(async || {
            Answer::Status(Status::unimplemented("an agent takes traces by OTLP and nothing else"))
        })
        .with_state(receiver)
}

async fn export(State(receiver): State<Receiver>, request: Request) -> Answer {
    let (head, mut body) = request.into_parts();
    if !is_grpc(&head.headers) {
        return Answer::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let protocol = Protocol { transport: Transport::Grpc, decode: decode_export_request };
    match receiver.take(protocol, &head.headers, &mut body).await {
        Ok(response) => Answer::Message(response.encode_to_vec()),
        Err(problem) => {
            let codes = problem.codes();
            Answer::Status(refusal(codes.grpc, problem.to_string(), codes.retry_after))
        }
    }
}

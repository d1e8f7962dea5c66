//! `POST /v1/traces`, in protobuf or JSON; the answer comes in the request's encoding.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use spoor_net::answer;
use spoor_proto::convert::otlp::{
    AnswerEncoding, Failure, decode_export_request, decode_export_request_json,
};

use super::refusal::Refusal;
use super::{Protocol, Receiver};
use crate::metrics::Transport;

/// All routes of the port.
pub(crate) fn routes(receiver: Receiver) -> Router {
    Router::new()
        .route("/v1/traces", any(traces))
        .fallback(async || answer::text(StatusCode::NOT_FOUND, "404 not found, spans go to POST /v1/traces"))
        .with_state(receiver)
}

async fn traces(State(receiver): State<Receiver>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let limit = receiver.0.limit;
    if head.method != Method::POST {
        let message = "405 method not allowed, supported: [POST]";
        let mut response = answer::text(StatusCode::METHOD_NOT_ALLOWED, message);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return answer::refuse(limit, head.version, body, response).await;
    }
    let Some(encoding) = encoding_of(&head.headers) else {
        let message = "415 unsupported media type, supported: [application/json, application/x-protobuf]";
        let response = answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        return answer::refuse(limit, head.version, body, response).await;
    };
    let protocol = Protocol {
        transport: Transport::Http,
        decode: match encoding {
            AnswerEncoding::Protobuf => decode_export_request,
            AnswerEncoding::Json => |body| decode_export_request_json(&body),
        },
    };
    match receiver.take(protocol, &head.headers, &mut body).await {
        Ok(response) => answer::of_type(StatusCode::OK, encoding.content_type(), encoding.success(&response)),
        Err(refusal) => answer::refuse(limit, head.version, body, failure(encoding, &refusal)).await,
    }
}

fn encoding_of(headers: &HeaderMap) -> Option<AnswerEncoding> {
    AnswerEncoding::of(headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

fn failure(encoding: AnswerEncoding, refusal: &Refusal) -> Response {
    let codes = refusal.codes();
    let retry_after = codes.retry_after;
    let body = encoding.failure(Failure { code: codes.http_rpc, message: refusal.to_string(), retry_after });
    answer::with_hints(answer::of_type(codes.http, encoding.content_type(), body), retry_after)
}

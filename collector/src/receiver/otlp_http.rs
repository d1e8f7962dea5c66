//! OTLP by HTTP, `POST /v1/traces` on :4318, in protobuf or JSON; the answer comes in the request's encoding.
//! Facts: OTLP's specification, "OTLP/HTTP"; `open-telemetry/opentelemetry-collector receiver/otlpreceiver/otlphttp.go`.

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use spoor_net::answer;
use spoor_proto::convert::otlp::{
    AnswerEncoding, Failure, decode_export_request, decode_export_request_json,
};
use spoor_tracer::{OwnSpan, observe};

use super::otlp_grpc::response;
use super::{Framing, Intake, Protocol, Refusal, Source};
use crate::config::OtlpHttpConfig;
use crate::metrics::HttpLabels;

const PATH: &str = "/v1/traces";

#[derive(Clone)]
struct Receiver {
    intake: Intake,
    /// Bytes, as received and decompressed.
    limit: usize,
}

/// All routes of the port.
pub(crate) fn routes(intake: Intake, config: &OtlpHttpConfig) -> Router {
    let receiver = Receiver { intake, limit: config.max_request_size };
    let timed = |receiver: Receiver| axum::middleware::from_fn_with_state(receiver, time_request);
    let router = Router::new()
        .route(PATH, any(traces))
        .fallback(async || answer::text(StatusCode::NOT_FOUND, "404 not found, spans go to POST /v1/traces"))
        .layer(timed(receiver.clone()))
        .with_state(receiver);
    match spoor_net::cors::layer([Method::POST], &config.cors_allowed_origins, &config.cors_allowed_headers) {
        Some(layer) => router.layer(layer),
        None => router,
    }
}

async fn traces(State(receiver): State<Receiver>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    if head.method != Method::POST {
        let mut response =
            answer::text(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed, supported: [POST]");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return receiver.refuse(head.version, body, response).await;
    }
    let Some(encoding) = encoding_of(&head.headers) else {
        let message = "415 unsupported media type, supported: [application/json, application/x-protobuf]";
        let response = answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        return receiver.refuse(head.version, body, response).await;
    };
    let protocol = Protocol {
        source: Source::OtlpHttp,
        framing: Framing::Plain,
        limit: receiver.limit,
        decode: match encoding {
            AnswerEncoding::Protobuf => decode_export_request,
            AnswerEncoding::Json => |body| decode_export_request_json(&body),
        },
    };
    match receiver.intake.take(protocol, &head, &mut body, None).await {
        Ok(delivered) => {
            let body = encoding.success(&response(&delivered));
            answer::of_type(StatusCode::OK, encoding.content_type(), body)
        }
        Err(refusal) => receiver.refuse(head.version, body, failure(encoding, &refusal)).await,
    }
}

impl Receiver {
    async fn refuse(&self, version: Version, body: Body, response: Response) -> Response {
        answer::refuse(self.limit, version, body, response).await
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

async fn time_request(
    State(receiver): State<Receiver>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let began = Instant::now();
    let own_span = OwnSpan::of(request.extensions());
    let path = if request.uri().path() == PATH { PATH } else { "other" };
    let method = match *request.method() {
        Method::POST => "POST",
        Method::GET => "GET",
        _ => "other",
    };
    let response = next.run(request).await;
    let labels = HttpLabels { method, path, status: response.status().as_u16() };
    observe(&receiver.intake.metrics().http.get_or_create(&labels), began.elapsed(), &own_span);
    response
}

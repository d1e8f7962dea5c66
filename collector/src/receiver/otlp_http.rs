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
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::{Value, json};
use spoor_proto::convert::otlp::{decode_export_request, decode_export_request_json};
use tonic_types::pb;

use super::otlp_grpc::response;
use super::status::Codes;
use super::{Framing, Intake, Protocol, Refusal, Source, answer};
use crate::config::OtlpHttpConfig;
use crate::dispatch::Delivered;
use crate::metrics::{HttpLabels, observe};

const PATH: &str = "/v1/traces";
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

#[derive(Clone)]
struct Receiver {
    intake: Intake,
    /// Bytes, as received and decompressed.
    limit: usize,
}

/// How a request is encoded, and therefore its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
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
    let Some(encoding) = Encoding::of(&head.headers) else {
        let message = "415 unsupported media type, supported: [application/json, application/x-protobuf]";
        let response = answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        return receiver.refuse(head.version, body, response).await;
    };
    let protocol = Protocol {
        source: Source::OtlpHttp,
        framing: Framing::Plain,
        limit: receiver.limit,
        decode: match encoding {
            Encoding::Protobuf => decode_export_request,
            Encoding::Json => |body| decode_export_request_json(&body),
        },
    };
    match receiver.intake.take(protocol, &head.headers, &mut body, None).await {
        Ok(delivered) => encoding.success(&delivered),
        Err(refusal) => receiver.refuse(head.version, body, encoding.failure(&refusal)).await,
    }
}

impl Receiver {
    async fn refuse(&self, version: Version, body: Body, response: Response) -> Response {
        answer::refuse(&self.intake, self.limit, version, body, response).await
    }
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let media_type = value.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    fn success(self, delivered: &Delivered) -> Response {
        let response = response(delivered);
        let body = match self {
            Self::Protobuf => response.encode_to_vec(),
            Self::Json => success_json(&response).to_string().into_bytes(),
        };
        self.respond(StatusCode::OK, body)
    }

    fn failure(self, refusal: &Refusal) -> Response {
        let codes = refusal.codes();
        let message = refusal.to_string();
        let body = match self {
            Self::Protobuf => failure_proto(codes, message).encode_to_vec(),
            Self::Json => failure_json(codes, &message).to_string().into_bytes(),
        };
        answer::with_hints(self.respond(codes.http, body), refusal)
    }

    fn respond(self, code: StatusCode, body: Vec<u8>) -> Response {
        let content_type = match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        };
        plain(code, content_type, body)
    }
}

fn success_json(response: &ExportTraceServiceResponse) -> Value {
    match &response.partial_success {
        None => json!({}),
        // 64-bit numbers are strings in protobuf's JSON.
        Some(partial) => json!({"partialSuccess": {
            "rejectedSpans": partial.rejected_spans.to_string(),
            "errorMessage": partial.error_message,
        }}),
    }
}

fn failure_proto(codes: Codes, message: String) -> pb::Status {
    let retry = codes.retry_after.and_then(|pause| prost_types::Duration::try_from(pause).ok());
    let details = retry.map(|pause| {
        let value = pb::RetryInfo { retry_delay: Some(pause) }.encode_to_vec();
        prost_types::Any { type_url: RETRY_INFO.to_owned(), value }
    });
    pb::Status { code: codes.http_rpc as i32, message, details: details.into_iter().collect() }
}

fn failure_json(codes: Codes, message: &str) -> Value {
    let details: Vec<Value> = codes
        .retry_after
        .map(|pause| json!({"@type": RETRY_INFO, "retryDelay": format!("{}s", pause.as_secs_f64())}))
        .into_iter()
        .collect();
    json!({"code": codes.http_rpc as i32, "message": message, "details": details})
}

fn plain(code: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

async fn time_request(
    State(receiver): State<Receiver>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let began = Instant::now();
    let path = if request.uri().path() == PATH { PATH } else { "other" };
    let method = match *request.method() {
        Method::POST => "POST",
        Method::GET => "GET",
        _ => "other",
    };
    let response = next.run(request).await;
    let labels = HttpLabels { method, path, status: response.status().as_u16() };
    observe(&receiver.intake.metrics().http.get_or_create(&labels), began.elapsed());
    response
}

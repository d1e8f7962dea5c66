//! Jaeger's spans by HTTP, `POST /api/traces` on :14268: one batch in Thrift's binary protocol, as clients post it that have no agent.
//! The answer is empty and cannot name spans: when the store refuses some for good, the others are stored all the same and the answer
//! is an error. Codes and texts are those of `jaegertracing/jaeger cmd/collector/app/handler/http_thrift_handler.go`, except that who is to
//! send again is told so (429, Retry-After).

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use spoor_net::answer;
use spoor_pipeline::describe_rejected;
use spoor_proto::convert::jaeger_thrift::decode_batch;
use spoor_tracer::{OwnSpan, observe};

use super::{Framing, Intake, Protocol, Refusal, Source};
use crate::config::JaegerHttpConfig;
use crate::metrics::HttpLabels;

const PATH: &str = "/api/traces";

#[derive(Clone)]
struct Receiver {
    intake: Intake,
    /// Bytes, as received and decompressed.
    limit: usize,
}

/// The port's route for spans; others are merged with it.
pub(crate) fn routes(intake: Intake, config: &JaegerHttpConfig) -> Router {
    let receiver = Receiver { intake, limit: config.max_request_size };
    let timed = from_fn_with_state(receiver.clone(), time_request);
    Router::new().route(PATH, post(spans).layer(timed)).with_state(receiver)
}

async fn spans(State(receiver): State<Receiver>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    if let Err(problem) = check_content_type(&head.headers) {
        return receiver.refuse(head.version, body, answer::text(StatusCode::BAD_REQUEST, problem)).await;
    }
    let protocol = Protocol {
        source: Source::JaegerHttp,
        framing: Framing::Plain,
        limit: receiver.limit,
        decode: decode_batch,
    };
    match receiver.intake.take(protocol, &head, &mut body, None).await {
        Ok(delivered) if delivered.rejected.is_empty() => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        Ok(delivered) => {
            let why = describe_rejected(&delivered.rejected, delivered.received, "stored");
            answer::text(StatusCode::BAD_REQUEST, format!("Cannot submit Jaeger batch: {why}\n"))
        }
        Err(refusal) => receiver.refuse(head.version, body, failure(&refusal)).await,
    }
}

impl Receiver {
    async fn refuse(&self, version: Version, body: Body, response: Response) -> Response {
        answer::refuse(self.limit, version, body, response).await
    }
}

/// The content type without its parameters has to be one of two.
fn check_content_type(headers: &HeaderMap) -> Result<(), String> {
    let value = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let value = String::from_utf8_lossy(value);
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type.is_empty() {
        return Err("Cannot parse content type: mime: no media type\n".to_owned());
    }
    if !is_media_type(&media_type) {
        return Err("Cannot parse content type: mime: it is not type/subtype\n".to_owned());
    }
    match media_type.as_str() {
        "application/x-thrift" | "application/vnd.apache.thrift.binary" => Ok(()),
        other => Err(format!("Unsupported content type: {}\n", escaped(other))),
    }
}

/// Two tokens, or one (RFC 9110, section 5.6.2).
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    match text.split_once('/') {
        Some((one, other)) => is_token(one) && is_token(other),
        None => is_token(text),
    }
}

/// As Go's `html.EscapeString`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            other => out.push(other),
        }
    }
    out
}

/// What may be sent again says when; what failed on this side for another reason than being busy is 500, as Jaeger's clients know it.
fn failure(refusal: &Refusal) -> Response {
    let code = match refusal.codes().http {
        StatusCode::SERVICE_UNAVAILABLE => StatusCode::INTERNAL_SERVER_ERROR,
        code => code,
    };
    let what = match refusal {
        Refusal::Undecodable(_) | Refusal::TooLarge { .. } | Refusal::SlowBody => "process request body",
        _ => {
            return answer::with_hints(
                answer::text(code, format!("Cannot submit Jaeger batch: {refusal}\n")),
                refusal.codes().retry_after,
            );
        }
    };
    answer::with_hints(
        answer::text(code, format!("Unable to {what}: {refusal}\n")),
        refusal.codes().retry_after,
    )
}

async fn time_request(State(receiver): State<Receiver>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let own_span = OwnSpan::of(request.extensions());
    let method = match *request.method() {
        Method::POST => "POST",
        Method::GET => "GET",
        _ => "other",
    };
    let response = next.run(request).await;
    let labels = HttpLabels { method, path: PATH, status: response.status().as_u16() };
    observe(&receiver.intake.metrics().http.get_or_create(&labels), began.elapsed(), &own_span);
    response
}

//! Zipkin's spans by HTTP, on :9411 where it is asked for: v1 in JSON or Thrift, v2 in JSON or protobuf.
//! The path decides between v1 and v2, the content type between the encodings; whatever else a sender says, it is JSON.
//! The answer is empty and cannot name spans: when the store refuses some for good, the others are stored all the same and the answer
//! is 400.
//! Facts: `open-telemetry/opentelemetry-collector-contrib receiver/zipkinreceiver/trace_receiver.go`, the receiver in Jaeger's
//! collector.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Version};
use spoor_model::{SpanBatch, UnixNanos};
use spoor_net::answer;
use spoor_proto::DecodeError;
use spoor_proto::convert::zipkin::{decode_v1_json, decode_v1_thrift, decode_v2_json, decode_v2_proto};
use spoor_tracer::{OwnSpan, observe};

use super::{Framing, Intake, Protocol, Refusal, Source};
use crate::config::ZipkinConfig;
use crate::metrics::HttpLabels;

#[derive(Clone)]
struct Receiver {
    intake: Intake,
    /// Bytes, as received and decompressed.
    limit: usize,
    keep_alive: bool,
}

/// How the spans of a request are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    V1Json,
    V1Thrift,
    V2Json,
    V2Proto,
    V2ProtoDebug,
}

/// All paths of the port.
pub(crate) fn routes(intake: Intake, config: &ZipkinConfig) -> Router {
    let limit = config.max_request_size;
    let receiver = Receiver { intake, limit, keep_alive: config.keep_alive };
    let around = axum::middleware::from_fn_with_state(receiver.clone(), around);
    let router = Router::new().fallback(spans).layer(around).with_state(receiver);
    match spoor_net::cors::layer([Method::POST], &config.origins(), &config.headers()) {
        Some(layer) => router.layer(layer),
        None => router,
    }
}

async fn spans(State(receiver): State<Receiver>, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    if head.method != Method::POST {
        let mut response =
            answer::text(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed, supported: [POST]\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return receiver.refuse(head.version, body, response).await;
    }
    let protocol = Protocol {
        source: Source::Zipkin,
        framing: Framing::Plain,
        limit: receiver.limit,
        decode: Format::of(&head).decoder(),
    };
    match receiver.intake.take(protocol, &head, &mut body, None).await {
        Ok(delivered) if delivered.rejected.is_empty() => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        Ok(_) => answer::text(StatusCode::BAD_REQUEST, "\"Bad Request\""),
        Err(refusal) => receiver.refuse(head.version, body, failure(&refusal)).await,
    }
}

impl Format {
    fn of(head: &Parts) -> Self {
        let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if head.uri.path().contains("api/v1/spans") {
            return match content_type {
                Some(b"application/x-thrift") => Self::V1Thrift,
                _ => Self::V1Json,
            };
        }
        match content_type {
            Some(b"application/x-protobuf") => {
                let flags = head.headers.get("x-b3-flags").map(HeaderValue::as_bytes);
                if flags == Some(b"1") { Self::V2ProtoDebug } else { Self::V2Proto }
            }
            _ => Self::V2Json,
        }
    }

    fn decoder(self) -> fn(Bytes) -> Result<SpanBatch, DecodeError> {
        match self {
            Self::V1Json => |body| decode_v1_json(&body, now()),
            Self::V1Thrift => |body| decode_v1_thrift(body, now()),
            Self::V2Json => |body| decode_v2_json(&body),
            Self::V2Proto => |body| decode_v2_proto(body, false),
            Self::V2ProtoDebug => |body| decode_v2_proto(body, true),
        }
    }
}

impl Receiver {
    async fn refuse(&self, version: Version, body: Body, response: Response) -> Response {
        answer::refuse(self.limit, version, body, response).await
    }
}

/// What may be sent again says when; what failed on this side for another reason than being busy is 500, as Zipkin's senders know it.
fn failure(refusal: &Refusal) -> Response {
    let response = match refusal.codes().http {
        StatusCode::INTERNAL_SERVER_ERROR | StatusCode::SERVICE_UNAVAILABLE => {
            answer::text(StatusCode::INTERNAL_SERVER_ERROR, "\"Internal Server Error\"")
        }
        code => answer::text(code, format!("{refusal}\n")),
    };
    answer::with_hints(response, refusal.codes().retry_after)
}

fn now() -> UnixNanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos::ZERO.saturating_add(since)
}

/// Times the request, and ends its connection where that is asked for.
async fn around(
    State(receiver): State<Receiver>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let began = Instant::now();
    let own_span = OwnSpan::of(request.extensions());
    let path = match request.uri().path() {
        "/api/v1/spans" => "/api/v1/spans",
        "/api/v2/spans" => "/api/v2/spans",
        _ => "other",
    };
    let method = match *request.method() {
        Method::POST => "POST",
        Method::GET => "GET",
        _ => "other",
    };
    let ends = !receiver.keep_alive && request.version() < Version::HTTP_2;
    let mut response = next.run(request).await;
    if ends {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let labels = HttpLabels { method, path, status: response.status().as_u16() };
    observe(&receiver.intake.metrics().http.get_or_create(&labels), began.elapsed(), &own_span);
    response
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn the_path_and_the_exact_content_type_decide() {
        let format = |path: &str, content_type: &str, flags: &str| {
            let request =
                http::Request::post(path).header(CONTENT_TYPE, content_type).header("X-B3-Flags", flags);
            Format::of(&request.body(()).unwrap().into_parts().0)
        };
        assert_eq!(format("/api/v2/spans", "application/json", ""), Format::V2Json);
        assert_eq!(format("/", "application/x-thrift", ""), Format::V2Json);
        assert_eq!(format("/api/v2/spans", "application/x-protobuf", ""), Format::V2Proto);
        assert_eq!(format("/anything", "application/x-protobuf", "1"), Format::V2ProtoDebug);
        assert_eq!(format("/api/v2/spans", "application/x-protobuf; charset=utf-8", ""), Format::V2Json);
        assert_eq!(format("/api/v1/spans", "application/x-thrift", ""), Format::V1Thrift);
        assert_eq!(format("/zipkin/api/v1/spans/", "application/x-protobuf", "1"), Format::V1Json);
        assert_eq!(format("/api/v1/spans", "Application/X-Thrift", ""), Format::V1Json);
    }

    #[test]
    fn refusals_are_worded_as_zipkins_senders_know_them() {
        let answer = |refusal: Refusal| {
            let response = failure(&refusal);
            (response.status().as_u16(), response.headers().contains_key(RETRY_AFTER))
        };
        assert_eq!(answer(Refusal::TooManyRequests), (429, true));
        assert_eq!(answer(Refusal::StoreBusy { retry_after: None }), (429, true));
        assert_eq!(answer(Refusal::StoreUnavailable { retry_after: None }), (500, true));
        assert_eq!(answer(Refusal::Broken), (500, false));
        assert_eq!(answer(Refusal::Undecodable(String::new())), (400, false));
        assert_eq!(answer(Refusal::TooLarge { limit: 1 }), (413, false));
    }
}

//! One HTTP/1.1 connection for OTLP with protobuf or JSON bodies, or for Jaeger's Thrift.

use std::io::Write;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::Value;
use tonic_types::pb;

use super::SendError;
use super::answer::{Answer, Retry, shorten};
use super::endpoint::Endpoint;
use crate::{Compression, Protocol, SendConfig};

/// Answers are a few bytes; what goes beyond this is not read.
const ANSWER_LIMIT: usize = 1 << 20;
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const THRIFT: &str = "application/x-thrift";

/// A connection that is made when it is first needed, and made again after a loss.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    client: reqwest::Client,
    url: String,
    headers: HeaderMap,
    compression: Compression,
}

impl HttpConnection {
    /// Prepares the connection; nothing is sent yet.
    pub(crate) fn open(endpoint: &Endpoint, config: &SendConfig) -> Result<Self, SendError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(1)
            .connect_timeout(super::connect_deadline(config))
            .build()
            .map_err(SendError::HttpClient)?;
        let content_type = match config.protocol {
            Protocol::OtlpHttpJson => JSON,
            Protocol::JaegerHttp => THRIFT,
            _ => PROTOBUF,
        };
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        if config.compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(Self { client, url: endpoint.0.to_string(), headers, compression: config.compression })
    }

    /// Sends one message and waits for the answer, without a limit of its own.
    pub(crate) async fn send(&mut self, body: Bytes) -> Answer {
        let body = match self.compression {
            Compression::None => body,
            Compression::Gzip => gzip(&body),
        };
        let request = self.client.post(&self.url).headers(self.headers.clone()).body(body);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Answer::unreachable(&error),
            Err(error) => return Answer::lost(&error),
        };
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let body = match read_body(response).await {
            Ok(body) => body,
            Err(error) => return Answer::lost(&error),
        };
        if status.is_success() {
            read_success(is_json(&headers), &body)
        } else {
            refusal(status, &headers, &body)
        }
    }
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("writing to memory cannot fail").into()
}

async fn read_body(mut response: reqwest::Response) -> Result<Bytes, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_LIMIT {
            break;
        }
    }
    Ok(body.freeze())
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(JSON.as_bytes()))
}

fn read_success(json: bool, body: &Bytes) -> Answer {
    if body.is_empty() {
        return Answer::success();
    }
    let read = if json { json_partial(body) } else { protobuf_partial(body.clone()) };
    match read {
        Ok(Some((rejected, message))) => Answer::partial(rejected, &message),
        Ok(None) => Answer::success(),
        Err(problem) => Answer::unreadable(&problem),
    }
}

fn protobuf_partial(body: Bytes) -> Result<Option<(i64, String)>, String> {
    let response = ExportTraceServiceResponse::decode(body).map_err(|error| error.to_string())?;
    Ok(response.partial_success.map(|partial| (partial.rejected_spans, partial.error_message)))
}

/// JSON spells 64-bit numbers as strings; plain numbers are read as well.
fn json_partial(body: &[u8]) -> Result<Option<(i64, String)>, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let Some(partial) = value.get("partialSuccess") else {
        return Ok(None);
    };
    let rejected = match partial.get("rejectedSpans") {
        None | Some(Value::Null) => Some(0),
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(number) => number.as_i64(),
    };
    let message = partial.get("errorMessage").and_then(Value::as_str).unwrap_or_default();
    let rejected = rejected.ok_or("rejectedSpans is not a number")?;
    Ok(Some((rejected, message.to_owned())))
}

/// Which statuses are worth another attempt, as the OTLP specification says (opentelemetry.io/docs/specs/otlp, Failures); and a server
/// that fails but says when to come back, which Jaeger's protocol leaves no other code for.
fn refusal(status: http::StatusCode, headers: &HeaderMap, body: &Bytes) -> Answer {
    let wish =
        headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    let retry = match status.as_u16() {
        429 | 502 | 503 | 504 => wish.map_or(Retry::Backoff, Retry::After),
        500 => wish.map_or(Retry::Never, Retry::After),
        _ => Retry::Never,
    };
    Answer::Refused {
        reason: format!("http {}", status.as_u16()),
        message: error_message(headers, body),
        retry,
    }
}

/// The message of a `google.rpc.Status` in the body, or the body itself when it is text.
fn error_message(headers: &HeaderMap, body: &Bytes) -> String {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let message = if content_type.starts_with(JSON.as_bytes()) {
        let status: Value = serde_json::from_slice(body).unwrap_or_default();
        status.get("message").and_then(Value::as_str).map(str::to_owned)
    } else if content_type.starts_with(PROTOBUF.as_bytes()) {
        pb::Status::decode(body.clone()).ok().map(|status| status.message)
    } else {
        None
    };
    shorten(&message.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned()))
}

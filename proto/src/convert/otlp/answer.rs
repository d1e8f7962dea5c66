//! What a receiver of OTLP answers. Facts: OTLP's specification, "OTLP/gRPC Response" and "OTLP/HTTP Response".

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;
use tonic_types::pb;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// The answer to a request that is settled: empty, or with the number of spans that were rejected and the words about them.
#[must_use]
pub fn export_response(rejected: usize, words: impl FnOnce() -> String) -> ExportTraceServiceResponse {
    let partial_success = (rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: words(),
    });
    ExportTraceServiceResponse { partial_success }
}

/// A request that was not taken, as OTLP/HTTP tells it: a `google.rpc.Status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// gRPC's code.
    pub code: Code,
    /// For people.
    pub message: String,
    /// When the same request may be sent again.
    pub retry_after: Option<Duration>,
}

/// How a request by HTTP is encoded, and therefore its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerEncoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl AnswerEncoding {
    /// That of a `Content-Type`; `None` for others.
    #[must_use]
    pub fn of(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        [Self::Protobuf, Self::Json]
            .into_iter()
            .find(|known| media_type.eq_ignore_ascii_case(known.content_type()))
    }

    /// Its `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// The body of a success.
    #[must_use]
    pub fn success(self, response: &ExportTraceServiceResponse) -> Vec<u8> {
        match self {
            Self::Protobuf => response.encode_to_vec(),
            Self::Json => success_json(response).to_string().into_bytes(),
        }
    }

    /// The body of a failure.
    #[must_use]
    pub fn failure(self, failure: Failure) -> Vec<u8> {
        match self {
            Self::Protobuf => failure_proto(failure).encode_to_vec(),
            Self::Json => failure_json(&failure).to_string().into_bytes(),
        }
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

fn failure_proto(Failure { code, message, retry_after }: Failure) -> pb::Status {
    let retry = retry_after.and_then(|pause| prost_types::Duration::try_from(pause).ok());
    let details = retry.map(|pause| {
        let value = pb::RetryInfo { retry_delay: Some(pause) }.encode_to_vec();
        prost_types::Any { type_url: RETRY_INFO.to_owned(), value }
    });
    pb::Status { code: code as i32, message, details: details.into_iter().collect() }
}

fn failure_json(failure: &Failure) -> Value {
    let details: Vec<Value> = failure
        .retry_after
        .map(|pause| json!({"@type": RETRY_INFO, "retryDelay": format!("{}s", pause.as_secs_f64())}))
        .into_iter()
        .collect();
    json!({"code": failure.code as i32, "message": failure.message, "details": details})
}

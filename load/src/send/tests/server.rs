//! A small server that speaks every protocol of the sender on one port and answers as it is told.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::super::grpc::RawCodec;

/// What to answer to one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Ok,
    Partial(i64, &'static str),
    /// A refusal: the gRPC code, or the HTTP status, with the delay asked for.
    Refuse(Code, u16, Option<Duration>),
    /// No answer at all.
    Silence,
    /// Success, and the signal is given at the same time.
    OkAnd(CancellationToken),
}

/// The running server; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) endpoint: String,
    script: Arc<Mutex<VecDeque<Reply>>>,
    received: Arc<Mutex<Vec<Bytes>>>,
}

impl Server {
    /// Answers with these replies in their order, then always with success.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            endpoint: listener.local_addr().unwrap().to_string(),
            script: Arc::new(Mutex::new(replies.into_iter().collect())),
            received: Arc::default(),
        };
        let routes = Router::new()
            .route("/opentelemetry.proto.collector.trace.v1.TraceService/Export", post(answer_grpc))
            .route("/jaeger.api_v2.CollectorService/PostSpans", post(answer_grpc))
            .route("/v1/traces", post(answer_http))
            .with_state(server.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        server
    }

    /// The bodies that came, sorted, after decompression.
    pub(crate) fn received(&self) -> Vec<Bytes> {
        let mut bodies = self.received.lock().unwrap().clone();
        bodies.sort();
        bodies
    }

    async fn take(&self, body: Bytes) -> Reply {
        self.received.lock().unwrap().push(body);
        let reply = self.script.lock().unwrap().pop_front().unwrap_or(Reply::Ok);
        match &reply {
            Reply::Silence => std::future::pending().await,
            Reply::OkAnd(signal) => signal.cancel(),
            _ => {}
        }
        reply
    }
}

fn success(reply: &Reply) -> ExportTraceServiceResponse {
    let partial_success = match reply {
        Reply::Partial(rejected_spans, message) => Some(ExportTracePartialSuccess {
            rejected_spans: *rejected_spans,
            error_message: (*message).to_owned(),
        }),
        _ => None,
    };
    ExportTraceServiceResponse { partial_success }
}

async fn answer_grpc(State(server): State<Server>, request: axum::extract::Request) -> Response {
    let service = tower::service_fn(|request: tonic::Request<Bytes>| {
        let server = server.clone();
        async move {
            match server.take(request.into_inner()).await {
                Reply::Refuse(code, _, None) => Err(Status::new(code, "told to refuse")),
                Reply::Refuse(code, _, delay) => Err(Status::with_error_details(
                    code,
                    "told to refuse",
                    ErrorDetails::with_retry_info(delay),
                )),
                reply => Ok(tonic::Response::new(Bytes::from(success(&reply).encode_to_vec()))),
            }
        }
    });
    let mut grpc = tonic::server::Grpc::new(RawCodec).accept_compressed(CompressionEncoding::Gzip);
    grpc.unary(service, request).await.into_response()
}

async fn answer_http(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    let json = headers[header::CONTENT_TYPE] == "application/json";
    let body = if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
        plain.into()
    } else {
        body
    };
    match server.take(body).await {
        Reply::Refuse(code, status, delay) => {
            let body = if json {
                br#"{"message":"told to refuse"}"#.to_vec()
            } else {
                tonic_types::pb::Status {
                    code: code.into(),
                    message: "told to refuse".to_owned(),
                    details: vec![],
                }
                .encode_to_vec()
            };
            let status = StatusCode::from_u16(status).unwrap();
            let mut response = (status, content_type(json), body).into_response();
            if let Some(delay) = delay {
                response.headers_mut().insert(header::RETRY_AFTER, delay.as_secs().into());
            }
            response
        }
        reply if json => (content_type(json), serde_json::to_vec(&success(&reply)).unwrap()).into_response(),
        reply => (content_type(json), success(&reply).encode_to_vec()).into_response(),
    }
}

fn content_type(json: bool) -> [(header::HeaderName, &'static str); 1] {
    [(header::CONTENT_TYPE, if json { "application/json" } else { "application/x-protobuf" })]
}

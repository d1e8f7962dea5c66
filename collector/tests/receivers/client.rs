//! Clients that send exactly the bytes and headers they are given.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::ServiceExt;

pub(crate) const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub(crate) const POST_SPANS: &str = "/jaeger.api_v2.CollectorService/PostSpans";

/// One unary call; `body` is framed already.
pub(crate) async fn call_framed(
    channel: &Channel,
    path: &str,
    headers: &[(&'static str, &str)],
    body: Bytes,
) -> Result<Bytes, Status> {
    let mut request = Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(tonic::body::Body::new(Full::new(body))).unwrap();
    let response =
        channel.clone().oneshot(request).await.map_err(|error| Status::unknown(format!("{error:?}")))?;
    if response.status() != 200 {
        return Err(Status::unknown(format!("HTTP {}", response.status())));
    }
    if let Some(status) = Status::from_header_map(response.headers()) {
        return Err(status);
    }
    let collected = response.into_body().collect().await?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    match Status::from_header_map(&trailers) {
        Some(status) if status.code() == Code::Ok => Ok(collected.to_bytes().slice(5..)),
        Some(status) => Err(status),
        None => Err(Status::unknown("an answer without a status")),
    }
}

/// One unary call with a plain message.
pub(crate) async fn call(channel: &Channel, path: &str, message: &[u8]) -> Result<Bytes, Status> {
    call_framed(channel, path, &[], spoor_net::grpc::frame(message)).await
}

/// One unary call with a message that is said to be compressed.
pub(crate) async fn call_compressed(
    channel: &Channel,
    path: &str,
    encoding: &'static str,
    compressed: &[u8],
) -> Result<Bytes, Status> {
    let mut framed = spoor_net::grpc::frame(compressed).to_vec();
    framed[0] = 1;
    call_framed(channel, path, &[("grpc-encoding", encoding)], framed.into()).await
}

/// One HTTP/1 request on a connection of its own.
pub(crate) async fn http(address: SocketAddr, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

/// `POST /v1/traces` with a content type, further headers and a body.
pub(crate) async fn post(
    address: SocketAddr,
    content_type: &str,
    headers: &[(&'static str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut request = Request::post("/v1/traces").header("host", "test").header("content-type", content_type);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    http(address, request.body(Full::new(body.into())).unwrap()).await
}

/// A header as text; empty when it is not there.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

//! A method as a route: reads the one question, finds out who asks, and sends what the method answers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use prost::Message;
use spoor_storage::RequestContext;
use tokio::time::sleep;
use tonic::Status;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::server::Grpc;
use tower::service_fn;

use super::Rpc;
use super::caller::caller;
use super::codec::Wire;
use super::status::bounded;
use crate::api::cut;
use crate::json::PIECE_BYTES;
use crate::pieces;
use crate::service::Room;

/// Largest question, as received and, separately, decompressed. The longest there are carry some attributes.
const MAX_QUESTION_BYTES: usize = 1 << 20;

/// How long a question may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Encoded messages on their way out.
pub(super) type Messages = BoxStream<'static, Result<Bytes, Status>>;

/// A message, and the room that it needs until it is sent.
pub(super) struct Answer<A> {
    pub(super) message: A,
    pub(super) room: Option<Room>,
    /// A bound left out names that belong to it.
    pub(super) cut: bool,
}

/// The room of an answer, on its way to where the answer is sent.
#[derive(Clone)]
struct Held(Arc<Option<Room>>);

/// A method that answers with one message.
pub(super) fn unary<Q, A, F, R>(rpc: &Arc<Rpc>, method: F) -> MethodRouter
where
    Q: Message + Default + 'static,
    A: Message,
    F: Fn(Arc<Rpc>, RequestContext, Q) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Answer<A>, Status>> + Send + 'static,
{
    let rpc = Arc::clone(rpc);
    post(async move |request: Request| {
        let answer = service_fn(|question| {
            ask(Arc::clone(&rpc), question, method.clone(), |answer: Answer<A>| {
                let message = Bytes::from(answer.message.encode_to_vec());
                let mut response = tonic::Response::new(message);
                response.extensions_mut().insert(Held(Arc::new(answer.room)));
                if answer.cut {
                    let said = MetadataValue::from_static(cut::NAMES);
                    response.metadata_mut().insert(cut::HEADER, said);
                }
                response
            })
        });
        in_pieces(grpc::<Q>(request.headers()).unary(answer, request).await).await
    })
}

/// A method that answers with a stream of messages.
pub(super) fn streaming<Q, F, R>(rpc: &Arc<Rpc>, method: F) -> MethodRouter
where
    Q: Message + Default + 'static,
    F: Fn(Arc<Rpc>, RequestContext, Q) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Messages, Status>> + Send + 'static,
{
    let rpc = Arc::clone(rpc);
    post(async move |request: Request| {
        let answer =
            service_fn(|question| ask(Arc::clone(&rpc), question, method.clone(), tonic::Response::new));
        grpc::<Q>(request.headers()).server_streaming(answer, request).await.into_response()
    })
}

async fn ask<Q, A, B, R>(
    rpc: Arc<Rpc>,
    question: tonic::Request<Q>,
    method: impl Fn(Arc<Rpc>, RequestContext, Q) -> R,
    finish: impl Fn(A) -> tonic::Response<B>,
) -> Result<tonic::Response<B>, Status>
where
    R: Future<Output = Result<A, Status>>,
{
    let context = caller(&rpc, question.metadata(), question.extensions())?;
    method(rpc, context, question.into_inner()).await.map(finish).map_err(bounded)
}

/// An answer of one message as the pieces in which it is sent. Its room is given back when the last one is taken, when the client hangs
/// up, or when it stalls, as a stream's is.
async fn in_pieces(response: axum::http::Response<tonic::body::Body>) -> Response {
    let (mut head, body) = response.into_parts();
    let Some(Held(room)) = head.extensions.remove() else {
        return Response::from_parts(head, Body::new(body));
    };
    let body = match body.collect().await {
        Ok(body) => body,
        Err(status) => return status.into_http(),
    };
    let trailers = body.trailers().cloned();
    let message = body.to_bytes();
    let bytes = message.len();
    let piece = move |from: usize| message.slice(from..bytes.min(from + PIECE_BYTES));
    let pieces = (0..bytes).step_by(PIECE_BYTES).map(piece);
    let data = pieces::stream(pieces, room).map_ok(Frame::data);
    let frames = data.chain(stream::iter(trailers.map(Frame::trailers).map(Ok)));
    Response::from_parts(head, Body::new(StreamBody::new(frames)))
}

/// Questions may come compressed. An answer is compressed when its question was, in the same way, as Go's servers do it: nearly every client
/// names compressions that it could read, and few want the work.
fn grpc<Q: Message + Default + 'static>(question: &HeaderMap) -> Grpc<Wire<Q>> {
    let grpc = Grpc::new(Wire::default())
        .max_decoding_message_size(MAX_QUESTION_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    match question.get("grpc-encoding").map(HeaderValue::as_bytes) {
        Some(b"gzip") => grpc.send_compressed(CompressionEncoding::Gzip),
        Some(b"zstd") => grpc.send_compressed(CompressionEncoding::Zstd),
        _ => grpc,
    }
}

/// What every call has to be: gRPC, else it is answered as no gRPC; and its question has to come in time. One that does not ends where
/// it is, and is refused as broken off: whoever never asks must not keep the port open when it is to be closed.
pub(super) async fn admit(request: Request, next: Next) -> Response {
    if !is_grpc(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let in_time = |body: Body| Body::from_stream(body.into_data_stream().take_until(sleep(PATIENCE)));
    next.run(request.map(in_time)).await
}

/// `application/grpc`, `application/grpc+proto`, `application/grpc;…`; the web variants are something else.
fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(rest) =
        headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
    else {
        return false;
    };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

//! `POST /api/transform`: OTLP JSON, as a file that somebody dropped into the UI, becomes the UI's own JSON. Nothing is stored or
//! adjusted. Facts: `jaegertracing/jaeger cmd/query/app/http_handler.go` (`transformOTLP`).

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use spoor_model::SpanBatch;
use spoor_net::body::read_limited;
use spoor_net::limits::Permit;
use spoor_proto::convert::otlp::decode_export_request_json;

use super::json_response;
use crate::api::params::Params;
use crate::api::status::Failure;
use crate::api::{Api, pieces};
use crate::json::TracesAnswer;

/// Largest body, as received and decompressed; Jaeger's bound.
pub(in crate::api) const MAX_BYTES: usize = 20 << 20;

/// `POST /api/transform`. What is read and what is answered count among the answers' bytes. A turn is taken when all is there: a
/// client that sends slowly is no reason for others to wait.
pub(in crate::api) async fn transform(
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, Failure> {
    let pretty = Params::parse(request.uri().query()).pretty();
    let mut room = api.service.room_without_turn()?;
    let (head, body): (_, Body) = request.into_parts();
    let body = read_in_time(api.service.timeout(), body, &head.headers, room.bytes()).await?;
    api.service.begin_turn(&mut room).await?;
    let read = tokio::task::spawn_blocking(move || {
        decode_export_request_json(&body).map(|spans| (spans.memory_bytes(), by_trace(spans)))
    });
    let (bytes, traces) = match read.await {
        Ok(read) => read.map_err(|cause| {
            Failure::bad_request(format!("the body is not OTLP JSON ({{\"resourceSpans\":[…]}}): {cause}"))
        })?,
        // It broke, or the runtime is ending: nobody can go on either way.
        Err(error) => std::panic::resume_unwind(Box::new(error.to_string())),
    };
    api.service.resize(&mut room, bytes)?;
    room.end_turn();
    Ok(json_response(pieces::body(TracesAnswer::new(traces, Vec::new(), pretty), room)))
}

/// The whole body, unless it takes longer to come than a question may take.
async fn read_in_time(
    timeout: Duration,
    body: Body,
    headers: &HeaderMap,
    permit: &mut Permit,
) -> Result<Bytes, Failure> {
    match tokio::time::timeout(timeout, read_limited(body, headers, MAX_BYTES, permit)).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(Failure::too_slow(format!(
            "the body was not there within {timeout:?} (--query.request-timeout)"
        ))),
    }
}

/// One batch for each trace, in the order of their first spans.
fn by_trace(spans: SpanBatch) -> Vec<SpanBatch> {
    match spans.traces() {
        groups if groups.len() <= 1 => vec![spans],
        groups => groups.into_iter().map(|group| spans.select(group.spans)).collect(),
    }
}

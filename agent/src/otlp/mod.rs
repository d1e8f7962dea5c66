//! OTLP from applications beside the agent. A request goes to the buffer whole or not at all, and is answered with Ok when it lies there; what
//! finds no room is sent again by its sender, unlike datagrams, for which the oldest make room.

mod grpc;
mod http;
mod refusal;
mod sealing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use ::http::HeaderMap;
use axum::body::Body;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prometheus_client::registry::Registry;
use spoor_model::SpanBatch;
use spoor_net::body::read_limited;
use spoor_net::grpc::read_message;
use spoor_net::limits::{Budget, Permit};
use spoor_pipeline::{Normalizer, Quiet, describe_rejected};
use spoor_proto::DecodeError;
use spoor_proto::convert::otlp::export_response;

use crate::Tags;
use crate::buffer::{Buffer, Written};
use crate::config::OtlpConfig;
use crate::metrics::{OtlpMetrics, Transport};
pub(crate) use grpc::routes as grpc_routes;
pub(crate) use http::routes as http_routes;
use refusal::Refusal;
use sealing::seal;

/// Larger bodies are decoded beside the threads that serve, so that they hold up nobody.
const LARGE: usize = 1 << 20;

/// The longest that a body may take to come.
const READ_TIME: Duration = Duration::from_secs(10);

/// What both ports share.
#[derive(Clone)]
pub(crate) struct Receiver(Arc<Shared>);

struct Shared {
    buffer: Arc<Buffer>,
    normalizer: Normalizer,
    /// Bytes of a request, as received and decompressed.
    limit: usize,
    /// Bytes of a batch to a collector.
    batch: usize,
    in_flight: Budget,
    metrics: OtlpMetrics,
    undecodable: Quiet,
}

/// How a request lies on the wire.
#[derive(Debug, Clone, Copy)]
struct Protocol {
    transport: Transport,
    decode: fn(Bytes) -> Result<SpanBatch, DecodeError>,
}

impl Receiver {
    /// Batches to collectors have up to `batch` bytes, and of one span beyond that.
    pub(crate) fn register(
        registry: &mut Registry,
        config: &OtlpConfig,
        tags: Tags,
        batch: usize,
        buffer: Arc<Buffer>,
    ) -> Self {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self(Arc::new(Shared {
            buffer,
            normalizer: Normalizer::new(tags),
            limit: size(config.max_request.0),
            batch,
            in_flight: Budget::new(size(config.max_in_flight.0)),
            metrics: OtlpMetrics::register(registry),
            undecodable: Quiet::default(),
        }))
    }

    /// Takes a request all the way into the buffer. The body may be left unread.
    async fn take(
        &self,
        protocol: Protocol,
        headers: &HeaderMap,
        body: &mut Body,
    ) -> Result<ExportTraceServiceResponse, Refusal> {
        let taken = self.0.take(protocol, headers, body).await;
        self.0.metrics.answered(protocol.transport, taken.as_ref().err().map(Refusal::reason));
        if let Err(refusal @ Refusal::Undecodable(_)) = &taken
            && let Some(left_out) = self.0.undecodable.allows()
        {
            tracing::warn!(error = %refusal, left_out, "a request by OTLP was not readable");
        }
        taken
    }
}

impl Shared {
    async fn take(
        &self,
        protocol: Protocol,
        headers: &HeaderMap,
        body: &mut Body,
    ) -> Result<ExportTraceServiceResponse, Refusal> {
        let mut held = self.in_flight.take(0).expect("nothing always fits");
        let reading = async {
            Ok::<_, Refusal>(match protocol.transport {
                Transport::Grpc => read_message(body, headers, self.limit, &mut held).await?,
                Transport::Http => read_limited(body, headers, self.limit, &mut held).await?,
            })
        };
        let bytes = tokio::time::timeout(READ_TIME, reading).await.map_err(|_| Refusal::SlowBody)??;
        let is_large = bytes.len() > LARGE;
        // The permit goes along: a sender that hangs up meanwhile frees no memory.
        let work = move || decode(protocol, bytes, held);
        let (batch, permit) = match is_large {
            true => tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Broken)??,
            false => work()?,
        };
        let (response, written) = self.keep(batch)?;
        drop(permit);
        self.buffer.sync(written).await.map_err(Refusal::Disk)?;
        Ok(response)
    }

    /// Into the buffer.
    fn keep(&self, mut batch: SpanBatch) -> Result<(ExportTraceServiceResponse, Written), Refusal> {
        let (received, repaired) = (batch.len(), batch.repaired_texts());
        let mut rejected = self.normalizer.run(&mut batch);
        let packages = seal(&batch, self.batch, &mut rejected);
        let written = self.buffer.offer(packages, repaired)?;
        self.metrics.rejected(rejected.len());
        let response = export_response(rejected.len(), || describe_rejected(&rejected, received, "kept"));
        Ok((response, written))
    }
}

/// Decodes, and pays for the tables too. A request that is alone may exceed the budget with them, so that each fits some time.
fn decode(protocol: Protocol, bytes: Bytes, mut held: Permit) -> Result<(SpanBatch, Permit), Refusal> {
    let batch = (protocol.decode)(bytes).map_err(|error| Refusal::Undecodable(error.to_string()))?;
    let more = batch.memory_bytes().saturating_sub(held.amount());
    held.grow_or_alone(more).map_err(|_| Refusal::Busy)?;
    Ok((batch, held))
}

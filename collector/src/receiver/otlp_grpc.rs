//! Hot path: OTLP by gRPC, `opentelemetry.proto.collector.trace.v1.TraceService/Export` on :4317. Budget: one copy of the
//! received bytes; the answer to a wholly stored request is empty.

use axum::Router;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use spoor_pipeline::describe_rejected;
use spoor_proto::convert::otlp::{decode_export_request, export_response};
use tonic::Status;

use super::{Framing, Intake, Protocol, Source, grpc};
use crate::dispatch::Delivered;

/// The service's name, for health checks too.
pub(crate) const SERVICE: &str = "opentelemetry.proto.collector.trace.v1.TraceService";

/// Adds the method to a port's routes. `limit` bounds a message, in bytes.
pub(crate) fn add_to(routes: Router, intake: Intake, limit: usize) -> Router {
    let protocol =
        Protocol { source: Source::OtlpGrpc, framing: Framing::Grpc, limit, decode: decode_export_request };
    routes.route(&format!("/{SERVICE}/Export"), grpc::method(intake, protocol, answer))
}

fn answer(delivered: &Delivered) -> Result<Vec<u8>, Status> {
    Ok(response(delivered).encode_to_vec())
}

/// OTLP's answer to a request that is settled.
pub(super) fn response(delivered: &Delivered) -> ExportTraceServiceResponse {
    let Delivered { received, rejected } = delivered;
    export_response(rejected.len(), || describe_rejected(rejected, *received, "stored"))
}

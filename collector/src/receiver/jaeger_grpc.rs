//! Jaeger's own protocol, `jaeger.api_v2.CollectorService/PostSpans` on :14250, as jaeger-agent and old SDKs speak it.
//! Its answer is empty and cannot name spans: when the store refuses some for good, the others are stored all the same and the
//! answer is INVALID_ARGUMENT naming those and telling how many they are (agents do not repeat such a batch; Jaeger's count all of it as
//! lost, Spoor's those).

use axum::Router;
use spoor_net::grpc::refusal_in_part;
use spoor_pipeline::describe_rejected;
use spoor_proto::convert::jaeger_v2::decode_post_spans;
use tonic::{Code, Status};

use super::{Framing, Intake, Protocol, Source, grpc};
use crate::dispatch::Delivered;

/// The service's name, for health checks too.
pub(crate) const SERVICE: &str = "jaeger.api_v2.CollectorService";

/// Adds the method to a port's routes. `limit` bounds a message, in bytes.
pub(crate) fn add_to(routes: Router, intake: Intake, limit: usize) -> Router {
    let protocol =
        Protocol { source: Source::JaegerGrpc, framing: Framing::Grpc, limit, decode: decode_post_spans };
    routes.route(&format!("/{SERVICE}/PostSpans"), grpc::method(intake, protocol, answer))
}

fn answer(delivered: &Delivered) -> Result<Vec<u8>, Status> {
    match &delivered.rejected[..] {
        [] => Ok(Vec::new()),
        rejected => {
            let why = describe_rejected(rejected, delivered.received, "stored");
            Err(refusal_in_part(Code::InvalidArgument, why, rejected.len()))
        }
    }
}

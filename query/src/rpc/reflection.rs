//! Reflection, `v1` and `v1alpha`: what this port serves, with all types down to OTLP's.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::map_request_with_state;
use futures::StreamExt;
use spoor_proto::jaeger::FILE_DESCRIPTORS;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_reflection::pb;
use tonic_reflection::server::Builder;

use super::SERVICES;

const V1: &str = "grpc.reflection.v1.ServerReflection";
const V1_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";
const HEALTH: &str = "grpc.health.v1.Health";

/// Both versions of the service. A conversation lasts as long as its client wants, so that `ending` ends it.
pub(super) fn routes(ending: &CancellationToken) -> Router {
    let v1 = builder().build_v1().expect("generated descriptors are whole");
    let v1_alpha = builder().build_v1alpha().expect("generated descriptors are whole");
    Router::new()
        .route_service(&path(&v1), v1)
        .route_service(&path(&v1_alpha), v1_alpha)
        .layer(map_request_with_state(ending.clone(), end_with))
}

fn builder() -> Builder<'static> {
    let builder = Builder::configure()
        .include_reflection_service(false)
        .register_encoded_file_descriptor_set(FILE_DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(pb::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(pb::v1alpha::FILE_DESCRIPTOR_SET);
    // Our descriptors hold services of other ports, too.
    let served = SERVICES.into_iter().chain([HEALTH, V1, V1_ALPHA]);
    served.fold(builder, Builder::with_service_name)
}

fn path<S: NamedService>(_: &S) -> String {
    format!("/{}/{{*method}}", S::NAME)
}

/// The client's side of a conversation ends when the port does.
async fn end_with(State(ending): State<CancellationToken>, request: Request) -> Request {
    request.map(|body| Body::from_stream(body.into_data_stream().take_until(ending.cancelled_owned())))
}

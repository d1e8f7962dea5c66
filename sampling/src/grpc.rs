//! Strategies by gRPC: `jaeger.api_v2.SamplingManager/GetSamplingStrategy`, as jaeger-agent and OpenTelemetry's Java sampler ask.

use std::sync::Arc;

use axum::Router;
use spoor_proto::jaeger::api_v2::sampling_manager_server::{SamplingManager, SamplingManagerServer};
use spoor_proto::jaeger::api_v2::{SamplingStrategyParameters, SamplingStrategyResponse};
use tonic::{Request, Response, Status};

use crate::StrategyProvider;

/// The service's name, for health checks too.
pub const SERVICE: &str = "jaeger.api_v2.SamplingManager";

/// The largest question, in bytes: it holds the name of a service.
const LIMIT: usize = 64 << 10;

/// Adds the service to a gRPC port's routes.
pub fn add_to(routes: Router, provider: Arc<dyn StrategyProvider>) -> Router {
    let service = SamplingManagerServer::new(Manager(provider)).max_decoding_message_size(LIMIT);
    routes.route_service(&format!("/{SERVICE}/{{method}}"), service)
}

struct Manager(Arc<dyn StrategyProvider>);

#[tonic::async_trait]
impl SamplingManager for Manager {
    async fn get_sampling_strategy(
        &self,
        request: Request<SamplingStrategyParameters>,
    ) -> Result<Response<SamplingStrategyResponse>, Status> {
        let service = request.into_inner().service_name;
        match self.0.strategy(&service).await {
            Ok(strategy) => Ok(Response::new(SamplingStrategyResponse::from(&*strategy))),
            // The code that Go's gRPC gives an error without one.
            Err(error) => Err(Status::unknown(error.to_string())),
        }
    }
}

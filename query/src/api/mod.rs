//! The HTTP port: which path goes where. API v1 and API v3; every API is a room of its own, over the same service.
//! Unknown paths below `/api` are 404 and never the page, which JSON clients could not read.

mod caller;
mod compression;
mod cors;
pub(crate) mod cut;
mod front;
mod page;
mod params;
mod pieces;
mod status;
mod v1;
mod v3;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::map_response_with_state;
use axum::response::Response;
use axum::routing::{any, get, post};
use spoor_net::tenancy::{Tenancy, TenancyLayer};

use crate::config::{Config, Header};
use crate::service::Service;
use crate::ui::Ui;
pub(crate) use caller::tenant;
pub use cors::CorsConfig;
use front::Front;

/// What the handlers share.
pub(crate) struct Api {
    service: Arc<Service>,
    max_limit: usize,
    propagates_tokens: bool,
    front: Front,
}

/// All routes, below the base path; behind the guard of tenancy, and before it what browsers ask about pages of other origins, in
/// questions that can name no tenant.
pub(crate) fn router(config: &Config, service: Arc<Service>, ui: Option<Ui>, tenancy: &Tenancy) -> Router {
    let front = Front::new(config, ui);
    let (max_limit, propagates_tokens) = (config.max_limit.get(), config.bearer_token_propagation);
    let api = Arc::new(Api { service, max_limit, propagates_tokens, front });
    let routes = Router::new()
        .route("/api/services", get(v1::services))
        .route("/api/services/{*operations}", get(v1::service_operations))
        .route("/api/operations", get(v1::operations))
        .route("/api/traces", get(v1::search))
        .route("/api/traces/{trace_id}", get(v1::trace))
        .route("/api/archive/{trace_id}", post(v1::archive))
        .route("/api/transform", post(v1::transform))
        .route("/api/dependencies", get(v1::dependencies))
        .route("/api/deep-dependencies", get(v1::deep_dependencies))
        .route("/api/metrics/latencies", get(v1::latencies))
        .route("/api/metrics/calls", get(v1::call_rates))
        .route("/api/metrics/errors", get(v1::error_rates))
        .route("/api/metrics/minstep", get(v1::min_step))
        .route("/api/quality-metrics", get(v1::quality_metrics))
        .merge(v3::routes())
        .route("/analytics/v1/dependencies", get(v1::deep_dependencies))
        .route("/static/{*file}", get(front::asset))
        .route("/api", any(not_found))
        .route("/api/", any(not_found))
        .route("/api/{*unknown}", any(not_found))
        .method_not_allowed_fallback(not_found)
        .fallback(front::page)
        .with_state(Arc::clone(&api));
    let routes = match config.base_path.prefix() {
        "" => routes,
        // The nested router does not take the prefix with a slash behind it, which is what people type.
        prefix => Router::new()
            .route(&format!("{prefix}/"), any(front::page).with_state(Arc::clone(&api)))
            .nest(prefix, routes)
            .fallback(not_found),
    };
    let headers: Arc<[Header]> = config.additional_headers.clone().into();
    let guarded = routes.layer(compression::layer()).layer(TenancyLayer::http(tenancy));
    cors::allow(guarded, &config.cors).layer(map_response_with_state(headers, add_headers))
}

/// What Go's HTTP server says of a path that nobody serves; clients know it from Jaeger.
async fn not_found() -> Response {
    status::plain_text(StatusCode::NOT_FOUND, "404 page not found\n")
}

async fn add_headers(State(headers): State<Arc<[Header]>>, mut response: Response) -> Response {
    for Header { name, value } in headers.iter() {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

#[cfg(test)]
mod tests;

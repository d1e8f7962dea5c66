//! The admin port of a role: health, metrics, version. Jaeger v1's paths and bodies, with the reasons added.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use prometheus_client::registry::Registry;
use serde_json::json;
use spoor_model::go_duration_text;
use time::format_description::well_known::Rfc3339;

use crate::exposition;
use crate::health::Health;
use crate::version;

/// What the admin port shows.
pub(crate) struct Admin {
    pub(crate) health: Health,
    pub(crate) registry: Registry,
}

/// The routes: `/` and `/ready` are readiness, `/live` is liveness, `/metrics`, `/version`.
pub(crate) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/", get(readiness))
        .route("/ready", get(readiness))
        .route("/live", get(|| async { "alive\n" }))
        .route("/metrics", get(metrics))
        .route("/version", get(|| async { Json(version::as_json()) }))
        .with_state(Arc::new(admin))
}

/// Jaeger's body and codes (`jaegertracing/jaeger pkg/healthcheck/handler.go`), plus `reasons` while not ready.
async fn readiness(State(admin): State<Arc<Admin>>) -> Response {
    let report = admin.health.now();
    match report.up {
        Some((since, uptime)) => {
            let since = since.format(&Rfc3339).unwrap_or_default();
            let uptime = go_duration_text(i128::try_from(uptime.as_nanos()).unwrap_or(i128::MAX));
            Json(json!({"status": "Server available", "upSince": since, "uptime": uptime})).into_response()
        }
        None => {
            let body = json!({
                "status": "Server not available", "upSince": "0001-01-01T00:00:00Z", "uptime": "", "reasons": report.reasons,
            });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn metrics(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match exposition::open_metrics(&admin.registry) {
        Ok(text) if accepted.contains("application/openmetrics-text") => {
            ([(header::CONTENT_TYPE, exposition::OPEN_METRICS)], text).into_response()
        }
        Ok(text) => {
            ([(header::CONTENT_TYPE, exposition::CLASSIC)], exposition::to_classic(&text)).into_response()
        }
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("write the metrics: {error}\n")).into_response()
        }
    }
}

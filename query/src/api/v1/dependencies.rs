//! `GET /api/dependencies`: who calls whom. Facts: `jaegertracing/jaeger cmd/query/app/query_parser.go` (`parseDependenciesQueryParams`)
//! and `http_handler.go` (`dependencies`).

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use spoor_model::{ServiceCalls, TimeRange, json};

use super::{Shared, json_response};
use crate::api::caller::Caller;
use crate::api::params::{Params, now};
use crate::api::pieces;
use crate::api::status::Failure;
use crate::json::untotaled_answer;
use crate::service::List;

/// How far back it looks when it is not told.
const DEFAULT_LOOKBACK: Duration = Duration::from_secs(24 * 60 * 60);

/// `GET /api/dependencies?endTs&lookback&service`; times in ms.
pub(in crate::api) async fn dependencies(
    State(api): Shared,
    Caller(context): Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref());
    let end = params.moment_millis("endTs")?.unwrap_or_else(now);
    let lookback = params.millis("lookback")?.unwrap_or(DEFAULT_LOOKBACK);
    let range = TimeRange { start: end.saturating_sub(lookback), end };
    let List { items: mut calls, room, .. } = api.service.dependencies(&context, range).await?;
    if let Some(service) = params.first("service") {
        calls.retain(|calls| calls.parent == service || calls.child == service);
    }
    Ok(json_response(pieces::whole(untotaled_answer(&calls, params.pretty(), write_calls), room)))
}

fn write_calls(out: &mut Vec<u8>, calls: &ServiceCalls) {
    out.extend_from_slice(b"{\"parent\":");
    json::write_string(out, calls.parent.as_bytes());
    out.extend_from_slice(b",\"child\":");
    json::write_string(out, calls.child.as_bytes());
    out.extend_from_slice(b",\"callCount\":");
    json::write_int(out, calls.call_count);
    out.push(b'}');
}

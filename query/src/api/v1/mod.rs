//! API v1 (`jaegertracing/jaeger cmd/query/app/http_handler.go`): services, operations, search, trace by id.

mod dependencies;
mod ids;
mod metrics;
mod search;
mod transform;

pub(super) use dependencies::dependencies;
pub(super) use ids::trace_id_of_segment;
pub(super) use metrics::{call_rates, error_rates, latencies, min_step};
#[cfg(test)]
pub(super) use transform::MAX_BYTES as TRANSFORM_MAX_BYTES;
pub(super) use transform::transform;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use spoor_model::{Operation, OperationQuery, SpanKind, TraceLookup, json};

use super::caller::Caller;
use super::params::{Params, now, unreadable};
use super::status::{Failure, TRACE_NOT_FOUND, TRACES_LEFT_OUT};
use super::{Api, cut, not_found, pieces};
use crate::json::{
    AnswerError, LiveTraceAnswer, TracesAnswer, archived_answer, fixed_answer, list_answer, null_answer,
};
use crate::service::{List, Traces};
use ids::{parse_path_id, service_of_path};
use search::{Search, parse_search, service_required, time_hint};

type Shared = State<Arc<Api>>;

/// `GET /api/services`.
pub(super) async fn services(
    State(api): Shared,
    Caller(context): Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref());
    let List { items, room, cut } = api.service.services(&context).await?;
    let write = |out: &mut Vec<u8>, name: &String| json::write_string(out, name.as_bytes());
    let body = pieces::whole(list_answer(&items, params.pretty(), write), room);
    Ok(cut::told(json_response(body), cut))
}

/// `GET /api/services/{service}/operations`: names alone, each once; `data` is null when there is none.
pub(super) async fn service_operations(
    State(api): Shared,
    Caller(context): Caller,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let Some(service) = service_of_path(uri.path()) else { return Ok(not_found().await) };
    let pretty = Params::parse(query.as_deref()).pretty();
    let query = OperationQuery { service: service?, span_kind: None };
    let List { items, room, cut } = api.service.operations(&context, &query).await?;
    let mut names: Vec<String> = items.into_iter().map(|operation| operation.name).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(json_response(null_answer(pretty)));
    }
    let write = |out: &mut Vec<u8>, name: &String| json::write_string(out, name.as_bytes());
    Ok(cut::told(json_response(pieces::whole(list_answer(&names, pretty, write), room)), cut))
}

/// `GET /api/operations?service&spanKind`.
pub(super) async fn operations(
    State(api): Shared,
    Caller(context): Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref());
    let service = params.first("service").ok_or_else(service_required)?.to_owned();
    let query = OperationQuery { service, span_kind: params.first("spanKind").map(span_kind).transpose()? };
    let List { items, room, cut } = api.service.operations(&context, &query).await?;
    let body = pieces::whole(list_answer(&items, params.pretty(), write_operation), room);
    Ok(cut::told(json_response(body), cut))
}

fn span_kind(name: &str) -> Result<SpanKind, Failure> {
    match SpanKind::from_name(name) {
        Some(kind) => Ok(kind),
        None if name.eq_ignore_ascii_case("unspecified") => Ok(SpanKind::Unspecified),
        None => Err(unreadable(
            "spanKind",
            format!("{name:?} is none of unspecified, internal, server, client, producer, consumer"),
        )),
    }
}

fn write_operation(out: &mut Vec<u8>, operation: &Operation) {
    out.extend_from_slice(b"{\"name\":");
    json::write_string(out, operation.name.as_bytes());
    out.extend_from_slice(b",\"spanKind\":");
    json::write_string(out, operation.span_kind.name().as_bytes());
    out.push(b'}');
}

/// `GET /api/traces`: a search, or the traces of given ids.
pub(super) async fn search(
    State(api): Shared,
    Caller(context): Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref());
    let raw = params.truth("raw")?;
    let found = match parse_search(&params, now(), api.max_limit)? {
        Search::Query(query) => api.service.find_traces(&context, &query, raw).await?,
        Search::Ids(ids) => {
            let lookups: Vec<_> =
                ids.into_iter().map(|trace_id| TraceLookup { trace_id, hint: None }).collect();
            api.service.traces(&context, &lookups, raw).await?
        }
    };
    Ok(traces_response(found, params.pretty()))
}

/// `GET /api/traces/{id}`.
pub(super) async fn trace(
    State(api): Shared,
    Caller(context): Caller,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref());
    let trace_id = parse_path_id(uri.path().rsplit('/').next().unwrap_or_default())?;
    let (hint, raw) = (time_hint(&params)?, params.truth("raw")?);
    if raw {
        let live = api.service.live_trace(&context, &TraceLookup { trace_id, hint }).await?;
        let live = live.ok_or_else(Failure::trace_not_found)?;
        return Ok(json_response(pieces::live_body(live, LiveTraceAnswer::new(params.pretty()))));
    }
    let found = api.service.traces(&context, &[TraceLookup { trace_id, hint }], false).await?;
    trace_response(found, params.pretty())
}

/// The one trace that was asked for. One that a limit left out is there, which the answer says.
pub(super) fn trace_response(found: Traces, pretty: bool) -> Result<Response, Failure> {
    if found.traces.is_empty() && !found.omitted {
        return Err(Failure::trace_not_found());
    }
    Ok(traces_response(found, pretty))
}

/// `POST /api/archive/{id}`.
pub(super) async fn archive(
    State(api): Shared,
    Caller(context): Caller,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref());
    let trace_id = parse_path_id(uri.path().rsplit('/').next().unwrap_or_default())?;
    let lookup = TraceLookup { trace_id, hint: time_hint(&params)? };
    api.service.archive(&context, &lookup).await?;
    Ok(json_response(archived_answer(params.pretty())))
}

/// `GET /api/deep-dependencies`: Jaeger answers an example that it made up; nothing is known here. The UI's page for them asks
/// `GET /analytics/v1/dependencies`, which no Jaeger has: its answer would be the UI itself, and the page would break.
pub(super) async fn deep_dependencies(RawQuery(query): RawQuery) -> Response {
    empty(query.as_deref(), br#"{"dependencies":[]}"#)
}

/// `GET /api/quality-metrics`: Jaeger answers an example that it made up; nobody measures the quality of traces here.
pub(super) async fn quality_metrics(RawQuery(query): RawQuery) -> Response {
    empty(query.as_deref(), br#"{"traceQualityDocumentationLink":"","scores":[],"metrics":[],"clients":[]}"#)
}

/// What is answered where nothing is known.
fn empty(query: Option<&str>, answer: &[u8]) -> Response {
    json_response(fixed_answer(answer, Params::parse(query).pretty()))
}

pub(super) fn json_response(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body.into()).into_response()
}

/// Sends the traces piece by piece. Their room is given back when the last piece is taken, or when the client hangs up
/// or stalls.
fn traces_response(found: Traces, pretty: bool) -> Response {
    let Traces { traces, missing, omitted, cut: _, room } = found;
    let unknown =
        |trace_id| AnswerError { code: None, message: TRACE_NOT_FOUND.to_owned(), trace_id: Some(trace_id) };
    let mut errors: Vec<AnswerError> = missing.into_iter().map(unknown).collect();
    if omitted {
        errors.push(AnswerError { code: None, message: TRACES_LEFT_OUT.to_owned(), trace_id: None });
    }
    json_response(pieces::body(TracesAnswer::new(traces, errors, pretty), room))
}

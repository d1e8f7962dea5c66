//! API v3 (`jaegertracing/jaeger-idl proto/api_v3/query_service.proto` over HTTP, as
//! `jaegertracing/jaeger cmd/jaeger/internal/extension/jaegerquery/internal/apiv3` serves it): OTLP JSON, and searches by page.
//! Described for its clients in `docs/openapi/v3.yaml`.

mod failure;
mod page_token;
mod params;
mod search;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use spoor_model::{
    FoundTrace, OperationQuery, SpanKind, TimeRange, TraceLookup, TraceQuery, UnixNanos, json,
};
use spoor_storage::RequestContext;

use super::caller::Caller;
use super::params::now;
use super::status::Failure;
use super::v1::{json_response, trace_id_of_segment};
use super::{Api, cut, pieces};
use crate::json::{LiveOtlpAnswer, OtlpAnswer, SummariesAnswer};
use crate::service::{List, Traces};
use failure::V3Failure;
use page_token::Continuation;
use params::{END_TIME, RAW_TRACES, SPAN_KIND, START_TIME, V3Params, malformed};
use search::Search;

type Shared = State<Arc<Api>>;
pub(super) type Answer = Result<Response, V3Failure>;

/// The description of this API.
const OPENAPI: &str = include_str!("../../../../docs/openapi/v3.yaml");

/// How far back dependencies are looked for when nothing is said: as in API v1.
const DEPENDENCIES_LOOKBACK: Duration = Duration::from_secs(24 * 60 * 60);

/// The routes of API v3.
pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v3/services", get(services))
        .route("/api/v3/operations", get(operations))
        .route("/api/v3/traces", get(search))
        .route("/api/v3/traces/{trace_id}", get(trace))
        .route("/api/v3/trace-summaries", get(trace_summaries))
        .route("/api/v3/dependencies", get(dependencies))
        .route("/api/v3/openapi.yaml", get(openapi))
}

/// `GET /api/v3/services`.
async fn services(State(api): Shared, Caller(context): Caller) -> Answer {
    let List { items, room, cut } = api.service.services(&context).await?;
    let list = list("services", &items, room, |out, name| json::write_string(out, name.as_bytes()));
    Ok(cut::told(list, cut))
}

/// `GET /api/v3/operations?service&spanKind`: kinds are never missing; one that is not known is told as `internal`.
async fn operations(State(api): Shared, Caller(context): Caller, RawQuery(query): RawQuery) -> Answer {
    let params = V3Params::parse(query.as_deref());
    let service = params.text(&["service"]).unwrap_or_default().to_owned();
    let query = OperationQuery { service, span_kind: params.span_kind(SPAN_KIND)? };
    let List { items, room, cut } = api.service.operations(&context, &query).await?;
    let list = list("operations", &items, room, |out, operation| {
        let kind = match operation.span_kind {
            SpanKind::Unspecified => SpanKind::Internal,
            kind => kind,
        };
        out.extend_from_slice(b"{\"name\":");
        json::write_string(out, operation.name.as_bytes());
        out.extend_from_slice(b",\"spanKind\":");
        json::write_string(out, kind.name().as_bytes());
        out.push(b'}');
    });
    Ok(cut::told(list, cut))
}

/// `GET /api/v3/traces/{id}?startTime&endTime&rawTraces`; the times are hints.
async fn trace(State(api): Shared, Caller(context): Caller, uri: Uri, RawQuery(query): RawQuery) -> Answer {
    let params = V3Params::parse(query.as_deref());
    let segment = uri.path().rsplit('/').next().unwrap_or_default();
    let trace_id = trace_id_of_segment(segment).map_err(|cause| malformed("trace_id", cause))?;
    let (hint, raw) = (time_hint(&params)?, params.truth(RAW_TRACES)?);
    if raw {
        let live = api.service.live_trace(&context, &TraceLookup { trace_id, hint }).await?;
        let live = live.ok_or_else(V3Failure::no_traces_found)?;
        return Ok(json_response(pieces::live_body(live, LiveOtlpAnswer::default())));
    }
    let found = api.service.traces(&context, &[TraceLookup { trace_id, hint }], false).await?;
    traces_response(found, None)
}

/// These traces and the way to the next page. Nothing at all is 404, as in Jaeger, but not where there is something that is not here.
pub(super) fn traces_response(found: Traces, next_page_token: Option<String>) -> Answer {
    if found.traces.is_empty() && next_page_token.is_none() {
        return Err(if found.omitted { Failure::left_out().into() } else { V3Failure::no_traces_found() });
    }
    Ok(json_response(pieces::body(OtlpAnswer::new(found.traces, next_page_token), found.room)))
}

/// Where the caller thinks the trace lies. One end is as good as none at the other.
fn time_hint(params: &V3Params) -> Result<Option<TimeRange>, V3Failure> {
    let (start, end) = (params.moment(START_TIME)?, params.moment(END_TIME)?);
    if start.is_none() && end.is_none() {
        return Ok(None);
    }
    let range = TimeRange { start: start.unwrap_or(UnixNanos::ZERO), end: end.unwrap_or(UnixNanos::MAX) };
    Ok((range.start <= range.end).then_some(range))
}

/// `GET /api/v3/traces?query.…`: a page of a search. Nothing found is 404, as in Jaeger.
async fn search(State(api): Shared, Caller(context): Caller, RawQuery(query): RawQuery) -> Answer {
    let params = V3Params::parse(query.as_deref());
    let Search { query, from, raw } = Search::parse(&params, api.service.capabilities(), api.max_limit)?;
    let (context, after) = continued(context, from);
    let page = api.service.page_of_traces(&context, &query, after, raw).await?;
    traces_response(page.found, next_page_token(&context, &query, page.next))
}

/// `GET /api/v3/trace-summaries?query.…`: a page of a search, of which each trace is told in a few words.
async fn trace_summaries(State(api): Shared, Caller(context): Caller, RawQuery(query): RawQuery) -> Answer {
    let params = V3Params::parse(query.as_deref());
    let Search { query, from, .. } = Search::parse(&params, api.service.capabilities(), api.max_limit)?;
    let (context, after) = continued(context, from);
    let page = api.service.page_of_summaries(&context, &query, after).await?;
    let token = next_page_token(&context, &query, page.next);
    Ok(json_response(pieces::body(SummariesAnswer::new(page.summaries, token), page.room)))
}

/// A further page is a part of the question that the first one asked, so that it comes out of the same copies: what one of them knew
/// a little later than another is neither passed over between two pages nor seen on both.
fn continued(context: RequestContext, from: Option<Continuation>) -> (RequestContext, Option<FoundTrace>) {
    match from {
        None => (context, None),
        Some(Continuation { last, question }) => {
            (RequestContext { question: Some(question), ..context }, Some(last))
        }
    }
}

fn next_page_token(context: &RequestContext, query: &TraceQuery, next: Option<FoundTrace>) -> Option<String> {
    let question = context.question.unwrap_or_default();
    next.map(|last| page_token::write(query, Continuation { last, question }))
}

/// `GET /api/v3/dependencies?startTime&endTime`: in Jaeger's description, and not in Jaeger.
async fn dependencies(State(api): Shared, Caller(context): Caller, RawQuery(query): RawQuery) -> Answer {
    let params = V3Params::parse(query.as_deref());
    let end = params.moment(END_TIME)?.unwrap_or_else(now);
    let start = params.moment(START_TIME)?.unwrap_or_else(|| end.saturating_sub(DEPENDENCIES_LOOKBACK));
    if start > end {
        return Err(malformed(START_TIME[0], "it is later than endTime").into());
    }
    let List { items, room, .. } = api.service.dependencies(&context, TimeRange { start, end }).await?;
    Ok(list("dependencies", &items, room, |out, calls| {
        out.extend_from_slice(b"{\"parent\":");
        json::write_string(out, calls.parent.as_bytes());
        out.extend_from_slice(b",\"child\":");
        json::write_string(out, calls.child.as_bytes());
        out.extend_from_slice(b",\"callCount\":\"");
        json::write_int(out, calls.call_count);
        out.extend_from_slice(b"\"}");
    }))
}

/// `GET /api/v3/openapi.yaml`: what is described here.
async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml"))], OPENAPI).into_response()
}

/// `{"name":[…]}`; the list is there even when it is empty. `held` is let go of when it is sent.
fn list<T>(name: &str, items: &[T], held: impl Send + 'static, write: impl Fn(&mut Vec<u8>, &T)) -> Response {
    let mut out = format!("{{\"{name}\":[").into_bytes();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(&mut out, item);
    }
    out.extend_from_slice(b"]}");
    json_response(pieces::whole(out, held))
}

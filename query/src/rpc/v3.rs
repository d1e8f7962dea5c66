//! `jaeger.api_v3.QueryService`: OTLP's span model.

use std::sync::Arc;

use axum::Router;
use futures::StreamExt;
use spoor_model::OperationQuery;
use spoor_proto::jaeger::api_v3::{
    DependenciesResponse, Dependency, FindTraceSummariesRequest, FindTracesRequest, GetDependenciesRequest,
    GetOperationsRequest, GetOperationsResponse, GetServicesRequest, GetServicesResponse, GetTraceRequest,
    Operation,
};
use spoor_storage::RequestContext;
use tonic::Status;

use super::lookup::by_hex;
use super::messages::{answer, message_of_v3, sent, trace_by_id};
use super::method::{Answer, Messages, streaming, unary};
use super::names::{dependency_range, span_kind};
use super::status::read_failed;
use super::{Rpc, search, summaries};
use crate::service::List;

/// The service's name.
pub(super) const SERVICE: &str = "jaeger.api_v3.QueryService";

/// All its methods.
pub(super) fn routes(rpc: &Arc<Rpc>) -> Router {
    let path = |method| format!("/{SERVICE}/{method}");
    Router::new()
        .route(&path("GetTrace"), streaming(rpc, get_trace))
        .route(&path("FindTraces"), streaming(rpc, find_traces))
        .route(&path("GetServices"), unary(rpc, get_services))
        .route(&path("GetOperations"), unary(rpc, get_operations))
        .route(&path("GetDependencies"), unary(rpc, get_dependencies))
        .route(&path("FindTraceSummaries"), streaming(rpc, find_trace_summaries))
}

async fn get_trace(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: GetTraceRequest,
) -> Result<Messages, Status> {
    let lookup = by_hex(&request.trace_id, request.start_time, request.end_time)?;
    trace_by_id(&rpc, &context, lookup, request.raw_traces, message_of_v3).await
}

async fn find_traces(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: FindTracesRequest,
) -> Result<Messages, Status> {
    let search = search::of_v3(request.query, rpc.search_bounds())?;
    let found = rpc.service.find_traces(&context, &search.query, search.raw).await.map_err(read_failed)?;
    Ok(answer(found, message_of_v3))
}

async fn get_services(
    rpc: Arc<Rpc>,
    context: RequestContext,
    _: GetServicesRequest,
) -> Result<Answer<GetServicesResponse>, Status> {
    let List { items, room, cut } = rpc.service.services(&context).await.map_err(read_failed)?;
    Ok(Answer { message: GetServicesResponse { services: items }, room: Some(room), cut })
}

async fn get_operations(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: GetOperationsRequest,
) -> Result<Answer<GetOperationsResponse>, Status> {
    let query = OperationQuery { service: request.service, span_kind: span_kind(&request.span_kind)? };
    let List { items: found, room, cut } =
        rpc.service.operations(&context, &query).await.map_err(read_failed)?;
    let operations = found.into_iter().map(|operation| Operation {
        span_kind: operation.span_kind.name().to_owned(),
        name: operation.name,
    });
    let message = GetOperationsResponse { operations: operations.collect() };
    Ok(Answer { message, room: Some(room), cut })
}

async fn get_dependencies(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: GetDependenciesRequest,
) -> Result<Answer<DependenciesResponse>, Status> {
    let range = dependency_range(request.start_time, request.end_time)?;
    let List { items, room, cut } = rpc.service.dependencies(&context, range).await.map_err(read_failed)?;
    let dependencies = items.into_iter().map(|calls| Dependency {
        parent: calls.parent,
        child: calls.child,
        call_count: calls.call_count,
    });
    let message = DependenciesResponse { dependencies: dependencies.collect() };
    Ok(Answer { message, room: Some(room), cut })
}

async fn find_trace_summaries(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: FindTraceSummariesRequest,
) -> Result<Messages, Status> {
    let search = search::of_v3(request.query, rpc.search_bounds())?;
    let page = rpc.service.page_of_summaries(&context, &search.query, None).await.map_err(read_failed)?;
    Ok(sent(summaries::messages(page.summaries), page.room).boxed())
}

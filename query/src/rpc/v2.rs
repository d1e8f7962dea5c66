//! `jaeger.api_v2.QueryService`: Jaeger's own span model.

use std::sync::Arc;

use axum::Router;
use spoor_model::OperationQuery;
use spoor_proto::jaeger::api_v2::{
    ArchiveTraceRequest, ArchiveTraceResponse, DependencyLink, FindTracesRequest, GetDependenciesRequest,
    GetDependenciesResponse, GetOperationsRequest, GetOperationsResponse, GetServicesRequest,
    GetServicesResponse, GetTraceRequest, Operation,
};
use spoor_storage::RequestContext;
use tonic::Status;

use super::lookup::by_bytes;
use super::messages::{answer, chunk_of_v2, trace_by_id};
use super::method::{Answer, Messages, streaming, unary};
use super::names::{dependency_range, span_kind};
use super::status::{archive_failed, read_failed};
use super::{Rpc, search};
use crate::service::List;

/// The service's name.
pub(super) const SERVICE: &str = "jaeger.api_v2.QueryService";

/// All its methods.
pub(super) fn routes(rpc: &Arc<Rpc>) -> Router {
    let path = |method| format!("/{SERVICE}/{method}");
    Router::new()
        .route(&path("GetTrace"), streaming(rpc, get_trace))
        .route(&path("ArchiveTrace"), unary(rpc, archive_trace))
        .route(&path("FindTraces"), streaming(rpc, find_traces))
        .route(&path("GetServices"), unary(rpc, get_services))
        .route(&path("GetOperations"), unary(rpc, get_operations))
        .route(&path("GetDependencies"), unary(rpc, get_dependencies))
}

async fn get_trace(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: GetTraceRequest,
) -> Result<Messages, Status> {
    let lookup = by_bytes(&request.trace_id, request.start_time, request.end_time)?;
    trace_by_id(&rpc, &context, lookup, request.raw_traces, chunk_of_v2).await
}

async fn archive_trace(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: ArchiveTraceRequest,
) -> Result<Answer<ArchiveTraceResponse>, Status> {
    let lookup = by_bytes(&request.trace_id, request.start_time, request.end_time)?;
    rpc.service.archive(&context, &lookup).await.map_err(archive_failed)?;
    Ok(Answer { message: ArchiveTraceResponse {}, room: None, cut: false })
}

async fn find_traces(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: FindTracesRequest,
) -> Result<Messages, Status> {
    let search = search::of_v2(request.query, rpc.search_bounds())?;
    let found = rpc.service.find_traces(&context, &search.query, search.raw).await.map_err(read_failed)?;
    Ok(answer(found, chunk_of_v2))
}

async fn get_services(
    rpc: Arc<Rpc>,
    context: RequestContext,
    _: GetServicesRequest,
) -> Result<Answer<GetServicesResponse>, Status> {
    let List { items, room, cut } = rpc.service.services(&context).await.map_err(read_failed)?;
    Ok(Answer { message: GetServicesResponse { services: items }, room: Some(room), cut })
}

/// The names alone, each once, stand beside the operations: the older form of the answer.
async fn get_operations(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: GetOperationsRequest,
) -> Result<Answer<GetOperationsResponse>, Status> {
    let query = OperationQuery { service: request.service, span_kind: span_kind(&request.span_kind)? };
    let List { items: found, room, cut } =
        rpc.service.operations(&context, &query).await.map_err(read_failed)?;
    let mut operation_names: Vec<String> = found.iter().map(|operation| operation.name.clone()).collect();
    operation_names.sort_unstable();
    operation_names.dedup();
    let operations = found.into_iter().map(|operation| Operation {
        span_kind: operation.span_kind.name().to_owned(),
        name: operation.name,
    });
    let message = GetOperationsResponse { operation_names, operations: operations.collect() };
    Ok(Answer { message, room: Some(room), cut })
}

/// Calls are summed whatever saw them, so that no source is named.
async fn get_dependencies(
    rpc: Arc<Rpc>,
    context: RequestContext,
    request: GetDependenciesRequest,
) -> Result<Answer<GetDependenciesResponse>, Status> {
    let range = dependency_range(request.start_time, request.end_time)?;
    let List { items, room, cut } = rpc.service.dependencies(&context, range).await.map_err(read_failed)?;
    let dependencies = items.into_iter().map(|calls| DependencyLink {
        parent: calls.parent,
        child: calls.child,
        call_count: calls.call_count,
        source: String::new(),
    });
    let message = GetDependenciesResponse { dependencies: dependencies.collect() };
    Ok(Answer { message, room: Some(room), cut })
}

//! Who asks: what a call brings along for the store, by Jaeger's rules (`jaegertracing/jaeger internal/auth/bearertoken`).

use std::time::Instant;

use spoor_net::grpc::timeout;
use spoor_storage::{Credentials, RequestContext};
use spoor_tracer::OwnSpan;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};

use super::Rpc;
use crate::api::tenant;

/// Where Jaeger's clients put the user's token.
const TOKEN: &str = "bearer.token";

/// The context of a call: the time it has (the client's `grpc-timeout` when that is less than ours), its tenant
/// where there are tenants, and with
/// `--query.bearer-token-propagation` the user's token.
pub(super) fn caller(
    rpc: &Rpc,
    metadata: &MetadataMap,
    extensions: &Extensions,
) -> Result<RequestContext, Status> {
    let own_span = OwnSpan::of(extensions);
    let mut context = RequestContext { tenant: tenant(extensions), own_span, ..rpc.service.context() };
    if let Some(deadline) = timeout(metadata.as_ref()).and_then(|time| Instant::now().checked_add(time)) {
        context.deadline = context.deadline.min(deadline);
    }
    if rpc.propagates_tokens {
        context.credentials = token(metadata)?.map(Credentials::bearer);
    }
    Ok(context)
}

fn token(metadata: &MetadataMap) -> Result<Option<&str>, Status> {
    let mut values = metadata.get_all(TOKEN).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Status::invalid_argument(format!("the metadata has more than one {TOKEN}; send one")));
    }
    let Some(token) = first else { return Ok(None) };
    let token = token.to_str().map_err(|_| {
        Status::invalid_argument(format!("the metadata {TOKEN} has characters that no token has"))
    })?;
    Ok(Some(token).filter(|token| !token.is_empty()))
}

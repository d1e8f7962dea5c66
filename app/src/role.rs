//! From a built part to a [`Role`] that the host runs.

use std::sync::Arc;

use anyhow::Result;
use spoor_collector::{Collector, Sockets};
use spoor_query::{Archive, Query, Socket};
use spoor_storage::{SpanReader, SpanWriter};

use crate::host::{Host, Role};

/// The collector over an open store.
pub(crate) fn collector(
    config: &spoor_collector::Config,
    sockets: Sockets,
    writer: Arc<dyn SpanWriter>,
    host: &mut Host,
) -> Result<Role> {
    let collector = Collector::build(config, sockets, writer, &mut host.registry);
    let shutdown = host.shutdown.clone();
    Ok(Role { name: "collector", run: Box::pin(async move { Ok(collector.run(shutdown).await?) }) })
}

/// The query role over an open store and its archive.
pub(crate) fn query(
    config: &spoor_query::Config,
    socket: Socket,
    reader: Arc<dyn SpanReader>,
    archive: Option<Archive>,
    host: &mut Host,
) -> Role {
    let query = Query::build(config, socket, reader, archive, &mut host.registry);
    let shutdown = host.shutdown.clone();
    Role { name: "query", run: Box::pin(async move { Ok(query.run(shutdown).await?) }) }
}

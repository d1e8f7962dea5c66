//! `spoor all-in-one`: collector and query over one store, in one process.

use anyhow::Result;
use spoor_storage::memory;
use spoor_storage_elasticsearch::ArchiveConfig;

use crate::backend::{self, StorageConfig};
use crate::host::{Host, HostConfig};
use crate::role;

/// Settings of the all-in-one.
#[derive(Debug, clap::Args)]
#[command(mut_arg("span-storage.type", |arg| arg.default_value("memory")))]
pub(crate) struct AllInOneArgs {
    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    pub(super) storage: StorageConfig,

    #[command(flatten)]
    memory: memory::Config,

    #[command(flatten)]
    pub(super) collector: spoor_collector::Config,

    #[command(flatten)]
    pub(super) archive: ArchiveConfig,

    #[command(flatten)]
    query: spoor_query::Config,
}

/// Sockets first, then the store, then the roles.
pub(crate) async fn run(args: &AllInOneArgs) -> Result<()> {
    let mut host = Host::prepare(&args.host)?;
    let sockets = spoor_collector::Sockets::bind(&args.collector)?;
    let socket = spoor_query::Query::bind(&args.query)?;
    let backend = backend::open_any(&args.storage, &args.memory, &mut host)?;
    let collector = role::collector(&args.collector, sockets, backend.writer, &mut host)?;
    let archive = backend::open_archive(&args.archive, &args.storage, &mut host)?;
    let query = role::query(&args.query, socket, backend.reader, archive, &mut host);
    host.serve(vec![collector, query]).await
}

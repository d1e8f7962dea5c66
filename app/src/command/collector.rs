//! `spoor collector`: receivers in front of a store shared with other processes.

use anyhow::Result;

use crate::backend::{self, StorageConfig};
use crate::host::{Host, HostConfig};
use crate::role;

/// Settings of the collector.
#[derive(Debug, clap::Args)]
pub(crate) struct CollectorArgs {
    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    pub(super) storage: StorageConfig,

    #[command(flatten)]
    pub(super) collector: spoor_collector::Config,
}

/// Sockets first, then the store, then the role.
pub(crate) async fn run(args: &CollectorArgs) -> Result<()> {
    let mut host = Host::prepare(&args.host)?;
    let sockets = spoor_collector::Sockets::bind(&args.collector)?;
    let backend = backend::open_shared(&args.storage, &mut host)?;
    let collector = role::collector(&args.collector, sockets, backend.writer, &mut host)?;
    host.serve(vec![collector]).await
}

//! `spoor query`: Jaeger's API over a store shared with other processes.

use anyhow::Result;
use spoor_query::Stores;
use spoor_storage_elasticsearch::ArchiveConfig;

use crate::backend::{self, StorageConfig};
use crate::host::{Host, HostConfig};
use crate::role;
use crate::span_metrics::MetricsConfig;

/// Settings of the query role.
#[derive(Debug, clap::Args)]
#[command(mut_arg("admin.http.host-port", |arg| arg.default_value(":16687")))]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    pub(super) storage: StorageConfig,

    #[command(flatten)]
    pub(super) archive: ArchiveConfig,

    #[command(flatten)]
    pub(super) metrics: MetricsConfig,

    #[command(flatten)]
    pub(super) query: spoor_query::Config,
}

/// Sockets first, then the store, then the role and its job.
pub(crate) async fn run(args: &QueryArgs) -> Result<()> {
    let mut host = Host::prepare(&args.host)?;
    let sockets = spoor_query::Query::bind(&args.query)?;
    let doors = backend::open_reader(&args.storage, &host)?;
    let archive = backend::open_archive(&args.archive, &args.storage, &mut host)?;
    let job = role::dependencies(args.query.dependencies_interval, &doors, &mut host);
    let span_metrics = args.metrics.open(args.storage.kind, || Some(doors.span_metrics))?;
    let stores = Stores { archive, span_metrics, ..doors.stores };
    let query = role::query(&args.query, sockets, stores, &mut host)?;
    host.serve(std::iter::once(query).chain(job).collect()).await
}

//! `spoor query`: Jaeger's API over a store shared with other processes.

use anyhow::Result;
use spoor_net::tenancy::TenancyConfig;
use spoor_query::Stores;
use spoor_storage_elasticsearch::ArchiveConfig;
use spoor_tracer::OtelConfig;

use crate::backend::{self, StorageConfig};
use crate::host::{Host, HostConfig};
use crate::own_traces::OwnTraces;
use crate::role;
use crate::span_metrics::MetricsConfig;

/// Settings of the query role.
#[derive(Debug, clap::Args)]
#[command(mut_arg("admin.http.host-port", |arg| arg.default_value(":16687")))]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    storage: StorageConfig,

    #[command(flatten)]
    tenancy: TenancyConfig,

    #[command(flatten)]
    otel: OtelConfig,

    #[command(flatten)]
    archive: ArchiveConfig,

    #[command(flatten)]
    metrics: MetricsConfig,

    #[command(flatten)]
    query: spoor_query::Config,
}

impl QueryArgs {
    /// Checks what no single flag can tell.
    pub(super) fn validate(&self) -> Result<()> {
        self.host.validate()?;
        self.query.validate()?;
        if self.query.enable_tracing {
            self.otel.validate()?;
        }
        self.storage.validate_shared()?;
        self.storage.validate_archive(&self.archive)?;
        self.metrics.validate(self.storage.kind, &self.tenancy)
    }
}

/// Sockets first, then the store, then the role and its job.
pub(crate) async fn run(args: &QueryArgs) -> Result<()> {
    let mut host = Host::prepare(&args.host, Some("jaeger_query"))?;
    let sockets = spoor_query::Query::bind(&args.query)?;
    let doors = backend::open_reader(&args.storage, &host)?;
    let archive = backend::open_archive(&args.archive, &args.storage, &mut host)?;
    let job = role::dependencies(args.query.dependencies_interval, &doors, &mut host);
    let span_metrics = args.metrics.open(args.storage.kind, || Some(doors.span_metrics))?;
    args.metrics.report_certificates(&host.certificates)?;
    let stores = Stores { archive, span_metrics, ..doors.stores };
    let traced = args.query.enable_tracing;
    let tracer = OwnTraces::start(&args.otel, traced, "spoor-query", &mut host)?.of_part(traced);
    let query = role::query(&args.query, &args.tenancy, sockets, (stores, tracer), &mut host)?;
    host.serve(std::iter::once(query).chain(job).collect()).await
}

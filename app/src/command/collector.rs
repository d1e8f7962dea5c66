//! `spoor collector`: receivers in front of a store shared with other processes.

use anyhow::Result;
use spoor_net::tenancy::TenancyConfig;
use spoor_storage::write::RetryMetrics;
use spoor_tracer::OtelConfig;

use crate::backend::{self, StorageConfig, StorageKind};
use crate::host::{Host, HostConfig};
use crate::kafka::{self, KafkaSpans};
use crate::own_traces::OwnTraces;
use crate::role::{self, CollectorParts};
use crate::sampling::{self, SamplingArgs};

/// Settings of the collector.
#[derive(Debug, clap::Args)]
pub(crate) struct CollectorArgs {
    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    pub(super) storage: StorageConfig,

    #[command(flatten)]
    kafka: KafkaSpans,

    #[command(flatten)]
    sampling: SamplingArgs,

    #[command(flatten)]
    tenancy: TenancyConfig,

    #[command(flatten)]
    otel: OtelConfig,

    #[command(flatten)]
    pub(super) collector: spoor_collector::Config,
}

impl CollectorArgs {
    /// Checks what no single flag can tell.
    pub(super) fn validate(&self) -> Result<()> {
        self.host.validate()?;
        self.collector.validate()?;
        self.sampling.validate(&self.storage)?;
        if self.collector.enable_tracing {
            self.otel.validate()?;
        }
        match self.storage.kind {
            StorageKind::Kafka => self.kafka.validate(),
            _ => self.storage.validate_shared_for(self.sampling.is_adaptive()),
        }
    }
}

/// Sockets first, then the store, then the role.
pub(crate) async fn run(args: &CollectorArgs) -> Result<()> {
    let mut host = Host::prepare(&args.host, Some("jaeger_collector"))?;
    let sockets = spoor_collector::Sockets::bind(&args.collector)?;
    let (writer, doors) = match args.storage.kind {
        StorageKind::Kafka => {
            let retries = RetryMetrics::register(&mut host.registry);
            (kafka::open_writer(&args.kafka, retries, &mut host)?, None)
        }
        _ => {
            let backend = backend::open_shared(&args.storage, &mut host)?;
            (backend.writer, Some(backend.doors))
        }
    };
    let sampling = sampling::open(&args.sampling, &args.storage, doors.as_ref(), &mut host).await?;
    let writer = sampling.counting(writer);
    let traced = args.collector.enable_tracing;
    let tracer = OwnTraces::start(&args.otel, traced, "spoor-collector", &mut host)?.of_part(traced);
    let parts = CollectorParts { writer, strategies: &sampling.provider, tracer };
    let collector = role::collector(&args.collector, &args.tenancy, sockets, parts, &mut host)?;
    host.serve(vec![sampling.role, collector]).await
}

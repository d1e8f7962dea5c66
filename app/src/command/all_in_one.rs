//! `spoor all-in-one`: agent, collector and query over one store, in one process; on request with Kafka and an ingester in between.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use spoor_net::tenancy::{Tenancy, TenancyConfig};
use spoor_query::Stores;
use spoor_storage::memory;
use spoor_storage_elasticsearch::ArchiveConfig;
use spoor_topic_kafka::config::ConsumerConfig;
use spoor_tracer::OtelConfig;
use tokio_util::sync::CancellationToken;

use crate::backend::{self, Doors, StorageConfig, StorageKind};
use crate::host::{Host, HostConfig};
use crate::kafka::{self, KafkaSpans};
use crate::own_traces::OwnTraces;
use crate::role::{self, CollectorParts};
use crate::sampling::{self, SamplingArgs};
use crate::span_metrics::MetricsConfig;

/// How often dependencies are counted in memory unless told otherwise.
const INTERVAL_IN_MEMORY: Duration = Duration::from_secs(15);

/// The probability that clients are told unless told otherwise: who tries things out wants to see every trace.
const SAMPLED_HERE: f64 = 1.0;

/// Settings of the all-in-one.
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("span-storage.type", |arg| arg.default_value("memory")),
    mut_arg("collector.sampling.grpc.host-port", |arg| arg.default_value(":5779"))
)]
pub(crate) struct AllInOneArgs {
    #[command(flatten)]
    pub(crate) host: HostConfig,

    #[command(flatten)]
    pub(super) storage: StorageConfig,

    #[command(flatten)]
    memory: memory::Config,

    /// What stands between the collector and the store: none; or kafka, to try the way from the collector through a topic and an ingester
    /// to the store in one process.
    #[arg(
        id = "span-buffer.type",
        long = "span-buffer.type",
        value_name = "BUFFER",
        default_value = "none",
        ignore_case = true
    )]
    buffer: SpanBuffer,

    #[command(flatten)]
    producer: KafkaSpans,

    #[command(flatten)]
    consumer: ConsumerConfig,

    #[command(flatten)]
    ingester: spoor_ingester::Config,

    #[command(flatten)]
    sampling: SamplingArgs,

    #[command(flatten)]
    tenancy: TenancyConfig,

    #[command(flatten)]
    otel: OtelConfig,

    #[command(flatten)]
    agent: spoor_agent::Config,

    #[command(flatten)]
    pub(super) collector: spoor_collector::Config,

    #[command(flatten)]
    pub(super) archive: ArchiveConfig,

    #[command(flatten)]
    metrics: MetricsConfig,

    #[command(flatten)]
    query: spoor_query::Config,
}

/// What may stand between collector and store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SpanBuffer {
    /// Nothing
    None,
    /// A topic in Kafka
    Kafka,
}

impl AllInOneArgs {
    /// Checks what no single flag can tell.
    pub(super) fn validate(&self) -> Result<()> {
        self.host.validate()?;
        self.collector.validate()?;
        self.agent.validate_beside_collector(self.collector.jaeger_grpc.tls.enabled())?;
        self.validate_tenant()?;
        self.host.outlasts("--agent.drain-timeout", self.agent.buffer.drain_timeout)?;
        self.query.validate()?;
        if self.collector.enable_tracing || self.query.enable_tracing {
            self.otel.validate()?;
        }
        self.storage.validate(self.sampling.is_adaptive())?;
        self.sampling.validate(&self.storage)?;
        self.storage.validate_archive(&self.archive)?;
        self.metrics.validate(self.storage.kind, &self.tenancy)?;
        if self.buffer == SpanBuffer::None {
            return Ok(());
        }
        self.host.outlasts("--ingester.drain-timeout", self.ingester.drain_timeout)?;
        self.producer.validate()?;
        self.consumer.validate()?;
        let (written, encoding) = self.producer.target();
        let read = &self.consumer.connection.topic;
        ensure!(
            written == read,
            "--kafka.consumer.topic={read} is not the topic that the collector writes to, --kafka.producer.topic={written}; give both the same"
        );
        let reads = self.ingester.encoding.0;
        ensure!(
            reads.is_none_or(|reads| reads == encoding),
            "--kafka.consumer.encoding is not what the collector writes, --kafka.producer.encoding={encoding}; give both the same"
        );
        Ok(self.ingester.validate(read)?)
    }

    /// The agent's part knocks at the collector's door like any other sender.
    fn validate_tenant(&self) -> Result<()> {
        let reporter = &self.agent.reporter;
        if !self.tenancy.enabled || !reporter.host_port.is_empty() {
            return Ok(());
        }
        let tenant = reporter.tenant.as_ref().context(
            "--multi-tenancy.enabled: the agent's part sends to this collector, which refuses spans without a tenant; name theirs with --reporter.grpc.tenant",
        )?;
        let tenants = &self.tenancy.tenants;
        ensure!(
            Tenancy::new(&self.tenancy).knows(tenant),
            "--reporter.grpc.tenant={} is none of --multi-tenancy.tenants={}, so that this collector would refuse all spans of the agent's part; add it there, or name one of them",
            tenant.to_str().unwrap_or("(no text)"),
            tenants.join(",")
        );
        let (sent, read) = (&reporter.tenant_header, &self.tenancy.header);
        ensure!(
            sent == read,
            "--reporter.grpc.tenant-header={sent} is not the header in which the collector looks for a tenant, --multi-tenancy.header={read}; give both the same"
        );
        Ok(())
    }

    /// In memory, nobody else counts dependencies, and it costs little.
    fn dependencies_interval(&self) -> Option<Duration> {
        let in_memory = (self.storage.kind == StorageKind::Memory).then_some(INTERVAL_IN_MEMORY);
        self.query.dependencies_interval.or(in_memory)
    }
}

/// Sockets first, then the store, then the roles.
pub(crate) async fn run(args: &AllInOneArgs) -> Result<()> {
    let mut host = Host::prepare(&args.host, Some("jaeger"))?;
    let sockets = spoor_collector::Sockets::bind(&args.collector)?;
    let agent_sockets = spoor_agent::Sockets::bind(&args.agent.ports)?;
    let query_sockets = spoor_query::Query::bind(&args.query)?;
    let backend = backend::open_any(&args.storage, &args.memory, &mut host)?;
    let mut roles = Vec::new();
    let writer = match args.buffer {
        SpanBuffer::None => backend.writer,
        SpanBuffer::Kafka => {
            let retries = backend.plain.retries.clone();
            let topic = kafka::open_writer(&args.producer, retries, &mut host)?;
            let ingester = kafka::open_ingester(&args.consumer, &args.ingester, backend.plain, &mut host);
            roles.push(role::ingester(ingester.await?, &host));
            topic
        }
    };
    let sampling = args.sampling.clone().with_default_probability(SAMPLED_HERE);
    let sampling = sampling::open(&sampling, &args.storage, Some(&backend.doors), &mut host).await?;
    let writer = sampling.counting(writer);
    // As in Jaeger, the agent's part speaks to the collector's port: the same way as from any other agent, with the same limits, tenancy and
    // accounts. It ends first, so that what it holds still finds the collector.
    let agent = args.agent.clone().with_collector(sockets.jaeger_grpc());
    let (stop, agent_ended) = (host.shutdown.clone(), CancellationToken::new());
    host.shutdown = agent_ended.clone();
    let (collects, answers) = (args.collector.enable_tracing, args.query.enable_tracing);
    let own_traces = OwnTraces::start(&args.otel, collects || answers, "spoor-all-in-one", &mut host)?;
    let strategies = &sampling.provider;
    let parts = CollectorParts { writer, strategies, tracer: own_traces.of_part(collects) };
    roles.push(role::collector(&args.collector, &args.tenancy, sockets, parts, &mut host)?);
    host.shutdown = stop;
    roles.push(sampling.role);
    roles.push(role::agent(&agent, agent_sockets, Some(agent_ended), &mut host)?);
    let archive = backend::open_archive(&args.archive, &args.storage, &mut host)?;
    roles.extend(role::dependencies(args.dependencies_interval(), &backend.doors, &mut host));
    let Doors { stores, span_metrics, .. } = backend.doors;
    let span_metrics = args.metrics.open(args.storage.kind, || Some(span_metrics))?;
    args.metrics.report_certificates(&host.certificates)?;
    let stores = Stores { archive, span_metrics, ..stores };
    let stores = (stores, own_traces.of_part(answers));
    roles.push(role::query(&args.query, &args.tenancy, query_sockets, stores, &mut host)?);
    host.serve(roles).await
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn validated(flags: &[&str]) -> Result<(), String> {
        let command = AllInOneArgs::augment_args(Command::new("test").no_binary_name(true));
        let matches = command.get_matches_from(flags);
        AllInOneArgs::from_arg_matches(&matches).unwrap().validate().map_err(|error| error.to_string())
    }

    #[test]
    fn with_tenants_the_agents_part_needs_one_for_its_own_collector() {
        let refusal = validated(&["--multi-tenancy.enabled"]).unwrap_err();
        assert!(refusal.contains("--reporter.grpc.tenant"), "{refusal}");
        assert_eq!(validated(&["--multi-tenancy.enabled", "--reporter.grpc.tenant=red"]), Ok(()));
        let header =
            ["--multi-tenancy.enabled", "--reporter.grpc.tenant=red", "--multi-tenancy.header=x-org"];
        let refusal = validated(&header).unwrap_err();
        assert!(refusal.contains("--reporter.grpc.tenant-header"), "{refusal}");
        assert_eq!(validated(&["--multi-tenancy.enabled", "--reporter.grpc.host-port=other:14250"]), Ok(()));
        let listed = |tenant, tenants| {
            validated(&[
                "--multi-tenancy.enabled",
                "--reporter.grpc.tenant",
                tenant,
                "--multi-tenancy.tenants",
                tenants,
            ])
        };
        let refusal = listed("red", "blue,green").unwrap_err();
        assert!(
            refusal.contains("--reporter.grpc.tenant=red is none of --multi-tenancy.tenants=blue,green"),
            "{refusal}"
        );
        assert_eq!(listed("red", "blue, red"), Ok(()));
        assert_eq!(validated(&[]), Ok(()));
    }
}

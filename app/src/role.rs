//! From a built part to a [`Role`] that the host runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use spoor_agent::Agent;
use spoor_collector::{Collector, Sockets};
use spoor_ingester::Ingester;
use spoor_net::tenancy::{Tenancy, TenancyConfig};
use spoor_query::dependencies::{DependencyJob, JobMetrics, JobStores};
use spoor_query::{Query, Stores};
use spoor_sampling::StrategyProvider;
use spoor_storage::SpanWriter;
use spoor_tracer::Tracer;
use tokio_util::sync::CancellationToken;

use crate::backend::Doors;
use crate::host::{Host, Role};
use crate::machine::machine_name;
use crate::version;

/// How often an ingester is asked whether it can do its work.
const LOOK: Duration = Duration::from_millis(250);

/// What a collector is put together from.
pub(crate) struct CollectorParts<'a> {
    pub(crate) writer: Arc<dyn SpanWriter>,
    pub(crate) strategies: &'a Arc<dyn StrategyProvider>,
    /// What it records itself with.
    pub(crate) tracer: Tracer,
}

/// The collector over an open store.
pub(crate) fn collector(
    config: &spoor_collector::Config,
    tenancy: &TenancyConfig,
    mut sockets: Sockets,
    parts: CollectorParts<'_>,
    host: &mut Host,
) -> Result<Role> {
    sockets.report_certificates(&host.certificates);
    let (tenancy, name) = (Tenancy::new(tenancy), machine_name());
    let CollectorParts { writer, strategies, tracer } = parts;
    let collector = Collector::build(config, tenancy, sockets, writer, &name, &mut host.registry)
        .with_sampling(strategies, &mut host.registry)
        .with_tracer(tracer);
    let shutdown = host.shutdown.clone();
    Ok(Role { name: "collector", run: Box::pin(async move { Ok(collector.run(shutdown).await?) }) })
}

/// The agent in front of its collectors. `ended` is cancelled when it has delivered what it held.
pub(crate) fn agent(
    config: &spoor_agent::Config,
    sockets: spoor_agent::Sockets,
    ended: Option<CancellationToken>,
    host: &mut Host,
) -> Result<Role> {
    let mut agent = Agent::build(config, sockets, spoor_agent::decode_thrift, &mut host.registry)?;
    agent.report_certificates(&host.certificates);
    let shutdown = host.shutdown.clone();
    let run = async move {
        // However it ends.
        let _ended = ended.map(CancellationToken::drop_guard);
        Ok(agent.run(shutdown).await?)
    };
    Ok(Role { name: "agent", run: Box::pin(run) })
}

/// The ingester between a topic and an open store.
pub(crate) fn ingester(ingester: Ingester, host: &Host) -> Role {
    let health = ingester.health();
    // Said before the role runs, so that it never looks ready before the topic was reached.
    host.health.report("ingester", health.problem());
    let report = host.health.clone();
    tokio::spawn(async move {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            report.report("ingester", health.problem());
        }
    });
    let shutdown = host.shutdown.clone();
    Role { name: "ingester", run: Box::pin(async move { Ok(ingester.run(shutdown).await?) }) }
}

/// The query role over open stores, and what it records itself with.
pub(crate) fn query(
    config: &spoor_query::Config,
    tenancy: &TenancyConfig,
    mut sockets: spoor_query::Sockets,
    (stores, tracer): (Stores, Tracer),
    host: &mut Host,
) -> Result<Role> {
    if tenancy.enabled && !stores.reader.capabilities().tenants {
        tracing::warn!(
            "--multi-tenancy.enabled: the store keeps the spans of all tenants together; every tenant that is let in sees them all"
        );
    }
    sockets.report_certificates(&host.certificates);
    let tenancy = Tenancy::new(tenancy);
    let version = version::as_json().to_string();
    let query = Query::build(config, tenancy, sockets, stores, &version, &mut host.registry)?;
    let query = query.with_tracer(tracer);
    let shutdown = host.shutdown.clone();
    Ok(Role { name: "query", run: Box::pin(async move { Ok(query.run(shutdown).await?) }) })
}

/// The job that counts dependencies every `interval`, where the store keeps any; none without an interval.
pub(crate) fn dependencies(interval: Option<Duration>, doors: &Doors, host: &mut Host) -> Option<Role> {
    let interval = interval.filter(|interval| !interval.is_zero())?;
    let dependencies = doors.stores.dependencies.clone()?;
    let (reader, locks) = (Arc::clone(&doors.stores.reader), Arc::clone(&doors.locks));
    let metrics = JobMetrics::register(&mut host.registry);
    let job = DependencyJob::new(JobStores { reader, dependencies, locks }, interval, metrics);
    let shutdown = host.shutdown.clone();
    let run = async move {
        job.run(shutdown).await;
        Ok(())
    };
    Some(Role { name: "dependencies", run: Box::pin(run) })
}

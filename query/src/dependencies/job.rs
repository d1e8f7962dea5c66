//! The job: one of the processes that offer to leads, and counts today again and again, and yesterday once it is over.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use spoor_model::UnixNanos;
use spoor_storage::{Candidate, DependencyStore, LeaseLock, ReadError, RequestContext, SpanReader, Tenant};
use tokio_util::sync::CancellationToken;

use super::day::{Day, DayCount};
use super::recount::{RecountError, recount};
use super::schedule;

/// What the processes compete for.
const LOCK: &str = "spoor-dependencies";
/// Counting takes at most one part in so many of the time.
const MOST_SHARE: u32 = 20;

/// What the job reads, writes and is elected by.
#[derive(Clone)]
pub struct JobStores {
    /// The spans.
    pub reader: Arc<dyn SpanReader>,
    /// The reports.
    pub dependencies: Arc<dyn DependencyStore>,
    /// Who leads.
    pub locks: Arc<dyn LeaseLock>,
}

/// How often things are done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// From the end of one count to the next.
    pub(super) interval: Duration,
    /// How long the lead lasts unless it is renewed.
    pub(super) lease: Duration,
    /// Between two tries to lead, and two renewals.
    pub(super) ask: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the label's values")]
enum Outcome {
    ok,
    err,
}

/// What the job counts of itself.
#[derive(Debug, Clone, Default)]
pub struct JobMetrics {
    runs: Family<ByResult, Counter>,
    leading: Gauge,
    last_success: Gauge,
}

impl JobMetrics {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for result in [Outcome::ok, Outcome::err] {
            drop(metrics.runs.get_or_create(&ByResult { result }));
        }
        registry.register(
            "spoor_dependencies_runs",
            "Days counted by the job, each tenant's by itself",
            metrics.runs.clone(),
        );
        registry.register(
            "spoor_dependencies_leading",
            "1 where this process counts the dependencies",
            metrics.leading.clone(),
        );
        registry.register(
            "spoor_dependencies_last_success_timestamp_seconds",
            "When the job last counted a day here, in seconds since 1970",
            metrics.last_success.clone(),
        );
        metrics
    }
}

/// The job in one process.
pub struct DependencyJob {
    stores: JobStores,
    pace: Pace,
    /// This process, among those that offer to.
    candidate: Candidate,
    metrics: JobMetrics,
}

impl DependencyJob {
    /// Counts every `interval`, or less often where counting takes long.
    #[must_use]
    pub fn new(stores: JobStores, interval: Duration, metrics: JobMetrics) -> Self {
        let pace = Pace { interval, lease: Duration::from_secs(60), ask: Duration::from_secs(15) };
        Self::paced(stores, pace, metrics)
    }

    pub(super) fn paced(stores: JobStores, pace: Pace, metrics: JobMetrics) -> Self {
        let candidate = Candidate::new(stores.locks.clone(), LOCK, pace.lease, pace.ask);
        Self { stores, pace, candidate, metrics }
    }

    /// Competes for the lead, and counts while it has it, until `shutdown`; then it gives the lead up, so that another takes it at once.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.work() => {}
        }
        self.metrics.leading.set(0);
        if let Err(error) = self.candidate.resign().await {
            tracing::debug!(error = %error, "the lead of the dependencies ends by itself");
        }
    }

    async fn work(&self) {
        let mut failing = false;
        loop {
            let lease = self.candidate.elected(|problem| {
                if let Some(error) = problem.as_ref().filter(|_| !failing) {
                    tracing::warn!(error = %error, "nobody can be elected to count the dependencies; trying again");
                }
                failing = problem.is_some();
            });
            let lease = lease.await;
            failing = false;
            self.metrics.leading.set(1);
            tracing::info!("this process counts the dependencies now");
            tokio::select! {
                () = self.lead() => {}
                () = self.candidate.keeps(lease) => tracing::info!("another process counts the dependencies now"),
            }
            self.metrics.leading.set(0);
            tokio::time::sleep(self.pace.ask).await;
        }
    }

    /// Counts for as long as it is let.
    async fn lead(&self) {
        let mut settled = None;
        loop {
            let began = Instant::now();
            let today = Day::of(now());
            for day in schedule::due(now(), settled) {
                if self.count(day).await && day < today {
                    settled = Some(day);
                }
            }
            tokio::time::sleep(self.pace.interval.max(began.elapsed() * MOST_SHARE)).await;
        }
    }

    /// True when the day was counted, for every tenant.
    async fn count(&self, day: Day) -> bool {
        let tenants = match self.tenants().await {
            Ok(tenants) => tenants,
            Err(error) => return self.counted(day, Err(RecountError::Read(error))),
        };
        let JobStores { reader, dependencies, .. } = &self.stores;
        let mut all = true;
        for tenant in tenants {
            let result = recount(reader.as_ref(), dependencies.as_ref(), &tenant, day, now()).await;
            all &= self.counted(day, result);
        }
        all
    }

    /// Whose days are counted: without any span the default tenant's, so that it shows that the job works.
    async fn tenants(&self) -> Result<Vec<Tenant>, ReadError> {
        let mut tenants =
            self.stores.reader.tenants(&RequestContext::with_timeout(self.pace.lease / 4)).await?;
        if tenants.is_empty() {
            tenants.push(Tenant::default());
        }
        Ok(tenants)
    }

    /// Tells of a count; true when it was done.
    fn counted(&self, day: Day, result: Result<DayCount, RecountError>) -> bool {
        let outcome = if result.is_ok() { Outcome::ok } else { Outcome::err };
        self.metrics.runs.get_or_create(&ByResult { result: outcome }).inc();
        match result {
            Ok(count) => {
                let seconds = i64::try_from(now().millis() / 1_000).unwrap_or(i64::MAX);
                self.metrics.last_success.set(seconds);
                let links = count.calls.len();
                tracing::debug!(%day, traces = count.traces, spans = count.spans, links, "the dependencies are counted");
                true
            }
            Err(error) => {
                tracing::warn!(%day, error = %error, "the dependencies were not counted; trying again");
                false
            }
        }
    }
}

fn now() -> UnixNanos {
    UnixNanos::ZERO.saturating_add(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

//! [`Adaptive`]: probabilities by calculation, so that of each operation about as many traces a second are recorded as are wanted.
//!
//! Every collector counts root spans and stores the counts after each interval ([`CountingWriter`]). One of them, elected over the
//! store's locks, calculates (`calculate`), stores what comes out, and serves it at once; the others read it from the store.
//! Facts: `jaegertracing/jaeger internal/sampling`. Differences: the leader serves what it calculated and not what was there at its start;
//! a new leader goes on from what is in force instead of from the beginning; SIGTERM gives the lead up; a probability is judged
//! only by traffic of clients that have heard of it (`calculate`).

mod calculate;
mod config;
mod count;
mod election;
mod metrics;
mod rounds;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_model::{ByOperation, UnixNanos};
use spoor_storage::{BoxError, LeaseLock, ReadError, RequestContext, SamplingStore};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{OperationStrategy, PerOperation, Strategy, StrategyError, StrategyProvider};
pub use config::{AdaptiveConfig, AdaptiveConfigError};
pub use count::{CountingWriter, ThroughputCounter};
use election::Election;
pub use metrics::AdaptiveMetrics;
use rounds::Rounds;

/// How often followers look for new probabilities, at least.
const LOOK: Duration = Duration::from_secs(20);
/// How often probabilities that could not be read at all are looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How long storing the last counts and giving the lead up may take at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Where adaptive sampling keeps what it knows, and by what it elects a leader.
#[derive(Clone)]
pub struct AdaptiveStores {
    /// Counts and probabilities.
    pub sampling: Arc<dyn SamplingStore>,
    /// Who leads.
    pub locks: Arc<dyn LeaseLock>,
}

/// Adaptive sampling in one process.
pub struct Adaptive {
    config: AdaptiveConfig,
    store: Arc<dyn SamplingStore>,
    /// This machine, for who looks into the store.
    host: String,
    election: Election,
    counter: Arc<ThroughputCounter>,
    rounds: tokio::sync::Mutex<Rounds>,
    /// In force; nothing before they were read.
    issued: RwLock<Option<Arc<ByOperation>>>,
    metrics: AdaptiveMetrics,
}

impl Adaptive {
    /// Puts the pieces together. `config` is valid; `host` names this machine.
    pub fn new(config: &AdaptiveConfig, stores: AdaptiveStores, host: &str, registry: &mut Registry) -> Self {
        let AdaptiveStores { sampling, locks } = stores;
        let metrics = AdaptiveMetrics::register(registry);
        let holder = format!("{host}-{}-{:016x}", std::process::id(), RandomState::new().hash_one(0));
        let election = Election::new(locks, holder, config.pace());
        registry.register_collector(Box::new(election.lead.clone()));
        Self {
            config: config.clone(),
            rounds: tokio::sync::Mutex::new(Rounds::new(Arc::clone(&sampling), config)),
            store: sampling,
            host: host.to_owned(),
            election,
            counter: Arc::new(ThroughputCounter::new(metrics.clone())),
            issued: RwLock::default(),
            metrics,
        }
    }

    /// What counts spans, for a [`CountingWriter`] before the store.
    #[must_use]
    pub fn counter(&self) -> Arc<ThroughputCounter> {
        Arc::clone(&self.counter)
    }

    /// Works until `shutdown`; then stores what was counted and gives the lead up.
    pub async fn run(&self, shutdown: CancellationToken) {
        let work = async { tokio::join!(self.election.run(), self.calculate(), self.look()) };
        tokio::select! {
            () = shutdown.cancelled() => {}
            _ = work => {}
        }
        let farewell = async {
            self.election.resign().await;
            self.rounds.lock().await.write(now(), self.counter.take()).await
        };
        match tokio::time::timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the last counts of adaptive sampling were not stored"),
            Err(_) => tracing::debug!("the store does not take the last counts of adaptive sampling in time"),
        }
    }

    async fn calculate(&self) {
        let interval = self.config.interval;
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            let result = self.round(now()).await;
            self.metrics.round(result.is_ok());
            match result {
                Ok(()) if failing => {
                    tracing::info!("adaptive sampling goes on");
                    failing = false;
                }
                Ok(()) => {}
                Err(error) if failing => tracing::debug!(error, "adaptive sampling waits for its store"),
                Err(error) => {
                    tracing::warn!(
                        error,
                        "adaptive sampling waits for its store; probabilities stay as they are"
                    );
                    failing = true;
                }
            }
        }
    }

    /// The end of an interval.
    async fn round(&self, now: UnixNanos) -> Result<(), BoxError> {
        let mut rounds = self.rounds.lock().await;
        rounds.write(now, self.counter.take()).await?;
        if !self.election.lead.holds() {
            rounds.follow();
            return Ok(());
        }
        let (moment, latest) = self.latest().await?;
        if rounds.is_new_leader() || self.issued().is_none() {
            self.issue(latest);
        }
        rounds.read(now).await?;
        let began = Instant::now();
        let calculated = rounds.calculate(now, &self.issued().unwrap_or_default(), &self.host);
        self.metrics.calculate.observe(began.elapsed().as_secs_f64());
        let operations: usize = calculated.probabilities.values().map(std::collections::BTreeMap::len).sum();
        self.metrics.calculated.set(i64::try_from(operations).unwrap_or(i64::MAX));
        // Reading may have taken longer than the lease.
        if self.election.lead.holds() {
            // The others read what has the latest moment: with this clock put back, or behind that of who led before, they would not
            // hear of what is calculated until it has caught up.
            let at = now.max(UnixNanos::from_millis(moment.millis() + 1));
            self.store.write_probabilities(&rounds.context(), at, &calculated).await?;
            // Not before they are stored: clients are told the same by all collectors.
            self.issue(calculated.probabilities);
        }
        Ok(())
    }

    /// Looks for what the leader has calculated.
    async fn look(&self) {
        let pause = LOOK.min(self.config.interval);
        loop {
            match self.latest().await {
                // The leader knows newer ones.
                Ok((_, latest)) if !self.election.lead.holds() => self.issue(latest),
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "sampling probabilities were not read; trying again"),
            }
            let pause =
                if self.issued().is_some() { pause.mul_f64(0.5 + fastrand::f64() / 2.0) } else { LOOK_AGAIN };
            tokio::time::sleep(pause).await;
        }
    }

    /// What has the latest moment in the store, and that moment.
    async fn latest(&self) -> Result<(UnixNanos, ByOperation), ReadError> {
        let latest = self.store.latest_probabilities(&RequestContext::with_timeout(LOOK)).await?;
        Ok(latest.map(|(moment, latest)| (moment, latest.probabilities)).unwrap_or_default())
    }

    fn issued(&self) -> Option<Arc<ByOperation>> {
        self.issued.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn issue(&self, probabilities: ByOperation) {
        *self.issued.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(probabilities));
    }
}

#[async_trait]
impl StrategyProvider for Adaptive {
    async fn strategy(&self, service: &str) -> Result<Arc<Strategy>, StrategyError> {
        let issued = self.issued();
        let of_service = issued.as_ref().and_then(|issued| issued.get(service)).into_iter().flatten();
        let operations = of_service.map(|(operation, probability)| OperationStrategy {
            operation: operation.clone(),
            probability: *probability,
        });
        let per_operation = PerOperation {
            default_probability: self.config.initial,
            lower_bound: self.config.lower_bound,
            upper_bound: 0.0,
            operations: operations.collect(),
        };
        Ok(Arc::new(Strategy { sampler: None, per_operation: Some(per_operation) }))
    }
}

fn now() -> UnixNanos {
    UnixNanos::ZERO.saturating_add(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

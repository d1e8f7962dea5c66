//! Which of the collectors calculates.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use spoor_storage::{Lease, LeaseLock, RecordError, RequestContext};

/// What collectors compete for, under Jaeger's name.
const LOCK: &str = "sampling_store_leader";
/// The longest that a question to the lock may take.
const LONGEST: Duration = Duration::from_secs(10);

/// How often things are done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How long the lead lasts unless it is renewed.
    pub(super) lease: Duration,
    /// Between two renewals.
    pub(super) renew: Duration,
    /// Between two tries to lead, at most.
    pub(super) ask: Duration,
}

/// Whether this process leads. By its own clock it is over before anybody else can lead.
#[derive(Debug, Clone, Default)]
pub(super) struct Lead(Arc<Mutex<Option<Instant>>>);

impl Lead {
    pub(super) fn holds(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// `spoor_sampling_leader`: looked up when somebody asks, so that it is never 1 in two processes.
impl Collector for Lead {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gauge = ConstGauge::new(i64::from(self.holds()));
        let help = "1 where this process calculates the probabilities of adaptive sampling";
        gauge.encode(encoder.encode_descriptor("spoor_sampling_leader", help, None, gauge.metric_type())?)
    }
}

/// One process's part in the election.
pub(super) struct Election {
    locks: Arc<dyn LeaseLock>,
    holder: String,
    pace: Pace,
    pub(super) lead: Lead,
}

impl Election {
    /// `holder` is this process's alone, and new with every start.
    pub(super) fn new(locks: Arc<dyn LeaseLock>, holder: String, pace: Pace) -> Self {
        Self { locks, holder, pace, lead: Lead::default() }
    }

    /// Competes for the lead, and renews it.
    pub(super) async fn run(&self) {
        let mut failing = false;
        loop {
            let led = self.lead.holds();
            match self.acquire().await {
                Ok(Some(lease)) => {
                    self.lead.set(Some(lease.until));
                    failing = false;
                    if !led {
                        tracing::info!("this collector calculates the sampling probabilities now");
                    }
                }
                Ok(None) => {
                    self.lead.set(None);
                    failing = false;
                    if led {
                        tracing::info!("another collector calculates the sampling probabilities now");
                    }
                }
                Err(error) if failing => tracing::debug!(%error, "nobody can be elected"),
                Err(error) => {
                    tracing::warn!(%error, "nobody can be elected to calculate sampling probabilities; trying again");
                    failing = true;
                }
            }
            // Not all at the same moment, when a leader is gone.
            let ask = self.pace.ask.mul_f64(1.0 - fastrand::f64() / 4.0);
            tokio::time::sleep(if self.lead.holds() { self.pace.renew } else { ask }).await;
        }
    }

    /// Gives the lead up, so that another takes it at once.
    pub(super) async fn resign(&self) {
        self.lead.set(None);
        if let Err(error) = self.locks.release(&self.context(), LOCK, &self.holder).await {
            tracing::debug!(%error, "the lead of adaptive sampling ends by itself");
        }
    }

    async fn acquire(&self) -> Result<Option<Lease>, RecordError> {
        self.locks.acquire(&self.context(), LOCK, &self.holder, self.pace.lease).await
    }

    /// A question is answered well before the lease ends, or not at all.
    fn context(&self) -> RequestContext {
        RequestContext::with_timeout(LONGEST.min(self.pace.lease / 4))
    }
}

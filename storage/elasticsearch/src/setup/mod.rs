//! Getting acquainted with the store in the background: which server it is, and, for a writer, its templates; and staying so: a
//! store that was wiped, or whose templates somebody deleted, gets them again before the next write makes an index without them.
//! Opening never waits for the store; reads and writes are told why it is not ready yet.

mod doors;
mod install;
mod keeper;
mod look;
mod reach;
mod store_watch;
#[cfg(test)]
mod tests;
mod watched;

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, watch};

pub(crate) use install::templates as install_templates;
pub use store_watch::{Away, StoreWatch};
pub(crate) use watched::Watched;

use crate::TemplateConfig;
use crate::client::{Client, Server};

/// The longest that one question or template may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// Whether the store can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// The store is being prepared, at start or because its templates are gone; whether it can be used shows in a moment.
    Starting,
    /// The store could not be prepared yet, or writes would have it make indices that do not fit, for this reason; attempts go on.
    NotReady(String),
    /// The store is this server and has what is needed.
    Ready(Server),
}

/// The store is not ready.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store is not ready: {reason}")]
pub(crate) struct NotReady {
    reason: String,
}

/// How often the store is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// A writer has the store looked at when the last look is older, without waiting for it.
    aging: Duration,
    /// A writer waits for a new look when the last one is older: no store is wiped and up again within this.
    stale: Duration,
    /// The longest that a writer waits for it.
    quick: Duration,
    /// Between two looks that nobody asks for.
    routine: Duration,
    /// The same while something is wrong with the templates.
    in_trouble: Duration,
    /// Between two looks at everything.
    whole: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            aging: Duration::from_millis(2_500),
            stale: Duration::from_secs(5),
            quick: Duration::from_secs(1),
            routine: Duration::from_secs(60),
            in_trouble: Duration::from_secs(5),
            whole: Duration::from_secs(300),
        }
    }
}

/// What there is to prepare.
#[derive(Debug)]
pub(crate) struct Plan {
    /// A server named by the configuration is not asked.
    pub(crate) known: Option<Server>,
    pub(crate) families: Vec<Watched>,
    /// For a writer; a reader makes no indices.
    pub(crate) templates: Option<TemplateConfig>,
    /// Spans in the layout that is not written, which are read as well.
    pub(crate) other_layout: Option<Watched>,
    /// A lifecycle policy rolls the indices over.
    pub(crate) use_ilm: bool,
    /// Names of remote clusters that are read, as the settings have them.
    pub(crate) remotes: Vec<String>,
    pub(crate) pace: Pace,
}

/// How many things do not fit.
#[derive(Debug, Clone, Default)]
pub(crate) struct SetupMetrics {
    unfit_templates: Gauge,
    unfit_indices: Gauge,
}

impl SetupMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "spoor_elasticsearch_unfit_templates",
            "Families of indices (spans, services) whose next index would not fit, as no template or a foreign one applies",
            metrics.unfit_templates.clone(),
        );
        registry.register(
            "spoor_elasticsearch_unfit_indices",
            "Indices within --es.max-span-age in which fields have the wrong types, so that searches fail or miss",
            metrics.unfit_indices.clone(),
        );
        metrics
    }
}

/// The last look at the store.
#[derive(Debug, Clone)]
struct Checked {
    /// What happened to the store since then it may not have seen.
    began: Instant,
    /// Why the store could not be asked.
    away: Option<String>,
    /// It could not, or did not answer in time: since when.
    silent: Option<Away>,
}

/// The preparation and its state. The work ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Setup {
    heard: doors::Heard,
    checked: watch::Receiver<Checked>,
    wanted: Arc<Notify>,
    doubted: Arc<Notify>,
    pace: Pace,
    task: tokio::task::JoinHandle<()>,
}

impl Setup {
    /// Starts the preparation; needs a Tokio runtime around it.
    pub(crate) fn start(client: Arc<Client>, plan: Plan, metrics: SetupMetrics) -> Self {
        let initial = match (plan.known, &plan.templates) {
            (Some(server), None) if !reach::is_wanted(&plan) => Readiness::Ready(server),
            _ => Readiness::Starting,
        };
        let (doors, heard) = doors::Doors::new(&initial);
        let (tell_checked, checked) =
            watch::channel(Checked { began: Instant::now(), away: None, silent: None });
        let (wanted, doubted, pace) = (Arc::new(Notify::new()), Arc::new(Notify::new()), plan.pace);
        let keeper = keeper::Keeper {
            client,
            plan,
            doors,
            checked: tell_checked,
            wanted: wanted.clone(),
            doubted: doubted.clone(),
            metrics,
            findings: look::Findings::default(),
            looked: None,
            reached: None,
        };
        Self { heard, checked, wanted, doubted, pace, task: tokio::spawn(keeper.run()) }
    }

    /// Whether all is there that was asked for, and if not, why: now and whenever it changes.
    pub(crate) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.heard.whole.clone()
    }

    /// The same for whoever writes spans.
    pub(crate) fn readiness_to_write(&self) -> watch::Receiver<Readiness> {
        self.heard.writing.clone()
    }

    /// The same for whoever reads.
    pub(crate) fn readiness_to_read(&self) -> watch::Receiver<Readiness> {
        self.heard.reading.clone()
    }

    /// The store failed at a question: what has to be reached for it is looked at now, and not when it is time.
    pub(crate) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Waits while the store is being prepared, at most until the deadline.
    pub(crate) async fn ready(&self, deadline: Instant) -> Result<Server, NotReady> {
        self.told(self.heard.prepared.clone(), deadline).await
    }

    /// As [`Setup::ready`], and all that is to be read can be.
    pub(crate) async fn ready_to_read(&self, deadline: Instant) -> Result<Server, NotReady> {
        self.told(self.heard.reading.clone(), deadline).await
    }

    /// What is told by the deadline. Whoever is told to wait has the store looked at soon.
    async fn told(
        &self,
        mut state: watch::Receiver<Readiness>,
        deadline: Instant,
    ) -> Result<Server, NotReady> {
        let known = state.wait_for(|state| *state != Readiness::Starting);
        let state = match tokio::time::timeout_at(deadline.into(), known).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_)) | Err(_) => Readiness::Starting,
        };
        let reason = match state {
            Readiness::Ready(server) => return Ok(server),
            Readiness::NotReady(reason) => reason,
            Readiness::Starting => "it has not answered yet".to_owned(),
        };
        self.wanted.notify_one();
        Err(NotReady { reason })
    }

    /// Whether it can be reached.
    pub(crate) fn watch(&self) -> StoreWatch {
        StoreWatch(self.checked.clone())
    }

    /// As [`Setup::ready`], and the templates were there a moment ago. While writes go on, the looks are taken beside them; after a
    /// pause, or while the store is away, a write waits for one. A store that is slow to say does not hold up the write for long.
    pub(crate) async fn ready_to_write(&self, deadline: Instant) -> Result<Server, NotReady> {
        self.told(self.heard.writing.clone(), deadline).await?;
        let last = self.checked.borrow().clone();
        let asked = Instant::now();
        let age = asked.saturating_duration_since(last.began);
        if age >= self.pace.aging || last.away.is_some() {
            self.wanted.notify_one();
        }
        if age >= self.pace.stale || last.away.is_some() {
            self.look_again(asked, deadline.min(asked + self.pace.quick)).await?;
        }
        self.told(self.heard.writing.clone(), deadline).await
    }

    /// Waits for a look that began after the asking; an error when the store could not be reached then.
    async fn look_again(&self, asked: Instant, limit: Instant) -> Result<(), NotReady> {
        let (mut checked, mut state) = (self.checked.clone(), self.heard.writing.clone());
        tokio::select! {
            newer = checked.wait_for(|checked| checked.began > asked) => {
                match newer.ok().and_then(|checked| checked.away.clone()) {
                    Some(reason) => Err(NotReady { reason }),
                    None => Ok(()),
                }
            }
            // The look found something, and the preparation goes on for longer.
            _ = state.wait_for(|state| matches!(state, Readiness::NotReady(_))) => Ok(()),
            () = tokio::time::sleep_until(limit.into()) => Ok(()),
        }
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.task.abort();
    }
}

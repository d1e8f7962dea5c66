//! The process: it offers to do the runs, does them when it leads, and says what is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use spoor_storage::{Candidate, LeaseLock, RecordError};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Schedule, WorkerMetrics};
use crate::{Effect, Run};

/// The longest sleep between two looks at the clock, which somebody may set.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What it did.
    pub effect: Effect,
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
}

/// Why a run did not go well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// As a process of its own would end; not 0.
    pub exit_code: u8,
    /// For people.
    pub problem: String,
}

/// What is done when it is time. Doing it twice, or beginning it anew after it was dropped anywhere, does no harm.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    /// One run. Once `stop` is cancelled it ends at the next place where another can go on.
    async fn run(&self, stop: &CancellationToken) -> Ended;
}

/// How the lead is held.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long it lasts unless it is renewed: who is killed is followed by another after that.
    pub lease: Duration,
    /// Between two tries to lead, and two renewals.
    pub ask: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { lease: Duration::from_secs(20), ask: Duration::from_secs(4) }
    }
}

/// The worker of one process.
pub struct Worker {
    candidate: Candidate,
    rounds: Rounds,
    /// What is wrong with the election, and whether anything is.
    standing: Standing,
}

#[derive(Clone)]
struct Standing {
    told: watch::Sender<Told>,
    unelectable: Arc<AtomicBool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Told {
    election: Option<String>,
    run: Option<String>,
}

struct Rounds {
    schedule: Schedule,
    work: Arc<dyn Work>,
    metrics: WorkerMetrics,
    standing: Standing,
    /// No time that came until then is still to be answered by a run.
    settled: OffsetDateTime,
}

impl Worker {
    /// Does `work` by `schedule` when it leads; `resource` is what the processes compete for.
    #[must_use]
    pub fn new(
        (locks, resource, pace): (Arc<dyn LeaseLock>, &str, Pace),
        schedule: Schedule,
        work: Arc<dyn Work>,
        metrics: WorkerMetrics,
    ) -> Self {
        let election = Some("the store has not been asked yet who does the runs".to_owned());
        let (told, _) = watch::channel(Told { election, run: None });
        let standing = Standing { told, unelectable: Arc::default() };
        let settled = OffsetDateTime::now_utc();
        Self {
            candidate: Candidate::new(locks, resource, pace.lease, pace.ask),
            rounds: Rounds { schedule, work, metrics, standing: standing.clone(), settled },
            standing,
        }
    }

    /// What keeps the runs from going well, as it changes: nobody can be elected, or the last run of this process failed. `report` is called with
    /// nothing when all is well, and at once with what is known now.
    pub fn problems(&self, report: impl Fn(Option<String>) + Send + 'static) {
        let mut told = self.standing.told.subscribe();
        report(told.borrow_and_update().problem());
        tokio::spawn(async move {
            while told.changed().await.is_ok() {
                let problem = told.borrow_and_update().problem();
                report(problem);
            }
        });
    }

    /// Works until `shutdown`; a run under way then ends where another can go on, and the lead is given up, so that another process takes it at once.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let lease = tokio::select! {
                () = shutdown.cancelled() => break,
                lease = self.candidate.elected(|problem| self.standing.not_elected(problem)) => lease,
                // Where nobody can be elected, as on a full disk, what is old goes all the same.
                () = self.rounds.follow(&shutdown, false) => break,
            };
            self.standing.elected();
            self.rounds.metrics.lead(true);
            tracing::info!(schedule = %self.rounds.schedule, "this process does the runs now");
            tokio::select! {
                () = self.rounds.follow(&shutdown, true) => break,
                () = self.candidate.keeps(lease) => {}
            }
            tracing::info!("another process does the runs now");
            self.rounds.metrics.lead(false);
            self.standing.told.send_modify(|told| told.run = None);
        }
        self.rounds.metrics.lead(false);
        if let Err(error) = self.candidate.resign().await {
            tracing::debug!(%error, "the lead was not given up; it ends by itself");
        }
    }
}

impl Rounds {
    /// Answers each time that comes by a run, until `shutdown`; without the lead only such times at which nobody can be elected. A time that came
    /// before, and of which nobody here knows that it was answered, is answered at once by who leads.
    async fn follow(&mut self, shutdown: &CancellationToken, leads: bool) {
        let mut after = if leads { self.settled } else { OffsetDateTime::now_utc() };
        while let Some(due) = self.schedule.next_after(after) {
            self.metrics.due(due.unix_timestamp());
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = comes(due) => {}
            }
            let began = OffsetDateTime::now_utc();
            if leads || self.standing.unelectable.load(Ordering::Relaxed) {
                self.one(shutdown).await;
                self.settled = began;
            }
            // What came while it ran is answered by it.
            after = OffsetDateTime::now_utc();
        }
        // The calendar is over.
        shutdown.cancelled().await;
    }

    async fn one(&self, shutdown: &CancellationToken) {
        let began = Instant::now();
        let Ended { effect, failure } = self.work.run(shutdown).await;
        let (ended, took) = (OffsetDateTime::now_utc().unix_timestamp(), began.elapsed());
        if failure.is_some() && shutdown.is_cancelled() {
            tracing::info!(?took, "a run was stopped before its end; the next one goes on");
            return;
        }
        let exit_code = failure.as_ref().map_or(0, |failure| failure.exit_code);
        self.metrics.ran(&Run { ended, took, exit_code, effect });
        let Effect { indices_deleted, indices_kept, documents_deleted, bytes_freed } = effect;
        let problem = failure.map(|Failure { exit_code, problem }| {
            tracing::error!(?took, exit_code, indices_deleted, %problem, "a run failed; the next one tries again");
            format!("the last run failed with status {exit_code}: {problem}")
        });
        if problem.is_none() {
            tracing::info!(
                ?took,
                indices_deleted,
                indices_kept,
                documents_deleted,
                bytes_freed,
                "a run went well"
            );
        }
        self.standing.told.send_modify(|told| told.run = problem);
    }
}

impl Standing {
    fn not_elected(&self, problem: Option<RecordError>) {
        let problem = problem.map(|error| format!("nobody can be elected to do the runs: {error}"));
        let was_unelectable = self.unelectable.swap(problem.is_some(), Ordering::Relaxed);
        if let Some(problem) = problem.as_ref().filter(|_| !was_unelectable) {
            tracing::warn!("{problem}; trying again");
        }
        self.told.send_if_modified(|told| {
            let is_news = told.election != problem;
            told.election = problem;
            is_news
        });
    }

    fn elected(&self) {
        self.unelectable.store(false, Ordering::Relaxed);
        self.told.send_modify(|told| told.election = None);
    }
}

impl Told {
    fn problem(&self) -> Option<String> {
        let all: Vec<&str> = self.run.iter().chain(&self.election).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// Waits for a moment of the clock.
async fn comes(moment: OffsetDateTime) {
    loop {
        let left = moment - OffsetDateTime::now_utc();
        match Duration::try_from(left) {
            Ok(left) if !left.is_zero() => tokio::time::sleep(left.min(LONGEST_SLEEP)).await,
            _ => return,
        }
    }
}

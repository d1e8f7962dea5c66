//! Of several workers one does the runs, and what is due is done whoever fails.

mod full_disk;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_retention::Effect;
use spoor_retention::schedule::{Ended, Failure, Pace, Work, Worker, WorkerMetrics};
use spoor_storage::memory::{Config, MemoryStore};
use spoor_storage::{LeaseLock, RequestContext};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use full_disk::NothingCanBeWritten;

const PATIENCE: Duration = Duration::from_secs(20);

/// Counts its runs, of which the first so many fail, and each of which may have to wait for a turn; or never ends by itself.
#[derive(Default)]
struct Runs {
    count: AtomicUsize,
    failing: usize,
    lasts: bool,
    turns: Option<Arc<Semaphore>>,
}

#[async_trait]
impl Work for Runs {
    async fn run(&self, stop: &CancellationToken) -> Ended {
        if let Some(turns) = &self.turns {
            turns.acquire().await.expect("nobody closes it").forget();
        }
        let before = self.count.fetch_add(1, Ordering::SeqCst);
        if self.lasts {
            stop.cancelled().await;
        }
        let failure = (before < self.failing).then(|| Failure { exit_code: 1, problem: "away".to_owned() });
        Ended { effect: Effect::default(), failure }
    }
}

struct Process {
    runs: Arc<Runs>,
    registry: Registry,
    problem: watch::Receiver<Option<String>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    /// Every second.
    fn start(locks: Arc<dyn LeaseLock>, lease: Duration, runs: Runs) -> Self {
        let (runs, shutdown, mut registry) = (Arc::new(runs), CancellationToken::new(), Registry::default());
        let metrics = WorkerMetrics::register(&mut registry, "clean", "prod");
        let pace = Pace { lease, ask: Duration::from_millis(20) };
        let schedule = "* * * * * *".parse().expect("a schedule");
        let worker = Worker::new((locks, "retention", pace), schedule, runs.clone(), metrics);
        let (tells, problem) = watch::channel(None);
        worker.problems(move |problem| drop(tells.send_replace(problem)));
        let task = tokio::spawn(worker.run(shutdown.clone()));
        Self { runs, registry, problem, shutdown, task }
    }

    fn count(&self) -> usize {
        self.runs.count.load(Ordering::SeqCst)
    }

    async fn runs_more_than(&self, before: usize) {
        let end = Instant::now() + PATIENCE;
        while self.count() <= before {
            assert!(Instant::now() < end, "it does nothing");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn told(&mut self, is_it: impl FnMut(&Option<String>) -> bool) -> Option<String> {
        let told = tokio::time::timeout(PATIENCE, self.problem.wait_for(is_it)).await;
        told.expect("in time").expect("the worker lives").clone()
    }

    fn metric(&self, name: &str) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("a String takes all");
        let line = text.lines().find(|line| line.starts_with(&format!("spoor_retention_{name}")));
        line.and_then(|line| line.rsplit(' ').next()).expect(&text).to_owned()
    }
}

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(&Config::default(), &mut Registry::default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_does_the_runs_and_another_takes_over_when_it_stops() {
    let store = store();
    let mut first = Process::start(store.clone(), PATIENCE, Runs::default());
    first.runs_more_than(0).await;
    let mut second = Process::start(store.clone(), PATIENCE, Runs::default());
    first.runs_more_than(first.count() + 1).await;
    assert_eq!(second.count(), 0, "one leads");
    assert_eq!((first.metric("leading"), second.metric("leading")), ("1".to_owned(), "0".to_owned()));
    // Both are well: the one that waits is where it is to be.
    for process in [&mut first, &mut second] {
        assert_eq!(process.told(Option::is_none).await, None);
    }
    first.shutdown.cancel();
    first.task.await.expect("it ends in peace");
    second.runs_more_than(0).await;
    assert_eq!(second.metric("leading"), "1");
    second.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_killed_is_followed_when_its_lease_ends_and_what_came_meanwhile_is_done() {
    let (store, lease) = (store(), Duration::from_millis(1_500));
    let first = Process::start(store.clone(), lease, Runs::default());
    first.runs_more_than(0).await;
    let second = Process::start(store.clone(), lease, Runs::default());
    first.task.abort();
    second.runs_more_than(0).await;
    second.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_told_until_the_next_one_goes_well() {
    // The next one is held until the failure was seen, and the one after that for good: they would be there a second later.
    let turns = Arc::new(Semaphore::new(1));
    let runs = Runs { failing: 1, turns: Some(turns.clone()), ..Runs::default() };
    let mut process = Process::start(store(), PATIENCE, runs);
    let told = process.told(|told| told.as_ref().is_some_and(|told| told.contains("failed"))).await;
    assert_eq!(told.as_deref(), Some("the last run failed with status 1: away"));
    assert_eq!(process.metric("last_exit_code"), "1");
    turns.add_permits(1);
    process.told(Option::is_none).await;
    assert_eq!(
        (process.metric("last_exit_code"), process.metric("runs_total")),
        ("0".to_owned(), "1".to_owned())
    );
    process.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_be_elected_the_runs_are_done_all_the_same() {
    let mut process = Process::start(Arc::new(NothingCanBeWritten), PATIENCE, Runs::default());
    process.runs_more_than(1).await;
    let told = process.told(|told| told.as_ref().is_some_and(|told| told.contains("elected"))).await;
    let told = told.expect("it says so");
    assert!(told.contains("nobody can be elected") && told.contains("read-only"), "{told}");
    process.shutdown.cancel();
    process.task.await.expect("it ends in peace");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_under_way_is_told_to_stop_and_waited_for() {
    let store = store();
    let process = Process::start(store.clone(), PATIENCE, Runs { lasts: true, ..Runs::default() });
    process.runs_more_than(0).await;
    process.shutdown.cancel();
    tokio::time::timeout(PATIENCE, process.task).await.expect("in time").expect("it ends in peace");
    // It has counted as a run, and nobody holds the lead.
    assert_eq!(process.runs.count.load(Ordering::SeqCst), 1);
    let context = RequestContext::with_timeout(PATIENCE);
    assert!(store.acquire(&context, "retention", "next", PATIENCE).await.expect("an answer").is_some());
}

//! Claims about the job: it counts, one of several leads, and the lead moves on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_model::{DependencyLink, DependencyReport, TimeRange};
use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::{DependencyStore, ReadError, RecordError, RequestContext, SpanWriter, Tenant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::dependencies::job::Pace;
use crate::dependencies::{DependencyJob, JobMetrics, JobStores};

const PATIENCE: Duration = Duration::from_secs(30);

/// Counts the reports that one process writes.
struct Reports {
    store: Arc<MemoryStore>,
    written: AtomicUsize,
}

#[async_trait]
impl DependencyStore for Reports {
    async fn write_dependencies(
        &self,
        context: &RequestContext,
        report: &DependencyReport,
    ) -> Result<(), RecordError> {
        self.written.fetch_add(1, Ordering::SeqCst);
        self.store.write_dependencies(context, report).await
    }

    async fn dependencies(
        &self,
        context: &RequestContext,
        range: TimeRange,
    ) -> Result<Vec<DependencyLink>, ReadError> {
        self.store.dependencies(context, range).await
    }
}

fn now() -> UnixNanos {
    UnixNanos::ZERO.saturating_add(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

fn of(tenant: &str) -> RequestContext {
    RequestContext { tenant: Tenant::new(tenant), ..RequestContext::with_timeout(PATIENCE) }
}

fn empty_store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()))
}

/// Stores a trace of the tenant in which `parent` calls `child`.
async fn store_call(store: &MemoryStore, tenant: &str, parent: &str, child: &str) {
    let root = Span { service: parent, start: now(), ..SPAN };
    let spans = batch(&[root, Span { id: 2, parent: 1, service: child, ..root }]);
    store.write(&of(tenant), &spans).await.unwrap();
}

async fn store_with_a_trace() -> Arc<MemoryStore> {
    let store = empty_store();
    store_call(&store, "", "a", "b").await;
    store
}

/// What the tenant's reports tell of the last two days: who calls whom how often.
async fn links(store: &MemoryStore, tenant: &str) -> Vec<(String, String, u64)> {
    let days = TimeRange { start: now().saturating_sub(Duration::from_secs(2 * 86_400)), end: now() };
    let links = store.dependencies(&of(tenant), days).await.unwrap();
    links.into_iter().map(|link| (link.parent, link.child, link.call_count)).collect()
}

fn called_once(parent: &str, child: &str) -> Vec<(String, String, u64)> {
    vec![(parent.to_owned(), child.to_owned(), 1)]
}

/// A process that offers to count.
struct Process {
    reports: Arc<Reports>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    fn start(store: &Arc<MemoryStore>, lease: Duration) -> Self {
        let reports = Arc::new(Reports { store: store.clone(), written: AtomicUsize::new(0) });
        let stores = JobStores { reader: store.clone(), dependencies: reports.clone(), locks: store.clone() };
        let pace = Pace { interval: Duration::from_millis(5), lease, ask: Duration::from_millis(10) };
        let shutdown = CancellationToken::new();
        let job = DependencyJob::paced(stores, pace, JobMetrics::default());
        let task = tokio::spawn(job.run(shutdown.clone()));
        Self { reports, shutdown, task }
    }

    fn written(&self) -> usize {
        self.reports.written.load(Ordering::SeqCst)
    }

    /// Waits until it has counted more often than `before`.
    async fn counts_on(&self, before: usize) {
        let end = Instant::now() + PATIENCE;
        while self.written() <= before {
            assert!(Instant::now() < end, "it does not count");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_counts_again_and_again_and_the_others_wait_until_it_stops() {
    let store = store_with_a_trace().await;
    let first = Process::start(&store, PATIENCE);
    first.counts_on(1).await;
    let second = Process::start(&store, PATIENCE);
    first.counts_on(first.written() + 3).await;
    assert_eq!(second.written(), 0, "one leads");
    first.shutdown.cancel();
    first.task.await.unwrap();
    second.counts_on(0).await;
    assert_eq!(links(&store, "").await, called_once("a", "b"));
    second.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_is_told_of_its_own_calls_alone() {
    let store = empty_store();
    store_call(&store, "red", "shop", "stock").await;
    store_call(&store, "blue", "shop", "cart").await;
    let process = Process::start(&store, PATIENCE);
    process.counts_on(3).await;
    assert_eq!(links(&store, "red").await, called_once("shop", "stock"));
    assert_eq!(links(&store, "blue").await, called_once("shop", "cart"));
    assert_eq!(links(&store, "").await, []);
    process.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_died_is_replaced_when_its_lease_ends() {
    let store = store_with_a_trace().await;
    let first = Process::start(&store, Duration::from_millis(300));
    first.counts_on(1).await;
    first.task.abort();
    let second = Process::start(&store, Duration::from_millis(300));
    second.counts_on(2).await;
    second.task.abort();
}

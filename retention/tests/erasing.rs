//! Single spans go: what an earlier process began is followed, what conflicted goes the next time, and nothing is believed but a count.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod taken;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_model::UnixNanos;
use spoor_retention::Asking;
use spoor_retention::erase::{EraseError, Erased, Plan, erase};
use spoor_storage::memory::{Config, MemoryStore};
use spoor_storage::{
    Doomed, IndexAdmin, Inventory, LeaseLock, Pace, Progress, RecordError, RequestContext, SpanEraser,
    StoredIndex, TaskId,
};

use taken::TakenByAnother;

/// 2026-08-20 12:00 UTC.
const NOW: i64 = 1_787_227_200;
const LEASE: Duration = Duration::from_secs(5);

/// A store whose tasks end at once.
#[derive(Default)]
struct Script {
    /// Names and spans that are meant.
    indices: Mutex<Vec<(String, u64)>>,
    /// Of each task, how many of the spans that it finds conflict; then none.
    conflicts: Mutex<Vec<u64>>,
    /// Tasks under way from before, with what they will have removed.
    earlier: Mutex<Vec<(String, u64)>>,
    failure: Option<String>,
    /// The store's nodes have been started anew: it knows of no task.
    forgets: bool,
    clock: Option<UnixNanos>,
    /// Indices that removals were begun in, and the moments before which.
    begun: Mutex<Vec<(String, Option<UnixNanos>)>>,
    ended: Mutex<Vec<(String, Progress)>>,
    expunged: Mutex<Vec<String>>,
}

impl Script {
    fn with(indices: &[(&str, u64)]) -> Self {
        let indices = indices.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Self { indices: Mutex::new(indices), ..Self::default() }
    }

    fn left(&self) -> Vec<u64> {
        self.indices.lock().unwrap().iter().map(|(_, count)| *count).collect()
    }

    fn begun(&self) -> Vec<String> {
        self.begun.lock().unwrap().iter().map(|(index, _)| index.clone()).collect()
    }
}

#[async_trait]
impl IndexAdmin for Script {
    async fn inventory(&self, _: &RequestContext, _: &[String]) -> Result<Inventory, RecordError> {
        let indices = self.indices.lock().unwrap();
        // Listed by name, made in the other order.
        let index = |(at, (name, count)): (usize, &(String, u64))| StoredIndex {
            name: name.clone(),
            created: UnixNanos(1_000_000_000 * (100 - at as u64)),
            bytes: Some(1),
            documents: Some(*count),
            aliases: Vec::new(),
        };
        Ok(Inventory { indices: indices.iter().enumerate().map(index).collect(), now: self.clock })
    }

    async fn delete(&self, _: &RequestContext, names: &[String]) -> Result<(), RecordError> {
        unreachable!("no whole index goes: {names:?}")
    }
}

#[async_trait]
impl SpanEraser for Script {
    async fn count(&self, _: &RequestContext, index: &str, _: &Doomed, _: bool) -> Result<u64, RecordError> {
        let indices = self.indices.lock().unwrap();
        Ok(indices.iter().find(|(name, _)| name == index).map_or(0, |(_, count)| *count))
    }

    async fn begin(
        &self,
        _: &RequestContext,
        index: &str,
        doomed: &Doomed,
        _: Pace,
        _: &str,
    ) -> Result<TaskId, RecordError> {
        let mut indices = self.indices.lock().unwrap();
        let (_, left) = indices.iter_mut().find(|(name, _)| name == index).unwrap();
        let conflicts = self.conflicts.lock().unwrap().pop().unwrap_or(0);
        let progress = Progress {
            is_over: true,
            total: *left,
            deleted: *left - conflicts,
            conflicts,
            failure: self.failure.clone(),
        };
        *left = conflicts;
        let mut ended = self.ended.lock().unwrap();
        let id = format!("new:{}", ended.len());
        ended.push((id.clone(), progress));
        self.begun.lock().unwrap().push((index.to_owned(), doomed.before));
        Ok(TaskId(id))
    }

    async fn under_way(&self, _: &RequestContext, _: &str) -> Result<Vec<TaskId>, RecordError> {
        Ok(self.earlier.lock().unwrap().iter().map(|(id, _)| TaskId(id.clone())).collect())
    }

    async fn progress(&self, _: &RequestContext, task: &TaskId) -> Result<Option<Progress>, RecordError> {
        if self.forgets {
            return Ok(None);
        }
        let mut earlier = self.earlier.lock().unwrap();
        if let Some(at) = earlier.iter().position(|(id, _)| *id == task.0) {
            let (_, deleted) = earlier.remove(at);
            return Ok(Some(Progress { is_over: true, total: deleted, deleted, ..Progress::default() }));
        }
        let ended = self.ended.lock().unwrap();
        Ok(ended.iter().find(|(id, _)| *id == task.0).map(|(_, progress)| progress.clone()))
    }

    async fn expunge(&self, _: &RequestContext, index: &str) -> Result<(), RecordError> {
        self.expunged.lock().unwrap().push(index.to_owned());
        Ok(())
    }
}

fn plan() -> Plan {
    Plan {
        prefix: String::new(),
        doomed: Doomed { service: Some("shop".to_owned()), ..Doomed::default() },
        keeps: Some(86_400),
        with_archive: false,
        pace: Pace { per_second: None, slices: None },
        expunges: true,
    }
}

fn asking(dry_run: bool) -> Asking<'static> {
    Asking { holder: "this", now: NOW, dry_run, timeout: Duration::from_secs(5), lease: LEASE }
}

async fn run(script: &Script, plan: &Plan, dry_run: bool) -> (Erased, Result<(), EraseError>, Vec<String>) {
    let locks = MemoryStore::new(&Config::default(), &mut Registry::default());
    let (mut erased, mut told) = (Erased::default(), Vec::new());
    let mut tell = |sentence: &str| told.push(sentence.to_owned());
    let done = erase(script, Some(&locks), plan, asking(dry_run), &mut erased, &mut tell).await;
    let context = RequestContext::with_timeout(Duration::from_secs(5));
    let free = locks.acquire(&context, &plan.mark(), "another", LEASE).await.unwrap();
    assert!(free.is_some(), "the lock is given up, however it ended");
    (erased, done, told)
}

const MIXED: [(&str, u64); 5] = [
    ("jaeger-service-2026-08-19", 9),
    ("jaeger-span-2026-08-18", 3),
    ("jaeger-span-2026-08-19", 4),
    ("jaeger-span-archive", 5),
    ("spoor-span-2026-08-19", 6),
];

#[tokio::test]
async fn spans_go_from_every_index_of_spans_the_oldest_first_and_from_no_other() {
    let script = Script::with(&MIXED);
    let (erased, done, told) = run(&script, &plan(), false).await;
    done.unwrap();
    assert_eq!(script.begun(), ["spoor-span-2026-08-19", "jaeger-span-2026-08-19", "jaeger-span-2026-08-18"]);
    assert_eq!((erased.found(), erased.deleted(), script.left()), (13, 13, vec![9, 0, 0, 5, 0]));
    let before = UnixNanos(u64::try_from(NOW - 86_400).unwrap() * 1_000_000_000);
    assert!(script.begun.lock().unwrap().iter().all(|(_, at)| *at == Some(before)));
    assert_eq!(script.expunged.lock().unwrap().len(), 3);
    assert!(told.iter().any(|line| line.contains("4 of 4 spans removed (100 %)")), "{told:?}");

    let (erased, done, _) = run(&script, &Plan { with_archive: true, ..plan() }, false).await;
    done.unwrap();
    assert_eq!((erased.deleted(), script.left()), (5, vec![9, 0, 0, 0, 0]));
}

#[tokio::test]
async fn who_only_looks_changes_nothing() {
    let script = Script::with(&MIXED);
    let (erased, done, _) = run(&script, &plan(), true).await;
    done.unwrap();
    assert_eq!((erased.found(), erased.deleted(), script.begun().len()), (13, 0, 0));
}

#[tokio::test]
async fn what_conflicted_with_a_write_goes_the_next_time() {
    let script =
        Script { conflicts: Mutex::new(vec![1, 2]), ..Script::with(&[("jaeger-span-2026-08-18", 9)]) };
    let (erased, done, told) = run(&script, &plan(), false).await;
    done.unwrap();
    assert_eq!((script.begun().len(), erased.deleted(), script.left()), (3, 9, vec![0]));
    assert!(told.iter().any(|line| line.contains("2 changed meanwhile")), "{told:?}");
}

#[tokio::test]
async fn spans_that_do_not_go_are_no_success() {
    let script =
        Script { conflicts: Mutex::new(vec![3; 20]), ..Script::with(&[("jaeger-span-2026-08-18", 9)]) };
    let (_, done, _) = run(&script, &plan(), false).await;
    assert!(matches!(&done, Err(EraseError::Left { left: 3, .. })), "{done:?}");
    let failing = Script {
        failure: Some("no disk".to_owned()),
        ..Script::with(&[("jaeger-span-2026-08-18", 9), ("jaeger-span-2026-08-19", 9)])
    };
    let (_, done, _) = run(&failing, &plan(), false).await;
    assert!(done.unwrap_err().to_string().contains("no disk"));
    assert_eq!(failing.begun().len(), 1);
}

#[tokio::test]
async fn a_removal_that_goes_on_from_before_is_followed_before_another_is_begun() {
    let script = Script {
        earlier: Mutex::new(vec![("old:1".to_owned(), 40)]),
        ..Script::with(&[("jaeger-span-2026-08-18", 2)])
    };
    let (erased, done, told) = run(&script, &plan(), false).await;
    done.unwrap();
    assert_eq!((erased.earlier, erased.deleted(), script.begun().len()), (40, 42, 1));
    assert!(told[0].contains("old:1"), "{told:?}");
}

#[tokio::test]
async fn a_task_that_the_store_has_forgotten_is_judged_by_what_it_left() {
    let script = Script { forgets: true, ..Script::with(&[("jaeger-span-2026-08-18", 2)]) };
    let (_, done, told) = run(&script, &plan(), false).await;
    done.unwrap();
    assert_eq!(script.left(), [0]);
    assert!(told.iter().any(|line| line.contains("knows no task")), "{told:?}");
}

#[tokio::test]
async fn by_a_wrong_clock_nothing_goes_for_its_age() {
    let wrong = u64::try_from(NOW - 7_200).unwrap() * 1_000_000_000;
    let script = Script { clock: Some(UnixNanos(wrong)), ..Script::with(&MIXED) };
    let (_, done, _) = run(&script, &plan(), false).await;
    assert!(matches!(done, Err(EraseError::Clocks { minutes: 120 })), "{done:?}");
    let (erased, done, _) = run(&script, &Plan { keeps: None, ..plan() }, false).await;
    done.unwrap();
    assert_eq!(erased.deleted(), 13, "where no age is asked for the clock does not matter");
}

#[tokio::test]
async fn while_another_process_does_it_this_one_does_not() {
    let (script, lease, begun) = (Script::with(&MIXED), Duration::from_millis(400), Instant::now());
    let (mut erased, asking) = (Erased::default(), Asking { lease, ..asking(false) });
    let mut tell = |_: &str| {};
    let sent_away = erase(&script, Some(&TakenByAnother), &plan(), asking, &mut erased, &mut tell).await;
    assert!(matches!(sent_away, Err(EraseError::Taken)), "{sent_away:?}");
    assert!(begun.elapsed() >= lease, "not before a turn that nobody goes on with would have ended");
    assert!(script.begun().is_empty());
}

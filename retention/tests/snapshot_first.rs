//! What goes is in a snapshot first, whole, or does not go.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use spoor_model::UnixNanos;
use spoor_retention::{
    Asking, CleanError, Cleaned, Keeping, Means, Naming, as_json, as_table, clean, policy_of_jaegers_cleaner,
};
use spoor_storage::{
    IndexAdmin, IndexSnapshots, Inventory, RecordError, RecordErrorKind, RequestContext, SnapshotState,
    StoredIndex,
};

/// 2026-08-20 12:00 UTC.
const NOW: i64 = 1_787_227_200;
/// Longer than any snapshot here takes, however busy the machine is.
const PATIENT: Duration = Duration::from_secs(60);
const OLD: [&str; 2] = ["jaeger-span-2026-08-01", "jaeger-span-2026-08-02"];
const NEW: &str = "jaeger-span-2026-08-20";

/// A store with two old indices and today's, which answers in turn how a snapshot is.
struct Store {
    answers: Mutex<Vec<Result<Option<SnapshotState>, RecordErrorKind>>>,
    done: Mutex<Vec<String>>,
}

impl Store {
    fn answering(answers: impl IntoIterator<Item = Result<Option<SnapshotState>, RecordErrorKind>>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Self { answers: Mutex::new(answers), done: Mutex::default() }
    }

    fn deleted(&self) -> usize {
        self.done.lock().unwrap().iter().filter(|what| what.starts_with("delete")).count()
    }
}

#[async_trait]
impl IndexAdmin for Store {
    async fn inventory(&self, _: &RequestContext, _: &[String]) -> Result<Inventory, RecordError> {
        let index = |(name, days): (&str, u64)| StoredIndex {
            name: name.to_owned(),
            created: UnixNanos((u64::try_from(NOW).unwrap() - days * 86_400 - 60) * 1_000_000_000),
            bytes: Some(10),
            documents: Some(1),
            aliases: Vec::new(),
        };
        let indices = [(OLD[0], 19), (OLD[1], 18), (NEW, 0)].map(index);
        Ok(Inventory { indices: indices.to_vec(), now: None })
    }

    async fn delete(&self, _: &RequestContext, names: &[String]) -> Result<(), RecordError> {
        self.done.lock().unwrap().push(format!("delete {}", names.join(",")));
        Ok(())
    }
}

#[async_trait]
impl IndexSnapshots for Store {
    async fn begin_snapshot(
        &self,
        _: &RequestContext,
        repository: &str,
        _: &str,
        indices: &[String],
    ) -> Result<(), RecordError> {
        self.done.lock().unwrap().push(format!("snapshot of {} in {repository}", indices.join(",")));
        Ok(())
    }

    async fn snapshot_state(
        &self,
        _: &RequestContext,
        _: &str,
        _: &str,
    ) -> Result<Option<SnapshotState>, RecordError> {
        let answer = self.answers.lock().unwrap().pop().unwrap_or(Ok(Some(SnapshotState::UnderWay)));
        answer.map_err(|kind| RecordError::new(kind, "ask how the snapshot is", "no answer"))
    }
}

fn done(names: &[&str]) -> SnapshotState {
    SnapshotState::Done(names.iter().map(|name| (*name).to_owned()).collect())
}

async fn run(store: &Store, dry_run: bool, days: u32, cleaned: &mut Cleaned) -> Result<(), CleanError> {
    run_within(PATIENT, store, dry_run, days, cleaned).await
}

async fn run_within(
    patience: Duration,
    store: &Store,
    dry_run: bool,
    days: u32,
    cleaned: &mut Cleaned,
) -> Result<(), CleanError> {
    let asking =
        Asking { holder: "this", now: NOW, dry_run, timeout: PATIENT, lease: Duration::from_secs(1) };
    let keeping = Keeping { store, repository: "backup", patience };
    let means = Means { admin: store, locks: None, keeping: Some(keeping), stop: None };
    let policy = policy_of_jaegers_cleaner("", "-", days, Naming::Dated);
    clean(means, &policy, asking, cleaned).await
}

#[tokio::test]
async fn one_snapshot_of_all_that_goes_is_waited_for_and_then_it_goes() {
    let under_way = Ok(Some(SnapshotState::UnderWay));
    let answers = [under_way, Err(RecordErrorKind::Unavailable), Ok(Some(done(&[OLD[1], OLD[0], "else"])))];
    let (store, mut cleaned) = (Store::answering(answers), Cleaned::default());
    run(&store, false, 7, &mut cleaned).await.unwrap();
    let what = store.done.lock().unwrap().clone();
    let names = OLD.join(",");
    assert_eq!(what, [format!("snapshot of {names} in backup"), format!("delete {names}")]);
    let snapshot = cleaned.snapshot.clone().unwrap().name.unwrap();
    assert!(
        as_table(&cleaned, false).contains(&format!("in the snapshot {snapshot} in the repository backup"))
    );
    let report: serde_json::Value = serde_json::from_str(&as_json(&cleaned, false)).unwrap();
    assert_eq!(report["snapshot"], serde_json::json!({ "repository": "backup", "name": snapshot }));
    assert_eq!(cleaned.effect().indices_deleted, 2);
}

#[tokio::test]
async fn what_is_not_in_the_snapshot_whole_does_not_go_and_neither_does_the_rest() {
    let short = Duration::from_millis(600);
    for (patience, answer, told) in [
        (PATIENT, Ok(Some(SnapshotState::Failed("it is PARTIAL".to_owned()))), "it is PARTIAL"),
        (PATIENT, Ok(Some(done(&OLD[..1]))), "lacks jaeger-span-2026-08-02"),
        (PATIENT, Ok(None), "not known"),
        (short, Ok(Some(SnapshotState::UnderWay)), "has not ended within 600ms"),
    ] {
        let (store, mut cleaned) = (Store::answering([answer]), Cleaned::default());
        let error = run_within(patience, &store, false, 7, &mut cleaned).await.unwrap_err();
        assert!(matches!(error, CleanError::Snapshot { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(told) && error.contains("nothing was deleted"), "{error}");
        assert_eq!((store.deleted(), cleaned.deleted.len()), (0, 0), "{told}");
    }
    let store = Store::answering([Err(RecordErrorKind::Refused)]);
    let error = run(&store, false, 7, &mut Cleaned::default()).await.unwrap_err();
    assert!(matches!(error, CleanError::Store { .. }), "{error}");
    assert_eq!(store.deleted(), 0);
}

#[tokio::test]
async fn a_look_says_that_there_would_be_a_snapshot_and_makes_none() {
    let (store, mut cleaned) = (Store::answering([]), Cleaned::default());
    run(&store, true, 7, &mut cleaned).await.unwrap();
    assert!(store.done.lock().unwrap().is_empty());
    assert!(as_table(&cleaned, true).contains("a snapshot of them would be made in the repository backup"));
    let report: serde_json::Value = serde_json::from_str(&as_json(&cleaned, true)).unwrap();
    assert_eq!(report["snapshot"], serde_json::json!({ "repository": "backup", "name": null }));
}

#[tokio::test]
async fn nothing_that_goes_is_no_snapshot() {
    let (store, mut cleaned) = (Store::answering([]), Cleaned::default());
    run(&store, false, 30, &mut cleaned).await.unwrap();
    assert!(store.done.lock().unwrap().is_empty() && cleaned.snapshot.is_none());
}

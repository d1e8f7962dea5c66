//! Whose turn it is: who was killed within its turn keeps nobody away for longer than that lasts, and a lock that cannot be written does
//! not keep what is old.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod full_disk;
mod taken;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_model::UnixNanos;
use spoor_retention::{Asking, CleanError, Cleaned, Means, Naming, Policy, clean, policy_of_jaegers_cleaner};
use spoor_storage::memory::{Config, MemoryStore};
use spoor_storage::{IndexAdmin, Inventory, LeaseLock, RecordError, RequestContext, StoredIndex};

use full_disk::NothingCanBeWritten;
use taken::TakenByAnother;

/// 2026-08-20 12:00 UTC.
const NOW: i64 = 1_787_227_200;
const LEASE: Duration = Duration::from_millis(400);
/// What cleaners compete for.
const LOCK: &str = "spoor-retention";

/// Has one index that is old.
#[derive(Default)]
struct OldIndex(Mutex<Vec<String>>);

#[async_trait]
impl IndexAdmin for OldIndex {
    async fn inventory(&self, _: &RequestContext, _: &[String]) -> Result<Inventory, RecordError> {
        let old = StoredIndex {
            name: "jaeger-span-2026-08-01".to_owned(),
            created: UnixNanos(1_785_542_400_000_000_000),
            bytes: Some(1),
            documents: Some(1),
            aliases: Vec::new(),
        };
        Ok(Inventory { indices: vec![old], now: None })
    }

    async fn delete(&self, _: &RequestContext, names: &[String]) -> Result<(), RecordError> {
        self.0.lock().unwrap().extend_from_slice(names);
        Ok(())
    }
}

fn policy() -> Policy {
    policy_of_jaegers_cleaner("", "-", 7, Naming::Dated)
}

fn asking() -> Asking<'static> {
    Asking { holder: "this", now: NOW, dry_run: false, timeout: Duration::from_secs(5), lease: LEASE }
}

fn means<'a>(admin: &'a dyn IndexAdmin, locks: &'a dyn LeaseLock) -> Means<'a> {
    Means { admin, locks: Some(locks), keeping: None, stop: None }
}

fn locks() -> MemoryStore {
    MemoryStore::new(&Config::default(), &mut Registry::default())
}

fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(5))
}

#[tokio::test]
async fn the_turn_of_who_was_killed_is_waited_for() {
    let (admin, locks) = (OldIndex::default(), locks());
    let begun = Instant::now();
    locks.acquire(&context(), LOCK, "killed", LEASE).await.unwrap().unwrap();
    let mut cleaned = Cleaned::default();
    clean(means(&admin, &locks), &policy(), asking(), &mut cleaned).await.unwrap();
    assert_eq!(cleaned.deleted, ["jaeger-span-2026-08-01"]);
    assert!(begun.elapsed() >= LEASE, "not before that turn had ended");
}

#[tokio::test]
async fn who_goes_on_with_its_turn_keeps_it() {
    let (admin, begun) = (OldIndex::default(), Instant::now());
    let sent_away = clean(means(&admin, &TakenByAnother), &policy(), asking(), &mut Cleaned::default()).await;
    assert!(matches!(sent_away, Err(CleanError::Taken)), "{sent_away:?}");
    assert!(begun.elapsed() >= LEASE, "not before a turn that nobody goes on with would have ended");
    assert!(admin.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_lock_that_cannot_be_written_keeps_nothing_that_is_old() {
    let admin = OldIndex::default();
    let mut cleaned = Cleaned::default();
    clean(means(&admin, &NothingCanBeWritten), &policy(), asking(), &mut cleaned).await.unwrap();
    assert_eq!(cleaned.deleted, ["jaeger-span-2026-08-01"]);
}

//! Claims about locks. `locks()` and `other_locks()` are two processes over the same data.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::RecordsFixture;
use crate::conformance::context;
use crate::{Lease, LeaseLock, RecordErrorKind, RequestContext};

/// Longer than any claim.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(400);
/// Between two askings.
const PAUSE: Duration = Duration::from_millis(20);

async fn ask(locks: &dyn LeaseLock, resource: &str, holder: &str, lease: Duration) -> Option<Lease> {
    locks.acquire(&context(), resource, holder, lease).await.expect("the lock can be asked for")
}

async fn release(locks: &dyn LeaseLock, resource: &str, holder: &str) -> bool {
    locks.release(&context(), resource, holder).await.expect("the lock can be released")
}

/// Asks until the lock is given.
async fn take_over(locks: &dyn LeaseLock, resource: &str, holder: &str, lease: Duration) -> Lease {
    loop {
        if let Some(lease) = ask(locks, resource, holder, lease).await {
            return lease;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// While one holds it nobody else gets it, however often they ask; a lease is never longer than what was asked for.
pub async fn one_holds_a_lock(store: &dyn RecordsFixture) {
    let before = Instant::now();
    let lease = ask(store.locks(), "leader", "a", LONG).await.expect("it is free");
    assert!(lease.until >= before + LONG && lease.until <= Instant::now() + LONG);
    for _ in 0..5 {
        assert_eq!(ask(store.other_locks(), "leader", "b", LONG).await, None);
        assert_eq!(ask(store.locks(), "leader", "c", LONG).await, None);
    }
    let late =
        store.locks().acquire(&RequestContext::with_timeout(Duration::ZERO), "leader", "a", LONG).await;
    assert_eq!(late.expect_err("too late").kind, RecordErrorKind::DeadlineExceeded);
}

/// Names of any kind are told apart.
pub async fn locks_of_other_names_are_other_locks(store: &dyn RecordsFixture) {
    for (number, resource) in ["a", "A", "a/b", "a b?", "ä", &"long".repeat(200)].iter().enumerate() {
        let holder = number.to_string();
        assert!(ask(store.locks(), resource, &holder, LONG).await.is_some(), "{resource}");
        assert_eq!(ask(store.other_locks(), resource, "x", LONG).await, None, "{resource}");
    }
}

/// Renewing in time keeps the lock for far longer than one lease, while another asks without end. Held to the leases, not to
/// the clock of the test: where the machine was too slow to renew, the other may have it.
pub async fn a_holder_that_renews_keeps_it(store: &dyn RecordsFixture) {
    let mut mine = take_over(store.locks(), "leader", "a", SHORT).await;
    let end = Instant::now() + 3 * SHORT;
    while Instant::now() < end {
        let others = ask(store.other_locks(), "leader", "b", SHORT).await;
        if others.is_some() {
            assert!(Instant::now() >= mine.until, "given to another while the lease ran");
            return;
        }
        match ask(store.locks(), "leader", "a", SHORT).await {
            Some(lease) => mine = lease,
            None => panic!("nobody else has it, and it was not renewed"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Nobody waits for the end of the lease of who gave up.
pub async fn a_released_lock_is_free_at_once(store: &dyn RecordsFixture) {
    assert!(ask(store.locks(), "leader", "a", LONG).await.is_some());
    assert_eq!(ask(store.other_locks(), "leader", "b", LONG).await, None);
    assert!(release(store.locks(), "leader", "a").await);
    assert!(ask(store.other_locks(), "leader", "b", LONG).await.is_some());
    assert_eq!(ask(store.locks(), "leader", "a", LONG).await, None);
}

/// A release by somebody else changes nothing.
pub async fn only_the_holder_releases(store: &dyn RecordsFixture) {
    assert!(!release(store.locks(), "leader", "a").await);
    assert!(ask(store.locks(), "leader", "a", LONG).await.is_some());
    assert!(!release(store.other_locks(), "leader", "b").await);
    assert_eq!(ask(store.other_locks(), "leader", "b", LONG).await, None);
    assert!(release(store.locks(), "leader", "a").await);
    assert!(!release(store.locks(), "leader", "a").await);
}

/// Who stops renewing loses the lock to who keeps asking, not before its lease has ended, and does not get it back.
pub async fn the_lock_of_the_dead_moves_on_after_their_lease(store: &dyn RecordsFixture) {
    let dead = take_over(store.locks(), "leader", "a", SHORT).await;
    take_over(store.other_locks(), "leader", "b", LONG).await;
    assert!(Instant::now() >= dead.until, "given away while the lease ran");
    assert_eq!(ask(store.locks(), "leader", "a", SHORT).await, None);
}

/// Askers at the same moment do not all win.
pub async fn of_many_askers_one_gets_it(store: &dyn RecordsFixture) {
    for round in 0..5 {
        let resource = format!("leader {round}");
        let askers = (0..10).map(|number| {
            let locks = if number % 2 == 0 { store.locks() } else { store.other_locks() };
            let resource = &resource;
            async move { ask(locks, resource, &format!("holder {number}"), LONG).await }
        });
        let given = join_all(askers).await.into_iter().flatten().count();
        assert_eq!(given, 1);
    }
}

//! Whether the ingester can do its work. It is alive all the same: nothing here ends a process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use spoor_topic::TopicReader;

use crate::delivery::Courier;
use crate::setting_aside::Warden;

/// Tells since when the store cannot be reached, and why, as far as somebody looks who does not write.
#[derive(Clone)]
pub struct StoreAway(Arc<dyn Fn() -> Option<(Instant, String)> + Send + Sync>);

impl StoreAway {
    /// By this look, which is cheap.
    pub fn by(look: impl Fn() -> Option<(Instant, String)> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }
}

impl fmt::Debug for StoreAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreAway").field(&(self.0)()).finish()
    }
}

/// Looks at what the ingester needs.
#[derive(Clone)]
pub struct Health {
    courier: Arc<Courier>,
    warden: Arc<Warden>,
    store_away: StoreAway,
    /// Zero: an outage is no problem.
    not_ready_after: Duration,
    was_reached: Arc<AtomicBool>,
}

impl Health {
    pub(crate) fn new(
        courier: Arc<Courier>,
        warden: Arc<Warden>,
        store_away: StoreAway,
        not_ready_after: Duration,
    ) -> Self {
        Self { courier, warden, store_away, not_ready_after, was_reached: Arc::default() }
    }

    /// Why it is not ready now, if it is not: the topic has not been reached yet, or the topic, the store or the quarantine has been away
    /// for `--ingester.deadlockInterval`. Cheap.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let unreachable = self.courier.reader.reachable().err();
        if unreachable.is_none() {
            self.was_reached.store(true, Ordering::Relaxed);
        }
        let patience = self.not_ready_after;
        if let Some(unreachable) = unreachable {
            let is_first = !self.was_reached.load(Ordering::Relaxed);
            let is_long = !patience.is_zero() && unreachable.since.elapsed() >= patience;
            if is_first || is_long {
                return Some(format!("the topic cannot be read: {unreachable}"));
            }
        }
        if patience.is_zero() {
            return None;
        }
        let of_store = [&self.courier.trouble, &self.courier.congestion];
        if let Some(reason) = of_store.into_iter().find_map(|trouble| trouble.lasting(patience)) {
            return Some(format!("spans cannot be stored: {reason}"));
        }
        if let Some((since, reason)) = (self.store_away.0)()
            && since.elapsed() >= patience
        {
            return Some(format!("spans cannot be stored: {reason}"));
        }
        self.warden.trouble.lasting(patience)
    }
}

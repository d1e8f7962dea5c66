//! Tells the service manager (systemd) what the health says: `READY=1`, `STOPPING=1`, the watchdog. Without one, nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{debug, warn};

/// Sends `READY=1`, to be called when the ports are open, and pings the watchdog if the unit has one. Runs until dropped.
/// It does not wait for the store: a manager ends a unit that is long in starting, and a store that is down is to be waited for.
pub(crate) async fn started() {
    send(&[NotifyState::Ready]);
    let Some(interval) = watchdog_interval() else { return };
    loop {
        send(&[NotifyState::Watchdog]);
        tokio::time::sleep(interval).await;
    }
}

/// Says that the drain has begun.
pub(crate) fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// Half of what the unit's `WatchdogSec` demands.
fn watchdog_interval() -> Option<Duration> {
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    let own = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
    (own && micros > 0).then(|| Duration::from_micros(micros / 2))
}

fn send(state: &[NotifyState<'_>]) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    match sd_notify::notify(state) {
        Ok(()) => debug!(?state, "told the service manager"),
        Err(error) => warn!(%error, ?state, "could not tell the service manager"),
    }
}

//! One collector: its connection, whether it is to be left alone, and the task that keeps it connected.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spoor_pipeline::Outage;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff;
use super::connection::{Connection, Dialer};
use super::target::Place;
use crate::metrics::ConnectionMetrics;

/// A collector.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(super) place: Place,
    state: Mutex<State>,
    /// Someone wants it to be left alone.
    rested: Notify,
    /// Calls under way.
    calls: AtomicUsize,
    /// In a row.
    failures: AtomicU32,
    outage: Outage,
    pub(super) stop: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Connection>,
    rests_until: Option<Instant>,
}

/// What a peer's task works with.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    pub(super) dialer: Dialer,
    /// Told whenever a peer has become ready.
    pub(super) ready: Arc<Notify>,
    pub(super) metrics: Arc<ConnectionMetrics>,
}

/// A call under way, for the balance.
#[derive(Debug)]
pub(crate) struct Call {
    peer: Arc<Peer>,
    pub(crate) connection: Connection,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.peer.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Call {
    /// The collector that is called.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl Peer {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            state: Mutex::default(),
            rested: Notify::new(),
            calls: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            outage: Outage::default(),
            stop: CancellationToken::new(),
        }
    }

    /// Calls under way, if it may be called now.
    pub(super) fn load(&self) -> Option<usize> {
        self.connection().map(|_| self.calls.load(Ordering::Relaxed))
    }

    /// Begins a call, if it may be called now.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Call> {
        let connection = self.connection()?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        Some(Call { peer: Arc::clone(self), connection })
    }

    fn connection(&self) -> Option<Connection> {
        let state = self.state();
        match state.rests_until {
            Some(until) if until > Instant::now() => None,
            _ => state.connection.clone().filter(Connection::is_open),
        }
    }

    /// It has done its work.
    pub(crate) fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
        if let Some(ended) = self.outage.over() {
            tracing::info!(collector = %self.place, after = ?ended.after, failures = ended.failures, "a collector works again");
        }
    }

    /// It has not: it is left alone for `rest`, or for a pause that grows with the failures in a row.
    pub(crate) fn failed(&self, rest: Option<Duration>, why: &str) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        self.tell(why);
        let until = Instant::now() + rest.unwrap_or_else(|| backoff::pause(failures));
        let mut state = self.state();
        state.rests_until = state.rests_until.max(Some(until));
        drop(state);
        self.rested.notify_one();
    }

    fn tell(&self, why: &str) {
        if self.outage.goes_on() {
            tracing::warn!(collector = %self.place, why, "a collector does not take spans; it is tried again");
        }
    }

    /// Keeps it connected until it is stopped.
    pub(super) async fn keep(self: Arc<Self>, keeper: Keeper) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            never = self.keep_on(&keeper) => match never {},
        }
        // Calls under way have their own clone and end in peace.
        if self.state().connection.take().is_some() {
            keeper.metrics.disconnected();
        }
    }

    async fn keep_on(&self, keeper: &Keeper) -> std::convert::Infallible {
        loop {
            match keeper.dialer.dial(&self.place).await {
                Ok((connection, ending)) => {
                    tracing::debug!(collector = %self.place, "connected to a collector");
                    keeper.metrics.connected();
                    self.state().connection = Some(connection);
                    keeper.ready.notify_waiters();
                    self.watch(ending, &keeper.ready).await;
                    if self.state().connection.take().is_some() {
                        keeper.metrics.disconnected();
                    }
                }
                Err(error) => self.tell(&error.to_string()),
            }
            let failures = self.failures.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(backoff::pause(failures)).await;
        }
    }

    /// Until the connection has ended; says when a rest is over.
    async fn watch(&self, mut ending: tokio::task::JoinHandle<()>, ready: &Notify) {
        loop {
            // A rest that is over already is told of, too: whoever waits has found the collector resting.
            let until = self.state().rests_until;
            let over = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = &mut ending => return,
                () = self.rested.notified() => {}
                () = over => {
                    let mut state = self.state();
                    state.rests_until = state.rests_until.filter(|until| *until > Instant::now());
                    drop(state);
                    ready.notify_waiters();
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As when the process was held up for longer than the rest.
    #[tokio::test]
    async fn who_waits_for_a_rest_hears_of_one_that_was_over_before_anyone_looked() {
        let place = Place { host: "127.0.0.1".to_owned(), port: 1, address: None };
        let peer = Arc::new(Peer::new(place));
        peer.state().rests_until = Some(Instant::now());
        tokio::time::sleep(Duration::from_millis(2)).await;
        let ready = Arc::new(Notify::new());
        let waits = ready.notified();
        let (watched, told) = (Arc::clone(&peer), Arc::clone(&ready));
        let connection = tokio::spawn(std::future::pending());
        let watching = tokio::spawn(async move { watched.watch(connection, &told).await });
        tokio::time::timeout(Duration::from_secs(10), waits).await.expect("it is told");
        assert_eq!(peer.state().rests_until, None, "and once");
        watching.abort();
    }
}

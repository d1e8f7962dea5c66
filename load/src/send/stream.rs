//! One closed loop: take a request, send it, wait for the answer, repeat it if that is wanted, count it, take the next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Connection;
use super::answer::{Answer, Outcome, Retry};
use super::backoff;
use super::pace::Pace;
use super::tally::Tally;
use crate::{Request, SendConfig};

/// A request's way to its end.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// What the last answer said; empty when nothing.
    pub(crate) message: String,
    /// Time from sending to the answer, of the last attempt.
    pub(crate) latency: Duration,
    /// How often it was sent.
    pub(crate) attempts: u32,
}

/// One stream with its connection.
#[derive(Debug)]
pub(crate) struct Stream {
    connection: Connection,
    deadline: Duration,
    retry_for: Duration,
    pace: Option<Arc<Pace>>,
    stop: CancellationToken,
    rng: fastrand::Rng,
    tally: Tally,
}

impl Stream {
    /// Stream `number`, which seeds its random delays.
    pub(crate) fn new(
        number: u32,
        connection: Connection,
        config: &SendConfig,
        pace: Option<Arc<Pace>>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            connection,
            deadline: config.deadline,
            retry_for: config.retry_for,
            pace,
            stop,
            rng: fastrand::Rng::with_seed(u64::from(number)),
            tally: Tally::new(config.record, u64::from(number)),
        }
    }

    /// Sends until the source ends or the stop signal comes.
    pub(crate) async fn run<I: Iterator<Item = Request>>(mut self, source: Arc<Mutex<I>>) -> Tally {
        while !self.stop.is_cancelled() {
            let Some(request) = take(&source) else { break };
            if !self.wait_for_turn(request.spans.len()).await {
                break;
            }
            let delivery = self.deliver(&request).await;
            self.tally.count(request, delivery);
        }
        self.tally
    }

    /// False when the stop signal came first.
    async fn wait_for_turn(&self, spans: usize) -> bool {
        match &self.pace {
            Some(pace) => {
                let turn = pace.reserve(spans);
                self.stop.run_until_cancelled(sleep_until(turn)).await.is_some()
            }
            None => true,
        }
    }

    async fn deliver(&mut self, request: &Request) -> Delivery {
        // None: so far away that there is no end.
        let give_up = Instant::now().checked_add(self.retry_for);
        let mut earlier_loss = None;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let sent = Instant::now();
            let answer = self.attempt(request.body.clone()).await;
            let latency = sent.elapsed();
            if self.wait_to_repeat(answer.retry(), attempts, give_up).await {
                if let Answer::Unknown { reason, .. } = answer {
                    earlier_loss = Some(reason);
                }
                continue;
            }
            let message = answer.message().to_owned();
            let outcome = answer.into_outcome(request.spans.len() as u64, earlier_loss);
            return Delivery { outcome, message, latency, attempts };
        }
    }

    async fn attempt(&mut self, body: Bytes) -> Answer {
        let answer = match &mut self.connection {
            Connection::Grpc(connection) => timeout(self.deadline, connection.send(body)).await,
            Connection::Http(connection) => timeout(self.deadline, connection.send(body)).await,
            Connection::Udp(connection) => timeout(self.deadline, connection.send(&body)).await,
        };
        answer.unwrap_or_else(|_| Answer::late())
    }

    /// Waits as long as the answer asks for; false when the request is not to be sent again.
    async fn wait_to_repeat(&mut self, retry: Retry, attempts: u32, give_up: Option<Instant>) -> bool {
        let delay = match retry {
            _ if self.retry_for.is_zero() => return false,
            Retry::Never => return false,
            Retry::Backoff => backoff::delay(attempts, &mut self.rng),
            Retry::After(delay) => delay,
        };
        let in_time = match (Instant::now().checked_add(delay), give_up) {
            (Some(next), Some(end)) => next <= end,
            (Some(_), None) => true,
            (None, _) => false,
        };
        in_time && self.stop.run_until_cancelled(sleep(delay)).await.is_some()
    }
}

fn take<I: Iterator<Item = Request>>(source: &Mutex<I>) -> Option<Request> {
    // A poisoned lock means that the iterator panicked in another stream, which `run` passes on.
    source.lock().unwrap_or_else(PoisonError::into_inner).next()
}

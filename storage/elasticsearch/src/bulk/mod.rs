//! Writes in flight share bulk requests: each brings its items, bulks are made of what waits, and each write gets the
//! verdicts of its own items.
//!
//! Batching is natural: while a bulk is on its way the next one gathers. See [`queue`] for when a bulk goes.

mod dispatch;
mod metrics;
mod pace;
mod queue;
mod send;
mod ticket;
mod verdict;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use spoor_storage::RequestContext;
use tokio::sync::Notify;

pub(crate) use metrics::BulkMetrics;
pub(crate) use queue::Limits;
use queue::{Part, Queue};
use ticket::Ticket;
pub(crate) use ticket::{Outcome, Outcomes};
pub(crate) use verdict::{Verdict, parse as parse_verdicts};

use crate::client::Client;
use crate::encode::Encoded;

/// The queue has no room for the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{waiting} bytes of documents wait for the store already (--es.bulk.queue-size); it takes them slower than they come"
)]
pub(crate) struct QueueFull {
    pub(crate) waiting: usize,
}

/// Takes items and brings them to the store. Its task ends when it is dropped.
#[derive(Debug)]
pub(crate) struct BulkWriter {
    shared: Arc<Shared>,
    dispatcher: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Told when the queue has something new.
    changed: Notify,
    metrics: BulkMetrics,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BulkWriter {
    /// Starts the dispatcher; needs a Tokio runtime around it.
    pub(crate) fn start(client: Arc<Client>, limits: Limits, metrics: BulkMetrics) -> Self {
        let shared =
            Arc::new(Shared { queue: Mutex::new(Queue::new(limits)), changed: Notify::new(), metrics });
        let dispatcher = tokio::spawn(dispatch::run(client, shared.clone()));
        Self { shared, dispatcher }
    }

    /// Whether a write would find no room, so that its items need not even be made.
    pub(crate) fn check_room(&self) -> Result<(), QueueFull> {
        let queue = self.shared.queue();
        if queue.is_full() { Err(QueueFull { waiting: queue.bytes() }) } else { Ok(()) }
    }

    /// Brings the items of a request to the store and waits for their verdicts until its deadline. What has no verdict by then is
    /// [`Outcome::Open`]. Dropping the future takes what was not sent yet out of the queue.
    pub(crate) async fn write(
        &self,
        encoded: &Encoded,
        context: &RequestContext,
    ) -> Result<Outcomes, QueueFull> {
        let ticket = Ticket::new(encoded.ends.len(), context.deadline, context.own_span.clone());
        let ticket = Arc::new(ticket);
        let part = Part {
            ticket: ticket.clone(),
            items: 0..encoded.ends.len(),
            ends: encoded.ends.as_slice().into(),
            body: encoded.body.clone(),
        };
        {
            let mut queue = self.shared.queue();
            if queue.push(part, Instant::now()).is_err() {
                return Err(QueueFull { waiting: queue.bytes() });
            }
            self.shared.metrics.set_queue_bytes(queue.bytes());
        }
        self.shared.changed.notify_one();
        let _guard = Withdraw { shared: &self.shared, ticket: &ticket };
        ticket.wait().await;
        Ok(ticket.take())
    }
}

impl Drop for BulkWriter {
    fn drop(&mut self) {
        self.dispatcher.abort();
    }
}

/// Takes a write out of the queue when its caller is gone or satisfied.
struct Withdraw<'a> {
    shared: &'a Shared,
    ticket: &'a Arc<Ticket>,
}

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.remove(self.ticket);
        self.shared.metrics.set_queue_bytes(queue.bytes());
    }
}

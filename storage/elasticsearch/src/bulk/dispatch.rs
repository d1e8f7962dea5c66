//! The task that makes bulks of what waits and keeps as many on their way as are allowed.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::queue::Step;
use super::{Shared, send};
use crate::client::Client;

/// Runs until it is aborted; the bulks on their way end with it, as nobody waits for them any more.
pub(super) async fn run(client: Arc<Client>, shared: Arc<Shared>) {
    let mut in_flight = JoinSet::new();
    loop {
        let step = {
            let mut queue = shared.queue();
            let step = queue.step(in_flight.len(), Instant::now());
            shared.metrics.set_queue_bytes(queue.bytes());
            step
        };
        let due = match step {
            Step::Send(parts) => {
                let (client, shared) = (client.clone(), shared.clone());
                in_flight.spawn(async move { send::send(&client, &shared.metrics, parts).await });
                continue;
            }
            Step::WaitUntil(due) => Some(due),
            Step::Wait => None,
        };
        tokio::select! {
            () = shared.changed.notified() => {}
            Some(ended) = in_flight.join_next() => {
                match ended {
                    Ok(load) => shared.queue().learn(load, Instant::now(), fastrand::f64()),
                    Err(error) => {
                        tracing::error!(%error, "sending a bulk ended without verdicts; its writers run into their deadlines");
                    }
                }
            }
            () = sleep_until(due) => {}
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

//! Asks the brokers about the topic again and again: how many partitions there are, and whether it can be reached at all.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;

use super::Shared;
use crate::reason::what_to_do;

/// A raised number of partitions is used after this long at the latest.
const EVERY: Duration = Duration::from_secs(5);
/// While the topic cannot be reached.
const WHEN_DOWN: Duration = Duration::from_millis(250);
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends when dropped.
pub(super) struct Watch {
    _end: Sender<()>,
}

impl Watch {
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        let (end, ended) = mpsc::channel();
        let shared: Weak<Shared> = Arc::downgrade(shared);
        let look = move || {
            while let Some(shared) = shared.upgrade() {
                look(&shared);
                let pause = if shared.health.reachable().is_ok() { EVERY } else { WHEN_DOWN };
                // Not while waiting: it would keep what we watch from ending.
                drop(shared);
                if ended.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name("kafka-topic".to_owned()).spawn(look);
        if let Err(error) = spawned {
            tracing::error!("start a thread that watches the topic: {error}; nothing can be written");
        }
        Self { _end: end }
    }
}

fn look(shared: &Shared) {
    let producer = shared.producer().producer;
    let metadata = match producer.client().fetch_metadata(Some(&shared.topic), PATIENCE) {
        Ok(metadata) => metadata,
        Err(error) => {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            // A time-out says less than what the client may have told before, of a password for instance.
            if !shared.health.knows_why() {
                shared.health.is_down(&what_to_do(code));
            }
            return;
        }
    };
    let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == shared.topic) else { return };
    if let Some(error) = topic.error() {
        let code = RDKafkaErrorCode::from(error);
        shared.absence.refused(code, Instant::now());
        shared.health.is_down_because(&format!("topic {}: {}", shared.topic, what_to_do(code)));
        return;
    }
    let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
    if count > 0 {
        shared.partitions.store(count, Ordering::Relaxed);
        shared.absence.is_there();
        shared.health.is_up();
    }
}

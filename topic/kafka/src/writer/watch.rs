//! Asks the brokers about the topic again and again: how many partitions there are, and whether it can be reached at all. Where it can, and
//! records to a partition with a leader get no answer all the same, the producer is the one that does not go on.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataPartition;
use rdkafka::producer::Producer as _;

use super::Shared;
use super::producer::Numbered;
use crate::reason::what_to_do;
use crate::stalls::Stalls;

/// While the topic cannot be reached.
const WHEN_DOWN: Duration = Duration::from_millis(250);
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the brokers are asked, and how soon a producer is given up.
pub(super) struct Tempo {
    /// A raised number of partitions is used after this long at the latest.
    pub(super) every: Duration,
    pub(super) stalls: Stalls,
}

impl Default for Tempo {
    fn default() -> Self {
        Self { every: Duration::from_secs(5), stalls: Stalls::default() }
    }
}

/// Ends when dropped.
pub(super) struct Watch {
    _end: Sender<()>,
}

impl Watch {
    pub(super) fn start(shared: &Arc<Shared>, tempo: Tempo) -> Self {
        let (end, ended) = mpsc::channel();
        let shared: Weak<Shared> = Arc::downgrade(shared);
        let look = move || {
            let Tempo { every, mut stalls } = tempo;
            while let Some(shared) = shared.upgrade() {
                let sender = shared.producer();
                let led = led_partitions(&shared, &sender);
                let stalled = stalls.look(Instant::now(), &shared.traffic.places(&led));
                if !stalled.is_empty() {
                    renew_stalled(&shared, &sender, &stalled);
                }
                shared.let_go(sender);
                let pause = if shared.health.reachable().is_ok() { every } else { WHEN_DOWN };
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

/// Asks the brokers, and tells the partitions that have a leader by their word.
fn led_partitions(shared: &Shared, sender: &Numbered) -> Vec<i32> {
    let metadata = match sender.producer.client().fetch_metadata(Some(&shared.topic), PATIENCE) {
        Ok(metadata) => metadata,
        Err(error) => {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            // A time-out says less than what the client may have told before, of a password for instance.
            if !shared.health.knows_why() {
                shared.health.is_down(&what_to_do(code));
            }
            return Vec::new();
        }
    };
    let topic = metadata.topics().iter().find(|topic| topic.name() == shared.topic);
    let Some(topic) = topic else { return Vec::new() };
    if let Some(error) = topic.error() {
        let code = RDKafkaErrorCode::from(error);
        shared.absence.refused(code, Instant::now());
        shared.health.is_down_because(&format!("topic {}: {}", shared.topic, what_to_do(code)));
        return Vec::new();
    }
    let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
    if count > 0 {
        shared.partitions.store(count, Ordering::Relaxed);
        shared.absence.is_there();
        shared.health.is_up();
    }
    let led = topic.partitions().iter().filter(|partition| partition.leader() >= 0);
    led.map(MetadataPartition::id).collect()
}

fn renew_stalled(shared: &Shared, sender: &Numbered, partitions: &[i32]) {
    let partitions: Vec<String> = partitions.iter().map(i32::to_string).collect();
    let why = format!(
        "the brokers name a leader for partition {}, and yet no record under way to it has been answered for a while; the library has \
         been seen to forget a partition whose broker halted (where this comes again, see that enough replicas are in sync)",
        partitions.join(", ")
    );
    shared.renew(sender.number, sender.batch_bytes, &why);
}

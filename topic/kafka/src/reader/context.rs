//! What the library calls back. Rebalances are noted only: the thread carries them out when the role is ready.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::desk::Desk;
use crate::health::library_log;
use crate::reason;

/// What the group wants of this member next.
#[derive(Debug, Clone)]
pub(super) enum Rebalance {
    Assign(Vec<i32>),
    Revoke { partitions: Vec<i32>, lost: bool },
}

/// A commit that was answered.
pub(super) struct Committed {
    /// What is committed now.
    pub(super) offsets: Vec<(i32, i64)>,
    /// All that it was about.
    pub(super) partitions: Vec<i32>,
    pub(super) result: KafkaResult<()>,
}

#[derive(Default)]
pub(super) struct Notes {
    pub(super) rebalances: Vec<Rebalance>,
    pub(super) commits: Vec<Committed>,
    pub(super) statistics: Option<Box<Statistics>>,
    /// Nobody carries rebalances out any more: what is asked for is done at once.
    pub(super) leaving: bool,
}

pub(super) struct ReaderContext {
    desk: Arc<Desk>,
    topic: String,
    notes: Mutex<Notes>,
    calls: AtomicU64,
}

impl ReaderContext {
    pub(super) fn new(desk: Arc<Desk>, topic: &str) -> Self {
        Self { desk, topic: topic.to_owned(), notes: Mutex::default(), calls: AtomicU64::new(0) }
    }

    /// How often the library has called back: an event that is only told here looks, to whoever asked for events, as if there was none.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for ReaderContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.called();
        library_log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.called();
        // Brokers by number; those of the settings, not yet known by number, are below zero.
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            let topic = statistics.topics.get(&self.topic);
            let reads = topic.is_some_and(|topic| topic.partitions.keys().any(|partition| *partition >= 0));
            // Where there are more members than partitions the library tells of no partition to some of them.
            let is_spare = statistics
                .cgrp
                .as_ref()
                .is_some_and(|group| group.join_state == "steady" && group.assignment_size == 0);
            if reads || is_spare {
                self.desk.health.is_up();
            }
        }
        self.notes().statistics = Some(Box::new(statistics));
        self.desk.wake();
    }

    fn error(&self, error: KafkaError, text: &str) {
        self.called();
        reason::tell(&self.desk.health, &error, text);
    }
}

impl ConsumerContext for ReaderContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.called();
        let partitions: Vec<i32> = list.elements().iter().map(|element| element.partition()).collect();
        let mut notes = self.notes();
        if notes.leaving {
            drop(notes);
            if let Err(error) = give_up(consumer, list) {
                tracing::debug!(target: "librdkafka", "leave the group: {error}");
            }
            return;
        }
        notes.rebalances.push(match code {
            Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assign(partitions),
            _ => Rebalance::Revoke { partitions, lost: consumer.assignment_lost() },
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        self.called();
        let elements = offsets.elements();
        let good = elements.iter().filter(|element| element.error().is_ok());
        let offsets = good.filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((element.partition(), offset)),
            _ => None,
        });
        let partitions = elements.iter().map(|element| element.partition()).collect();
        let committed = Committed { offsets: offsets.collect(), partitions, result };
        self.notes().commits.push(committed);
    }
}

/// Whether partitions move one by one in this group.
pub(super) fn is_cooperative(consumer: &BaseConsumer<ReaderContext>) -> bool {
    matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

/// Gives these partitions up, in the way of the group: all of them, or one by one.
pub(super) fn give_up(consumer: &BaseConsumer<ReaderContext>, list: &TopicPartitionList) -> KafkaResult<()> {
    if is_cooperative(consumer) { consumer.incremental_unassign(list) } else { consumer.unassign() }
}

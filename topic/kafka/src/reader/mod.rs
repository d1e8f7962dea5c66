//! [`KafkaReader`]: the door out, as a member of a consumer group.
//!
//! A thread of its own asks the library for what happens and keeps the membership alive, whatever the role does meanwhile. Between it
//! and the role stands [`desk::Desk`]: the book, what the role is to be told next, and what it wishes.

mod commit;
mod context;
mod desk;
mod places;
mod renewal;
mod shelf;
mod stall;
mod worker;

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use async_trait::async_trait;
use spoor_topic::{Bounds, Claim, Event, Fate, ReadError, ReaderStatus, TopicReader, Unreachable};

use crate::config::ConsumerConfig;
use crate::health::Health;
use crate::{SettingsError, client_config};
use desk::Desk;
use worker::Worker;

/// The most records of one partition that are remembered at a time; what is under way is bounded by settings before.
const REMEMBERED: usize = 1_000_000;

/// Reads a topic in Kafka.
pub struct KafkaReader {
    desk: Arc<Desk>,
}

impl KafkaReader {
    /// Joins the group. Brokers that are away and a topic that is not there are no errors: they are waited for, and
    /// [`TopicReader::reachable`] tells.
    ///
    /// # Errors
    /// Settings that cannot work, by name.
    pub fn open(settings: &ConsumerConfig) -> Result<Self, SettingsError> {
        let config = client_config::consumer(settings)?;
        let (topic, brokers) = (&settings.connection.topic, settings.connection.brokers.join(","));
        let bounds = Bounds {
            records: settings.max_records_in_flight as usize,
            bytes: usize::try_from(settings.max_bytes_in_flight.0).unwrap_or(usize::MAX),
            remembered: REMEMBERED,
        };
        let health =
            Health::unknown(format!("read topic {topic} at {brokers} in group {}", settings.group_id));
        let desk = Arc::new(Desk::new(bounds, health));
        let worker = Worker::open(config, settings, Arc::clone(&desk))?;
        let spawned = thread::Builder::new().name("kafka-reader".to_owned()).spawn(move || worker.run());
        let thread = spawned.map_err(|error| {
            SettingsError::new("--kafka.consumer.brokers", format!("no thread for the reader: {error}"))
        })?;
        desk.wake_by(thread.thread().clone());
        Ok(Self { desk })
    }
}

#[async_trait]
impl TopicReader for KafkaReader {
    async fn next(&self) -> Result<Option<Event>, ReadError> {
        self.desk.next().await
    }

    fn settle(&self, claims: &[Claim], fate: Fate) {
        self.desk.settle(claims, fate);
    }

    fn pause(&self, partition: i32) {
        self.desk.set_paused(partition, true);
    }

    fn resume(&self, partition: i32) {
        self.desk.set_paused(partition, false);
    }

    fn status(&self) -> ReaderStatus {
        self.desk.status()
    }

    fn reachable(&self) -> Result<(), Unreachable> {
        self.desk.health.reachable()
    }

    async fn close(&self, deadline: Instant) -> Result<(), ReadError> {
        self.desk.close(deadline).await
    }
}

impl Drop for KafkaReader {
    /// The thread leaves the group by itself; what is in flight is void.
    fn drop(&mut self) {
        self.desk.close_by(Instant::now());
    }
}

//! [`KafkaWriter`]: the door in. Every record waits for its own delivery report.

mod absence;
mod batch;
mod context;
mod producer;
mod traffic;
mod watch;

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use spoor_topic::{Confirmed, OutgoingRecord, RecordError, TopicWriter, Unreachable, partition_of_key};

use crate::config::ProducerConfig;
use crate::health::Health;
use crate::{SettingsError, client_config};
use absence::Absence;
use batch::{Batch, Room, Ticket};
use producer::{Numbered, create};
use traffic::Traffic;
use watch::{Tempo, Watch};

/// When a sender may try again after the brokers were away or had no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Writes records to a topic in Kafka.
pub struct KafkaWriter {
    shared: Arc<Shared>,
    _watch: Watch,
}

struct Shared {
    topic: String,
    config: ClientConfig,
    max_record_bytes: usize,
    producer: RwLock<Numbered>,
    /// As the brokers last said; 0 before they said anything.
    partitions: AtomicI32,
    health: Arc<Health>,
    absence: Absence,
    room: Arc<Room>,
    traffic: Traffic,
}

impl KafkaWriter {
    /// Opens the way to the topic. Brokers that are away are no error: they are waited for, and
    /// [`TopicWriter::reachable`] tells.
    ///
    /// # Errors
    /// Settings that cannot work, by name.
    pub fn open(settings: &ProducerConfig) -> Result<Self, SettingsError> {
        Self::open_topic(settings, &settings.connection.topic)
    }

    /// The same for another topic than the one of the settings.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_topic(settings: &ProducerConfig, topic: &str) -> Result<Self, SettingsError> {
        Self::open_watched(settings, topic, Tempo::default())
    }

    fn open_watched(settings: &ProducerConfig, topic: &str, tempo: Tempo) -> Result<Self, SettingsError> {
        let config = client_config::producer(settings)?;
        let brokers = settings.connection.brokers.join(",");
        let health = Arc::new(Health::unknown(format!("write topic {topic} at {brokers}")));
        let limit = usize::try_from(settings.max_bytes_in_flight.0).unwrap_or(usize::MAX);
        let room = Arc::new(Room::new(limit));
        let batch_bytes = client_config::batch_bytes(settings);
        let producer = create(&config, &health, batch_bytes)?;
        let shared = Arc::new(Shared {
            topic: topic.to_owned(),
            config,
            max_record_bytes: settings.max_message_bytes as usize,
            producer: RwLock::new(Numbered { number: 0, producer, batch_bytes }),
            partitions: AtomicI32::new(0),
            health,
            absence: Absence::default(),
            room,
            traffic: Traffic::default(),
        });
        let watch = Watch::start(&shared, tempo);
        Ok(Self { shared, _watch: watch })
    }

    /// How many partitions the topic has, as far as is known.
    #[must_use]
    pub fn partitions(&self) -> Option<i32> {
        Some(self.shared.partitions.load(Ordering::Relaxed)).filter(|count| *count > 0)
    }

    /// How often the client library's producer was replaced by a new one, since nothing came of it any more or the topic takes smaller
    /// batches only.
    #[must_use]
    pub fn renewals(&self) -> u64 {
        self.shared.current()
    }
}

impl Shared {
    fn unavailable(&self, reason: &str) -> RecordError {
        RecordError::Unavailable { reason: reason.into(), retry_after: RETRY_AFTER }
    }

    /// What a record comes to while the topic cannot be reached.
    fn away(&self, down: &Unreachable) -> RecordError {
        if self.absence.is_lasting(Instant::now()) {
            return RecordError::NoTopic { reason: Arc::clone(&down.reason), retry_after: RETRY_AFTER };
        }
        self.unavailable(&down.reason)
    }

    /// Hands the records to the library; each of them has its answer in the batch now or later.
    fn send_all(&self, sender: &Numbered, records: &[OutgoingRecord], batch: &Arc<Batch>) {
        let count = self.partitions.load(Ordering::Relaxed);
        // Records without a key stay together, as many as are written together.
        let unkeyed = fastrand::i32(0..count.max(1));
        for (index, record) in records.iter().enumerate() {
            let partition = record.key.as_ref().map_or(unkeyed, |key| partition_of_key(key, count.max(1)));
            if let Err(error) = self.send(sender, record, partition, batch, index) {
                batch.answer(index, Err(error));
            }
        }
    }

    fn send(
        &self,
        sender: &Numbered,
        record: &OutgoingRecord,
        partition: i32,
        batch: &Arc<Batch>,
        index: usize,
    ) -> Result<(), RecordError> {
        let size = record.size();
        if size > self.max_record_bytes {
            return Err(RecordError::TooLarge { size, limit: self.max_record_bytes });
        }
        let Some(place) = self.room.take(size) else {
            let reason = "the records under way take all of --kafka.producer.max-bytes-in-flight".into();
            return Err(RecordError::Busy { reason, retry_after: RETRY_AFTER });
        };
        let passage = self.traffic.set_out(partition);
        let ticket = Box::new(Ticket::new(Arc::clone(batch), index, place, passage));
        let mut message: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(&self.topic, ticket).partition(partition);
        if let Some(key) = &record.key {
            message = message.key(key);
        }
        if let Some(payload) = &record.payload {
            message = message.payload(payload);
        }
        if !record.headers.is_empty() {
            message = message.headers(headers(record));
        }
        sender.producer.send(message).map_err(|(error, _)| self.refused(&error, size, sender))
    }

    fn refused(&self, error: &KafkaError, size: usize, sender: &Numbered) -> RecordError {
        let Some(code) = error.rdkafka_error_code() else { return self.unavailable(&error.to_string()) };
        if code == RDKafkaErrorCode::Fatal {
            self.renew_if_fatal(sender);
        }
        context::record_error(code, &self.topic, size, self.max_record_bytes)
    }
}

fn headers(record: &OutgoingRecord) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    record.headers.iter().fold(empty, |headers, header| {
        headers.insert(KafkaHeader { key: &header.name, value: header.value.as_deref() })
    })
}

#[async_trait]
impl TopicWriter for KafkaWriter {
    async fn write(
        &self,
        records: &[OutgoingRecord],
        deadline: Instant,
    ) -> Vec<Result<Confirmed, RecordError>> {
        let shared = &self.shared;
        if let Err(down) = shared.health.reachable() {
            let answer = shared.away(&down);
            return records.iter().map(|_| Err(answer.clone())).collect();
        }
        if Instant::now() >= deadline {
            return records.iter().map(|_| Err(RecordError::DeadlineExceeded)).collect();
        }
        // Kept until all is answered: a producer ends with the last who has it, and what is under way by then is given up.
        let sender = shared.producer();
        let limit = shared.max_record_bytes;
        let batch = Arc::new(Batch::new(records.len(), &shared.topic, limit, sender.batch_bytes));
        shared.send_all(&sender, records, &batch);
        let in_time = tokio::time::timeout_at(deadline.into(), batch.answered()).await.is_ok();
        if batch.saw_failure() {
            shared.renew_if_fatal(&sender);
        }
        if batch.saw_too_much() {
            shared.narrow(&sender);
        }
        shared.let_go(sender);
        // Why the others have no answer is told by what has become of the brokers meanwhile.
        let unanswered = match shared.health.reachable() {
            Err(down) if !in_time => shared.away(&down),
            _ => RecordError::DeadlineExceeded,
        };
        batch.take_answers(&unanswered)
    }

    fn max_record_bytes(&self) -> usize {
        self.shared.max_record_bytes
    }

    fn reachable(&self) -> Result<(), Unreachable> {
        self.shared.health.reachable()
    }
}

#[cfg(test)]
mod tests;

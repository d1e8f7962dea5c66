//! The browser's thread: it answers one question after the other.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use spoor_topic::{Extent, KeptRecord, Page, PageBounds, Place, ReadError};

use super::{Ask, PageWish};
use crate::config::ConsumerConnection;
use crate::health::{Health, library_log};
use crate::reason::{self, what_to_do};
use crate::{SettingsError, client_config, contents};

/// How long the thread rests before it looks after what the library tells on its own.
const REST: Duration = Duration::from_secs(1);
/// How long is waited for records before the time is looked at.
const TURN: Duration = Duration::from_millis(100);
/// How long an answer may take from the thread to whoever asked.
pub(super) const SLACK: Duration = Duration::from_millis(200);

pub(super) struct Desk {
    consumer: BaseConsumer<BrowserContext>,
    health: Arc<Health>,
    topic: String,
    work: String,
}

struct BrowserContext {
    health: Arc<Health>,
}

impl ClientContext for BrowserContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        library_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, text: &str) {
        reason::tell(&self.health, &error, text);
    }
}

impl ConsumerContext for BrowserContext {}

/// What came of reading from a place.
enum Found {
    Page(Page),
    /// What was to be read first has gone meanwhile.
    Moved,
}

impl Desk {
    pub(super) fn open(config: &ClientConfig, topic: &str, work: &str) -> Result<Self, SettingsError> {
        let health = Arc::new(Health::unknown(work.to_owned()));
        let context = BrowserContext { health: Arc::clone(&health) };
        let consumer = config
            .create_with_context(context)
            .map_err(|error| client_config::refused(&error, ConsumerConnection::PREFIX))?;
        Ok(Self { consumer, health, topic: topic.to_owned(), work: work.to_owned() })
    }

    /// Until nobody is left to ask.
    pub(super) fn run(self, asked: &Receiver<Ask>) {
        loop {
            match asked.recv_timeout(REST) {
                // Nobody waits for an answer any more when sending it fails.
                Ok(Ask::Extents { deadline, answer }) => {
                    let _ = answer.send(self.extents(deadline).map_err(|problem| self.failed(problem)));
                }
                Ok(Ask::Page { wish, deadline, answer }) => {
                    let _ = answer.send(self.page(wish, deadline).map_err(|problem| self.failed(problem)));
                }
                Err(RecvTimeoutError::Timeout) => while self.consumer.poll(Duration::ZERO).is_some() {},
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn failed(&self, problem: String) -> ReadError {
        ReadError { attempted: self.work.clone(), problem }
    }

    fn extents(&self, deadline: Instant) -> Result<Vec<Extent>, String> {
        let extent = |partition| {
            let (start, end) = self.edges(partition, deadline)?;
            Ok(Extent { partition, start, end })
        };
        self.partitions(deadline)?.into_iter().map(extent).collect()
    }

    fn page(&self, wish: PageWish, deadline: Instant) -> Result<Page, String> {
        let PageWish { partition, from, bounds } = wish;
        let partitions = self.partitions(deadline)?;
        if !partitions.contains(&partition) {
            let count = partitions.len();
            if count == 0 {
                return Err(what_to_do(Code::UnknownTopicOrPartition));
            }
            return Err(format!("there is no partition {partition}, only {count}, counted from 0"));
        }
        loop {
            let (start, end) = self.edges(partition, deadline)?;
            let from = from.max(start);
            if from >= end {
                return Ok(Page::default());
            }
            self.go_to(Place { partition, offset: from })?;
            let found = self.collect(Place { partition, offset: from }, end, bounds, deadline);
            let left = self.consumer.unassign().map_err(|error| self.problem(&error));
            match found? {
                Found::Page(page) => return left.map(|()| page),
                Found::Moved => {}
            }
        }
    }

    /// None when there is no such topic.
    fn partitions(&self, deadline: Instant) -> Result<Vec<i32>, String> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), self.remaining(deadline)?);
        let metadata = metadata.map_err(|error| self.problem(&error))?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        self.health.is_up();
        let Some(topic) = topic else { return Ok(Vec::new()) };
        match topic.error().map(Code::from) {
            None => {}
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Ok(Vec::new()),
            Some(code) => return Err(what_to_do(code)),
        }
        let mut partitions: Vec<i32> =
            topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect();
        partitions.sort_unstable();
        Ok(partitions)
    }

    /// The oldest offset, and the one behind the newest that may be read.
    fn edges(&self, partition: i32, deadline: Instant) -> Result<(i64, i64), String> {
        let edges = self.consumer.fetch_watermarks(&self.topic, partition, self.remaining(deadline)?);
        edges.map_err(|error| format!("partition {partition}: {}", self.problem(&error)))
    }

    /// Reads from there on; which no group is told of.
    fn go_to(&self, place: Place) -> Result<(), String> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.topic, place.partition, Offset::Offset(place.offset))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|error| self.problem(&error))
    }

    fn collect(&self, from: Place, end: i64, bounds: PageBounds, deadline: Instant) -> Result<Found, String> {
        let mut page = Page::default();
        let mut bytes = 0;
        let mut arena = BytesMut::new();
        loop {
            match self.consumer.poll(TURN.min(self.remaining(deadline)?)) {
                // What was on its way when another place was read before.
                Some(Ok(message))
                    if message.partition() != from.partition || message.offset() < from.offset => {}
                Some(Ok(message)) => {
                    let record = kept(&message, &mut arena);
                    let offset = record.place.offset;
                    if !bounds.allow(&record, page.records.len(), bytes) {
                        page.next = Some(offset);
                        return Ok(Found::Page(page));
                    }
                    bytes += record.size();
                    page.records.push(record);
                    if offset + 1 >= end {
                        return Ok(Found::Page(page));
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) if partition == from.partition => {
                    return Ok(Found::Page(page));
                }
                Some(Err(error)) => match error.rdkafka_error_code() {
                    Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => return Ok(Found::Moved),
                    Some(Code::UnknownTopicOrPartition | Code::TopicAuthorizationFailed) => {
                        return Err(self.problem(&error));
                    }
                    // What may heal is waited for; why is told by `health`.
                    _ => {}
                },
                None => {}
            }
        }
    }

    /// What is left for it.
    fn remaining(&self, deadline: Instant) -> Result<Duration, String> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.late()) } else { Ok(left) }
    }

    fn late(&self) -> String {
        match self.health.reachable() {
            Err(down) if self.health.knows_why() => down.reason.to_string(),
            _ => format!("the brokers did not answer in time: {}", what_to_do(Code::OperationTimedOut)),
        }
    }

    fn problem(&self, error: &KafkaError) -> String {
        match error.rdkafka_error_code() {
            // Why they cannot be reached was told before, and is of more use.
            Some(Code::BrokerTransportFailure | Code::OperationTimedOut | Code::AllBrokersDown) => {
                while self.consumer.poll(Duration::ZERO).is_some() {}
                self.late()
            }
            Some(code) => what_to_do(code),
            None => error.to_string(),
        }
    }
}

fn kept(message: &BorrowedMessage<'_>, arena: &mut BytesMut) -> KeptRecord {
    KeptRecord {
        place: Place { partition: message.partition(), offset: message.offset() },
        timestamp: contents::written(message),
        key: message.key().map(|key| contents::copy(arena, key)),
        payload: message.payload().map(|payload| contents::copy(arena, payload)),
        headers: contents::headers(message, arena),
    }
}

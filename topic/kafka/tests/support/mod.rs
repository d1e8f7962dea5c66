//! A topic of a test's own in a real broker.
#![allow(dead_code, reason = "each test program uses a part")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use clap::Parser;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use spoor_topic::conformance::{BrowserFixture, Fixture, Wish};
use spoor_topic::{Place, Start, TopicBrowser, TopicReader, TopicWriter};
use spoor_topic_kafka::config::{ConsumerConfig, ProducerConfig};
use spoor_topic_kafka::{KafkaBrowser, KafkaReader, KafkaWriter};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    producer: ProducerConfig,
    #[command(flatten)]
    consumer: ConsumerConfig,
}

/// The settings that these flags make, and the defaults of the others.
pub(crate) fn settings(flags: &[String]) -> (ProducerConfig, ConsumerConfig) {
    let flags = std::iter::once("test").chain(flags.iter().map(String::as_str));
    let program = Program::try_parse_from(flags).expect("the flags are well formed");
    (program.producer, program.consumer)
}

/// A name that no other test and no other run has.
pub(crate) fn fresh_name(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{what}-{}-{}-{number}", std::process::id(), since.as_nanos())
}

/// A topic, with readers and writers of its own.
pub(crate) struct Topic {
    pub(crate) brokers: String,
    pub(crate) name: String,
}

impl Topic {
    /// Makes a topic of three partitions.
    pub(crate) async fn make(brokers: &str) -> Self {
        let topic = Self { brokers: brokers.to_owned(), name: fresh_name("spoor-test") };
        topic.create().await;
        topic
    }

    /// The same with settings of the topic's own.
    pub(crate) async fn make_with(brokers: &str, settings: &[(&str, &str)]) -> Self {
        let topic = Self { brokers: brokers.to_owned(), name: fresh_name("spoor-test") };
        topic.try_create_with(settings).await.expect("the topic is made");
        topic
    }

    pub(crate) async fn create(&self) {
        self.try_create().await.expect("the topic is made");
    }

    pub(crate) async fn try_create(&self) -> Result<(), String> {
        self.try_create_with(&[]).await
    }

    async fn try_create_with(&self, settings: &[(&str, &str)]) -> Result<(), String> {
        let wanted = NewTopic::new(&self.name, 3, TopicReplication::Fixed(1));
        let wanted = settings.iter().fold(wanted, |wanted, (name, value)| wanted.set(name, value));
        let made = self.admin().create_topics([&wanted], &AdminOptions::new()).await;
        let made = made.expect("the broker makes topics").swap_remove(0);
        made.map(drop).map_err(|(name, code)| format!("{name}: {code}"))
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client")
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// Flags for this topic, with some more.
    pub(crate) fn flags(&self, more: &[&str]) -> Vec<String> {
        let mut flags = Vec::new();
        for side in ["producer", "consumer"] {
            flags.push(format!("--kafka.{side}.brokers={}", self.brokers));
            flags.push(format!("--kafka.{side}.topic={}", self.name));
        }
        flags.extend(more.iter().map(|flag| (*flag).to_owned()));
        flags
    }

    pub(crate) fn write_by(&self, more: &[&str]) -> KafkaWriter {
        KafkaWriter::open(&settings(&self.flags(more)).0).expect("the settings work")
    }

    pub(crate) fn read_by(&self, group: &str, more: &[&str]) -> KafkaReader {
        let mut settings = settings(&self.flags(more)).1;
        settings.group_id = group.to_owned();
        KafkaReader::open(&settings).expect("the settings work")
    }

    pub(crate) fn browse_as(&self, group: &str) -> KafkaBrowser {
        let mut settings = settings(&self.flags(&[])).1;
        settings.group_id = group.to_owned();
        KafkaBrowser::open(&settings).expect("the settings work")
    }

    pub(crate) async fn raise(&self, count: usize) {
        let wanted = NewPartitions::new(&self.name, count);
        let raised = self.admin().create_partitions([&wanted], &AdminOptions::new()).await;
        raised.expect("the broker makes partitions")[0].as_ref().expect("the partitions are made");
    }

    /// What the group of that name in a claim is called in the broker.
    pub(crate) fn group(&self, name: &str) -> String {
        format!("{}-{}", self.name, name.replace(' ', "-"))
    }
}

#[async_trait]
impl BrowserFixture for Topic {
    async fn browser(&self) -> Box<dyn TopicBrowser> {
        Box::new(self.browse_as(&self.group("watched")))
    }
}

#[async_trait]
impl Fixture for Topic {
    async fn writer(&self) -> Box<dyn TopicWriter> {
        Box::new(self.write_by(&["--kafka.producer.max-message-bytes=100000"]))
    }

    async fn reader(&self, wish: Wish) -> Box<dyn TopicReader> {
        let mut settings = settings(&self.flags(&[])).1;
        settings.group_id = self.group(wish.group);
        settings.initial_offset = match wish.start {
            Start::Earliest => spoor_topic_kafka::config::InitialOffset::Earliest,
            Start::Latest => spoor_topic_kafka::config::InitialOffset::Latest,
        };
        settings.release_timeout = wish.release_timeout;
        settings.max_records_in_flight = u32::try_from(wish.bounds.records).expect("a count");
        settings.max_bytes_in_flight.0 = wish.bounds.bytes as u64;
        settings.refresh = Duration::from_secs(1);
        Box::new(KafkaReader::open(&settings).expect("the settings work"))
    }

    async fn committed(&self, group: &str, partition: i32) -> Option<i64> {
        let mut config = self.client();
        config.set("group.id", self.group(group));
        let name = self.name.clone();
        let ask = move || {
            let consumer: BaseConsumer = config.create().expect("a consumer");
            let mut list = TopicPartitionList::new();
            list.add_partition(&name, partition);
            let committed = consumer.committed_offsets(list, PATIENCE).expect("the broker knows offsets");
            match committed.elements()[0].offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            }
        };
        tokio::task::spawn_blocking(ask).await.expect("asking does not fail")
    }

    async fn raise_partitions(&self, count: usize) {
        self.raise(count).await;
    }

    async fn trim(&self, place: Place) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, place.partition, Offset::Offset(place.offset))
            .expect("the offset is one");
        let trimmed = self.admin().delete_records(&list, &AdminOptions::new()).await;
        let trimmed = trimmed.expect("the broker takes records away");
        trimmed.elements()[0].error().expect("the records are taken away");
    }

    /// A transaction that is given up leaves its marker, and the record that nobody is to read.
    async fn leave_gap(&self, partition: i32) {
        let mut config = self.client();
        config.set("transactional.id", fresh_name("gap"));
        let name = self.name.clone();
        let give_up = move || {
            let producer: BaseProducer = config.create().expect("a producer");
            producer.init_transactions(PATIENCE).expect("transactions begin");
            producer.begin_transaction().expect("a transaction begins");
            let record: BaseRecord<'_, str, str> =
                BaseRecord::to(&name).partition(partition).payload("nobody");
            producer.send(record).map_err(|(error, _)| error).expect("the record is taken");
            producer.flush(PATIENCE).expect("the record reaches the log");
            producer.abort_transaction(PATIENCE).expect("the transaction is given up");
        };
        tokio::task::spawn_blocking(give_up).await.expect("giving up does not fail");
    }
}

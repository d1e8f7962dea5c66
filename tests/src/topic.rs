//! A topic asked at the broker itself, past our own reader and writer: what a story puts into it and finds in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use spoor_load::SpanKey;
use spoor_model::TraceId;
use spoor_proto::record::{Encoding, RecordsDecoder};
use spoor_topic::partition_of_key;

use crate::eventually;

/// How long a broker may take for an answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A topic of a broker's.
#[derive(Debug, Clone)]
pub struct Topic {
    brokers: String,
    name: String,
    /// The numbers of partitions that it has had; the last one counts.
    partitions: Vec<i32>,
}

/// A record as it lies in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The partition that it lies in.
    pub partition: i32,
    /// Its key; empty when it has none.
    pub key: Vec<u8>,
    /// Its content; empty when it has none.
    pub payload: Vec<u8>,
}

/// What the records of a topic hold.
#[derive(Debug, Default)]
pub struct StoredSpans {
    /// How often each span is there: a topic keeps what is written twice.
    pub copies: BTreeMap<SpanKey, usize>,
    /// The number of records.
    pub records: usize,
    /// Bytes of their keys and payloads.
    pub bytes: usize,
}

impl Topic {
    /// Makes a topic of so many partitions.
    ///
    /// # Errors
    /// When the broker does not.
    pub async fn create(brokers: &str, name: &str, partitions: i32) -> Result<Self> {
        let topic = Self { brokers: brokers.to_owned(), name: name.to_owned(), partitions: vec![partitions] };
        let wanted = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for made in topic.admin()?.create_topics([&wanted], &options()).await.context("make a topic")? {
            made.map_err(|(name, code)| anyhow::anyhow!("make topic {name}: {code}"))?;
        }
        Ok(topic)
    }

    /// Gives it more partitions, while it is in use. A broker that is away, or goes away meanwhile, is waited for.
    ///
    /// # Errors
    /// When the broker does not.
    pub async fn raise_partitions(&mut self, count: i32) -> Result<()> {
        let wanted = NewPartitions::new(&self.name, usize::try_from(count)?);
        eventually("the topic gets more partitions", PATIENCE, || async {
            for raised in
                self.admin()?.create_partitions([&wanted], &options()).await.context("make partitions")?
            {
                match raised {
                    // It has them: a broker that went away made them, and did not come to say so.
                    Ok(_) | Err((_, RDKafkaErrorCode::InvalidPartitions)) => {}
                    Err((name, code)) => bail!("make partitions of {name}: {code}"),
                }
            }
            Ok(())
        })
        .await?;
        self.partitions.push(count);
        Ok(())
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> i32 {
        self.partitions.last().copied().unwrap_or_default()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Flags of a collector that writes to it.
    #[must_use]
    pub fn producer_flags(&self) -> Vec<String> {
        vec![
            "--span-storage.type=kafka".to_owned(),
            format!("--kafka.producer.brokers={}", self.brokers),
            format!("--kafka.producer.topic={}", self.name),
        ]
    }

    /// Flags of whoever looks at it.
    #[must_use]
    pub fn connection_flags(&self) -> [String; 2] {
        [
            format!("--kafka.consumer.brokers={}", self.brokers),
            format!("--kafka.consumer.topic={}", self.name),
        ]
    }

    /// Flags of an ingester that reads it, and whose group notices soon that a member is dead.
    #[must_use]
    pub fn consumer_flags(&self) -> Vec<String> {
        let [brokers, name] = self.connection_flags();
        vec![
            brokers,
            name,
            "--kafka.consumer.session-timeout=6s".to_owned(),
            "--kafka.consumer.metadata-refresh-interval=2s".to_owned(),
        ]
    }

    /// Writes records without a key, as they are; answers their partitions and offsets.
    ///
    /// # Errors
    /// When the broker does not take one.
    pub async fn put(&self, payloads: &[Option<Vec<u8>>]) -> Result<Vec<(i32, i64)>> {
        let producer: FutureProducer = self
            .client()
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", PATIENCE.as_millis().to_string())
            .create()
            .context("write to the topic")?;
        let mut places = Vec::new();
        for payload in payloads {
            let mut record = FutureRecord::<[u8], [u8]>::to(&self.name);
            if let Some(payload) = payload {
                record = record.payload(payload);
            }
            let delivery = producer.send(record, PATIENCE).await;
            let delivery = delivery.map_err(|(error, _)| error).context("write a record")?;
            places.push((delivery.partition, delivery.offset));
        }
        Ok(places)
    }

    /// All records that it has now, those of a partition in their order.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub async fn records(&self) -> Result<Vec<StoredRecord>> {
        let topic = self.clone();
        tokio::task::spawn_blocking(move || topic.read()).await?
    }

    /// All spans that its records hold now, once each record is found to be as this encoding demands: readable, under the trace's
    /// id as its key, with spans of that trace alone, in a partition where Jaeger would have put it.
    ///
    /// # Errors
    /// When a record is not, or the broker cannot be asked.
    pub async fn spans(&self, encoding: Encoding) -> Result<StoredSpans> {
        let records = self.records().await?;
        let mut decoder = RecordsDecoder::new(Some(encoding));
        for record in &records {
            decoder.push(&record.payload);
        }
        let decoded = decoder.finish()?;
        let mut stored = StoredSpans { records: records.len(), ..StoredSpans::default() };
        for (record, spans) in records.iter().zip(decoded.records) {
            let key = String::from_utf8_lossy(&record.key);
            let spans = spans.with_context(|| format!("read the record of key {key}"))?;
            stored.bytes += record.key.len() + record.payload.len();
            let has_place = |count: &i32| partition_of_key(&record.key, *count) == record.partition;
            ensure!(
                self.partitions.iter().any(has_place),
                "key {key} lies in partition {}",
                record.partition
            );
            let one_each = matches!(encoding, Encoding::Protobuf | Encoding::Json);
            ensure!(!one_each || spans.len() == 1, "{encoding}: a record of {} spans", spans.len());
            for index in spans {
                let span = decoded.batch.span(index).context("a span of the batch")?;
                ensure!(key == key_of(span.trace_id()), "a span of {:?} under key {key}", span.trace_id());
                *stored.copies.entry((span.trace_id(), span.span_id())).or_default() += 1;
            }
        }
        Ok(stored)
    }

    /// How many offsets lie behind what this group has committed, over all partitions, as the broker has it.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub async fn left_by(&self, group: &str) -> Result<i64> {
        let mut config = self.client();
        let consumer: BaseConsumer = config.set("group.id", group).create()?;
        let topic = self.clone();
        let ask = move || {
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&topic.name, 0, topic.partitions() - 1);
            let mut left = 0;
            for element in consumer.committed_offsets(list, PATIENCE).context("ask for offsets")?.elements() {
                let (start, end) = consumer.fetch_watermarks(&topic.name, element.partition(), PATIENCE)?;
                let committed = element.offset().to_raw().filter(|offset| *offset >= 0).unwrap_or(start);
                left += end - committed;
            }
            Ok(left)
        };
        tokio::task::spawn_blocking(ask).await?
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        self.client().create().context("ask the broker")
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    fn read(&self) -> Result<Vec<StoredRecord>> {
        let mut config = self.client();
        config.set("group.id", "harness").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.set("enable.partition.eof", "true").create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions() {
            list.add_partition_offset(&self.name, partition, Offset::Beginning)?;
        }
        consumer.assign(&list).context("read the topic")?;
        let (mut records, mut ended, mut last) = (Vec::new(), BTreeSet::new(), Instant::now());
        while ended.len() < list.count() {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    records.push(stored(&message));
                    last = Instant::now();
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ended.insert(partition);
                }
                // The library goes on trying; whether that helps is told by time.
                Some(Err(_)) | None if last.elapsed() < PATIENCE => {}
                other => bail!("read topic {}: nothing comes of it: {other:?}", self.name),
            }
        }
        Ok(records)
    }
}

impl StoredSpans {
    /// The spans.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<SpanKey> {
        self.copies.keys().copied().collect()
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE))
}

fn stored(message: &BorrowedMessage<'_>) -> StoredRecord {
    let of = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
    StoredRecord { partition: message.partition(), key: of(message.key()), payload: of(message.payload()) }
}

/// The trace's id as Jaeger spells it: without the high half where that is zero.
fn key_of(trace_id: TraceId) -> String {
    match trace_id.high() {
        0 => format!("{:016x}", trace_id.0),
        _ => format!("{:032x}", trace_id.0),
    }
}

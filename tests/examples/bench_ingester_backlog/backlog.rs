//! Very many records of one span each, made from few: each time the spans come round, their traces have other ids.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::record::{EncodedRecord, Encoding, RecordEncoder};
use spoor_tests::traffic::requests;

/// Spans that are generated; enough that no batch of the topic, and no few of them, hold one twice.
const SPANS: u64 = 20_480;
const SPANS_PER_REQUEST: u32 = 512;
/// As a collector has it by default.
const MAX_RECORD_BYTES: usize = 1_000_000;
/// Records that lie in one partition before the next one has its turn.
const TURN: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(60);

/// A record whose trace's id can be exchanged.
struct Model {
    id: [u8; 16],
    payload: Vec<u8>,
    /// Where the id stands in the payload.
    places: Vec<usize>,
}

/// Fills a topic of so many partitions.
///
/// # Errors
/// When the broker does not take a record.
pub(crate) fn write(brokers: &str, topic: &str, partitions: i32, records: u64) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("compression.codec", "zstd")
        .set("compression.level", "1")
        .set("linger.ms", "100")
        .set("queue.buffering.max.messages", "200000")
        .create()
        .context("write to the topic")?;
    let mut models = models()?;
    for (number, round) in (0..records).zip(0..) {
        let count = models.len() as u64;
        let index = usize::try_from(number % count)?;
        let partition = i32::try_from(number / TURN % u64::from(partitions.unsigned_abs()))?;
        let model = models.get_mut(index).context("a model")?;
        let key = model.renew(round / count);
        let record = BaseRecord::to(topic).partition(partition).key(&key).payload(&model.payload);
        put(&producer, record)?;
    }
    producer.flush(PATIENCE).context("write the last records")?;
    let mut written = 0;
    for partition in 0..partitions {
        let edges = producer.client().fetch_watermarks(topic, partition, PATIENCE);
        let (first, end) = edges.context("ask where the topic ends")?;
        written += end.abs_diff(first);
    }
    ensure!(written == records, "{written} of {records} records are in the topic");
    Ok(())
}

/// The library's queue is bounded.
fn put(producer: &BaseProducer, mut record: BaseRecord<'_, String, Vec<u8>>) -> Result<()> {
    loop {
        match producer.send(record) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                record = refused;
                producer.poll(Duration::from_millis(100));
            }
            Err((error, _)) => return Err(error).context("write a record"),
        }
    }
    producer.poll(Duration::ZERO);
    Ok(())
}

fn models() -> Result<Vec<Model>> {
    let encoder = RecordEncoder::new(Encoding::Protobuf, MAX_RECORD_BYTES)?;
    let mut models = Vec::new();
    for request in requests(1, SPANS, SPANS_PER_REQUEST) {
        let batch = decode_export_request(request.body)?;
        for record in encoder.encode(&batch).records {
            models.push(Model::of(&record)?);
        }
    }
    Ok(models)
}

impl Model {
    fn of(record: &EncodedRecord) -> Result<Self> {
        let id = u128::from_str_radix(std::str::from_utf8(&record.key)?, 16)?.to_be_bytes();
        let payload = record.value.to_vec();
        let is_id = |(place, bytes): (usize, &[u8])| (bytes == id).then_some(place);
        let places: Vec<usize> = payload.windows(id.len()).enumerate().filter_map(is_id).collect();
        ensure!(!places.is_empty(), "a record holds its trace's id");
        Ok(Self { id, payload, places })
    }

    /// Gives it the id of this round; answers its key.
    fn renew(&mut self, round: u64) -> String {
        let id = u128::from_be_bytes(self.id) ^ (u128::from(round) << 64);
        for &place in &self.places {
            if let Some(bytes) = self.payload.get_mut(place..place + self.id.len()) {
                bytes.copy_from_slice(&id.to_be_bytes());
            }
        }
        format!("{id:032x}")
    }
}

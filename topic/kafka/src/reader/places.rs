//! Where reading begins: asked of the brokers at each assignment, so that it is known and not the library's guess.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};
use spoor_topic::Start;

use super::context::ReaderContext;

/// How long the brokers may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where one partition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beginning {
    pub(super) start: i64,
    pub(super) committed: Option<i64>,
}

/// Where each of these partitions begins: behind what the group has committed, else where new groups do.
pub(super) fn beginnings(
    consumer: &BaseConsumer<ReaderContext>,
    topic: &str,
    partitions: &[i32],
    new_group: Start,
) -> KafkaResult<BTreeMap<i32, Beginning>> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for &partition in partitions {
        list.add_partition(topic, partition);
    }
    let mut beginnings = BTreeMap::new();
    for element in consumer.committed_offsets(list, PATIENCE)?.elements() {
        element.error()?;
        let committed = match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        let start = match committed {
            Some(offset) => offset,
            None => edge(consumer, topic, element.partition(), new_group)?,
        };
        beginnings.insert(element.partition(), Beginning { start, committed });
    }
    Ok(beginnings)
}

fn edge(
    consumer: &BaseConsumer<ReaderContext>,
    topic: &str,
    partition: i32,
    start: Start,
) -> KafkaResult<i64> {
    let (low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
    Ok(match start {
        Start::Earliest => low,
        Start::Latest => high,
    })
}

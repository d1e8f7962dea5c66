//! Where reading begins: asked of the brokers at each assignment, so that it is known and not the library's guess.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use spoor_topic::Start;

use super::context::ReaderContext;

/// How long the brokers may take to answer one question, of which there are two. Meanwhile nothing else is read; what was not answered
/// is asked again.
const PATIENCE: Duration = Duration::from_secs(2);

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
    let mut without = Vec::new();
    for element in consumer.committed_offsets(list, PATIENCE)?.elements() {
        element.error()?;
        match element.offset() {
            Offset::Offset(start) => {
                beginnings.insert(element.partition(), Beginning { start, committed: Some(start) });
            }
            _ => without.push(element.partition()),
        }
    }
    for (partition, start) in edges(consumer, topic, &without, new_group)? {
        beginnings.insert(partition, Beginning { start, committed: None });
    }
    Ok(beginnings)
}

/// Where each of these partitions ends now.
pub(super) fn ends(
    consumer: &BaseConsumer<ReaderContext>,
    topic: &str,
    partitions: &[i32],
) -> KafkaResult<Vec<(i32, i64)>> {
    edges(consumer, topic, partitions, Start::Latest)
}

/// Asked of all partitions at once, by what stands for a time there.
fn edges(
    consumer: &BaseConsumer<ReaderContext>,
    topic: &str,
    partitions: &[i32],
    start: Start,
) -> KafkaResult<Vec<(i32, i64)>> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let edge = match start {
        Start::Earliest => Offset::Beginning,
        Start::Latest => Offset::End,
    };
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for &partition in partitions {
        list.add_partition_offset(topic, partition, edge)?;
    }
    let answer = consumer.offsets_for_times(list, PATIENCE)?;
    let place = |element: &TopicPartitionListElem<'_>| {
        element.error()?;
        match element.offset() {
            Offset::Offset(offset) => Ok((element.partition(), offset)),
            _ => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::OffsetNotAvailable)),
        }
    };
    answer.elements().iter().map(place).collect()
}

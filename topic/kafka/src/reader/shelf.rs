//! The partitions in our hands, each with a queue of its own: what is not taken from it stays there and holds the fetching back, while
//! the membership is kept by other means.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use spoor_topic::{Event, Held, Place, Record, Room};

use super::context::{ReaderContext, is_cooperative};
use super::desk::{Desk, State};
use super::places::Beginning;
use crate::contents;
use crate::reason::what_to_do;

type Consumer = Arc<BaseConsumer<ReaderContext>>;

/// The most records taken of one partition before the next one has its turn.
const TURN: usize = 500;
/// What a record is taken to cost beside its contents.
const RECORD_COST: usize = 200;
/// A piece of memory that records' contents share.
const ARENA: usize = 64 << 10;
/// How long seeks and questions to the brokers may take in one turn of all partitions; what is left is done in the next one.
const PATIENCE: Duration = Duration::from_secs(2);
/// The library's statistics may tell of the holding before for as long (they are renewed every second).
const STATISTICS_SETTLE: Duration = Duration::from_secs(5);

/// Whether there is more to read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    More,
    Nothing,
}

pub(super) struct Shelf {
    topic: String,
    slots: BTreeMap<i32, Slot>,
    /// Records' contents are cut from it, so that each does not cost an allocation.
    arena: BytesMut,
}

struct Slot {
    queue: PartitionQueue<ReaderContext>,
    /// The next offset that the queue may bring.
    at: i64,
    since: Instant,
    /// The queue has told of the end since it was last sent anywhere.
    saw_end: bool,
    /// The place where we read is not there any more, and no other one is found yet.
    is_lost: bool,
}

/// What a turn of one partition came to.
enum Turn {
    Read {
        more: bool,
    },
    /// The place where we read is not there any more.
    OutOfRange,
    Failed(RDKafkaErrorCode),
}

impl Shelf {
    pub(super) fn new(topic: &str) -> Self {
        Self { topic: topic.to_owned(), slots: BTreeMap::new(), arena: BytesMut::with_capacity(ARENA) }
    }

    pub(super) fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for &partition in partitions {
            list.add_partition(&self.topic, partition);
        }
        list
    }

    pub(super) fn remove(&mut self, partitions: &[i32]) {
        self.slots.retain(|partition, _| !partitions.contains(partition));
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Takes the partitions over, from these places on.
    pub(super) fn assign(
        &mut self,
        consumer: &Consumer,
        desk: &Arc<Desk>,
        beginnings: &BTreeMap<i32, Beginning>,
    ) -> KafkaResult<Vec<Held>> {
        let mut list = TopicPartitionList::with_capacity(beginnings.len());
        for (&partition, beginning) in beginnings {
            list.add_partition_offset(&self.topic, partition, Offset::Offset(beginning.start))?;
            // Before the assignment: whatever is fetched comes by this queue.
            let queue = consumer.split_partition_queue(&self.topic, partition);
            let mut queue = queue.ok_or(KafkaError::Subscription(format!("partition {partition}")))?;
            let waker = Arc::clone(desk);
            queue.set_nonempty_callback(move || waker.wake());
            let slot =
                Slot { queue, at: beginning.start, since: Instant::now(), saw_end: false, is_lost: false };
            self.slots.insert(partition, slot);
        }
        if is_cooperative(consumer) {
            consumer.incremental_assign(&list)?;
        } else {
            consumer.assign(&list)?;
        }
        let mut state = desk.lock();
        let hold = |(&partition, beginning): (&i32, &Beginning)| {
            state.book.hold(partition, beginning.start, beginning.committed)
        };
        Ok(beginnings.iter().map(hold).collect())
    }

    /// Takes records from the queues and hands them to the role, as far as there is room. Unless the group is `settled`, partitions come
    /// or go, and giving one up to have it anew would be taken for an answer to that.
    pub(super) fn read(&mut self, consumer: &Consumer, desk: &Desk, settled: bool) -> Outcome {
        let limit = Instant::now() + PATIENCE;
        self.read_again(consumer, desk, limit);
        let mut outcome = Outcome::Nothing;
        let kept = desk.lock().book.kept();
        for (&partition, slot) in &mut self.slots {
            let mut records = Vec::new();
            let turn = {
                let mut state = desk.lock();
                let room = state.book.room_for(partition, kept);
                take_turn(partition, room, slot, &mut state, &mut self.arena, &mut records)
            };
            if !records.is_empty() {
                desk.health.is_up();
                desk.deliver(records);
            }
            match turn {
                Turn::Read { more: true } => outcome = Outcome::More,
                Turn::Read { more: false } => {}
                Turn::OutOfRange => slot.is_lost = true,
                Turn::Failed(code) => {
                    desk.health.is_down(&format!("partition {partition}: {}", what_to_do(code)));
                }
            }
        }
        let lost = self.slots.iter().filter(|(_, slot)| settled && slot.is_lost);
        for partition in lost.map(|(&partition, _)| partition).collect::<Vec<_>>() {
            self.find_again(consumer, desk, partition, limit);
        }
        outcome
    }

    /// Whether a place is gone for which no other one is found yet.
    #[cfg(test)]
    pub(super) fn has_lost(&self) -> bool {
        self.slots.values().any(|slot| slot.is_lost)
    }

    /// Goes back to what was given back.
    fn read_again(&mut self, consumer: &Consumer, desk: &Desk, limit: Instant) {
        let places = desk.lock().book.given_back();
        for place in places {
            let slot = self.slots.get_mut(&place.partition);
            let Some(slot) = slot.filter(|slot| place.offset < slot.at && !slot.is_lost) else { continue };
            let patience = limit.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                return;
            }
            match consumer.seek(&self.topic, place.partition, Offset::Offset(place.offset), patience) {
                Ok(()) => {
                    slot.at = place.offset;
                    slot.saw_end = false;
                }
                // A partition whose fetching has just begun cannot go back yet.
                Err(error) => tracing::debug!("read partition {} again: {error}", place.partition),
            }
        }
    }

    /// Retention was faster than the group, or the topic has been made anew: goes on at the oldest record there is, and tells.
    fn find_again(&mut self, consumer: &Consumer, desk: &Desk, partition: i32, limit: Instant) {
        let patience = limit.saturating_duration_since(Instant::now());
        if patience.is_zero() || !desk.lock().book.is_open(partition) {
            return;
        }
        let Some(was) = self.slots.get(&partition).map(|slot| slot.at) else { return };
        let (low, high) = match consumer.fetch_watermarks(&self.topic, partition, patience) {
            Ok(edges) => edges,
            Err(error) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
                desk.health.is_down(&format!("ask where partition {partition} begins: {}", what_to_do(code)));
                return;
            }
        };
        // Wherever a new group is to begin: this one has begun, and skips nothing.
        if let Err(error) = self.begin_again(consumer, partition, low) {
            tracing::warn!("go to offset {low} of partition {partition}: {error}");
            return;
        }
        let mut state = desk.lock();
        if was < low {
            tracing::error!(
                "partition {partition}: records {was} to {} are gone before they were read: the topic's retention is shorter than \
                 the group's delay",
                low - 1
            );
            state.skipped_offsets += low.abs_diff(was);
            state.book.pass_by(Place { partition, offset: was }, low);
            state.book.pass_to(Place { partition, offset: low });
            return;
        }
        tracing::error!(
            "partition {partition} ends at {high}, before {was} where the group stands: the topic was made anew or lost records; \
             reading goes on at {low}"
        );
        let old = state.book.release(partition);
        let held = state.book.hold(partition, low, None);
        drop(state);
        if let Some(old) = old {
            desk.tell(Event::Released { partitions: vec![old], lost: true });
        }
        desk.tell(Event::Assigned(vec![held]));
    }

    /// Of these partitions with their ends: those that may bring records now, each with the next offset that it may bring and its end.
    pub(super) fn standing(&self, desk: &Desk, ends: &[(i32, i64)]) -> Vec<(i32, i64, i64)> {
        let state = desk.lock();
        let kept = state.book.kept();
        let has_room = |partition| state.book.is_within(state.book.room_for(partition, kept));
        let open =
            ends.iter().filter(|(partition, _)| state.book.is_open(*partition) && has_room(*partition));
        let at = |&(partition, end): &(i32, i64)| {
            let slot = self.slots.get(&partition).filter(|slot| !slot.is_lost)?;
            Some((partition, slot.at, end))
        };
        open.filter_map(at).collect()
    }

    /// Nothing comes from this partition although it has records: its reading begins again where it stands.
    pub(super) fn take_anew(&mut self, consumer: &Consumer, desk: &Desk, partition: i32) {
        let Some(at) = self.slots.get(&partition).map(|slot| slot.at) else { return };
        desk.lock().stalls += 1;
        tracing::warn!(
            "partition {partition}: no record came from offset {at} on although there are some; it is taken anew"
        );
        if let Err(error) = self.begin_again(consumer, partition, at) {
            tracing::warn!("take partition {partition} anew at offset {at}: {error}; it is tried again");
        }
    }

    /// The library has ended its reading of a partition whose place is gone, and takes no seek there any more: it is given the
    /// partition anew, in the way of the group. Where partitions come all together, all of them go on where they are.
    fn begin_again(&mut self, consumer: &Consumer, partition: i32, offset: i64) -> KafkaResult<()> {
        let Some(slot) = self.slots.get_mut(&partition) else { return Ok(()) };
        slot.at = offset;
        slot.saw_end = false;
        let mut list = TopicPartitionList::with_capacity(self.slots.len());
        if is_cooperative(consumer) {
            // It is not there any more when giving it anew had failed.
            if let Err(error) = consumer.incremental_unassign(&self.list(&[partition])) {
                tracing::debug!("give up partition {partition} to begin again: {error}");
            }
            list.add_partition_offset(&self.topic, partition, Offset::Offset(offset))?;
            consumer.incremental_assign(&list)?;
        } else {
            for (&partition, slot) in &self.slots {
                list.add_partition_offset(&self.topic, partition, Offset::Offset(slot.at))?;
            }
            consumer.assign(&list)?;
        }
        if let Some(slot) = self.slots.get_mut(&partition) {
            slot.is_lost = false;
        }
        Ok(())
    }

    /// What the library's statistics say about the partitions' ends.
    pub(super) fn note(&mut self, statistics: &Statistics, desk: &Desk) {
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        let mut state = desk.lock();
        for (&partition, slot) in &mut self.slots {
            let Some(seen) = topic.partitions.get(&partition) else { continue };
            if seen.hi_offset >= 0 {
                state.book.raise_end(partition, seen.hi_offset);
            }
            // With an empty queue everything before the end was taken: what lies between are gaps. The queue is emptied by this
            // thread alone, so that what is said of it was true for us, too.
            let is_ours = slot.saw_end && slot.since.elapsed() > STATISTICS_SETTLE;
            if is_ours && seen.fetchq_cnt == 0 && seen.eof_offset >= 0 {
                state.book.pass_by(Place { partition, offset: slot.at }, seen.eof_offset);
                state.book.pass_to(Place { partition, offset: seen.eof_offset });
                slot.at = slot.at.max(seen.eof_offset);
            }
        }
    }
}

fn take_turn(
    partition: i32,
    room: Room,
    slot: &mut Slot,
    state: &mut State,
    arena: &mut BytesMut,
    records: &mut Vec<Record>,
) -> Turn {
    while records.len() < TURN {
        if !state.book.is_within(room) || !state.book.is_open(partition) {
            return Turn::Read { more: false };
        }
        match slot.queue.poll(Duration::ZERO) {
            None => return Turn::Read { more: false },
            Some(Ok(message)) => {
                let place = Place { partition, offset: message.offset() };
                state.book.pass_by(Place { partition, offset: slot.at }, place.offset);
                slot.at = place.offset + 1;
                let written = contents::written(&message);
                if let Some(claim) = state.book.take(place, RECORD_COST + contents::size(&message), written) {
                    let record = Record {
                        claim,
                        timestamp: written,
                        key: message.key().map(|key| contents::copy(arena, key)),
                        payload: message.payload().map(|payload| contents::copy(arena, payload)),
                        headers: contents::headers(&message, arena),
                    };
                    records.push(record);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => slot.saw_end = true,
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                    return Turn::OutOfRange;
                }
                code => return Turn::Failed(code.unwrap_or(RDKafkaErrorCode::Unknown)),
            },
        }
    }
    Turn::Read { more: true }
}

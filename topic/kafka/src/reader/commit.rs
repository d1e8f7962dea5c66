//! Commits: what the book says is settled, at an interval and before a partition goes.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use spoor_topic::{Held, ReadError};

use super::context::Committed;
use super::worker::Worker;

/// How often what is settled is handed to the library.
const STORING: Duration = Duration::from_millis(50);
/// How long the brokers may take for the commit before partitions go. The group waits for that; what is not committed in time is read
/// again.
const PATIENCE: Duration = Duration::from_secs(4);

impl Worker {
    /// Hands what is settled to the library, which commits it at the interval. It is asked to do so by itself because that is the way
    /// in which it tells what came of it: of a commit that we send, it tells nothing.
    pub(super) fn store_settled(&mut self) {
        if self.last_stored.elapsed() < STORING {
            return;
        }
        self.last_stored = Instant::now();
        let offsets = self.desk.lock().book.to_commit();
        if offsets.is_empty() {
            return;
        }
        if let Err(error) = self.consumer.store_offsets(&self.list_of(&offsets)) {
            // A partition that is just being taken away.
            tracing::debug!("note what was stored of topic {}: {error}", self.topic);
        }
    }

    /// Commits what is settled of these partitions and waits for the answer, but not for long.
    pub(super) fn commit_now(&mut self, held: &[Held]) -> Result<(), ReadError> {
        let mut offsets = self.desk.lock().book.to_commit();
        offsets.retain(|(candidate, _)| held.contains(candidate));
        if offsets.is_empty() {
            return Ok(());
        }
        let failed = |problem: String| ReadError { attempted: "commit what was stored".to_owned(), problem };
        self.desk.health.reachable().map_err(|down| failed(down.reason.to_string()))?;
        let list = self.list_of(&offsets);
        // Or the library would commit what it was handed before once more, and behind this, when the partition goes.
        if let Err(error) = self.consumer.store_offsets(&list) {
            tracing::debug!("note what was stored of topic {}: {error}", self.topic);
        }
        if let Err(problem) = self.commit_in_time(list) {
            self.failed_to_commit(offsets.iter().map(|(held, _)| held.partition), &problem);
            return Err(failed(problem));
        }
        self.commits_fail = false;
        let mut state = self.desk.lock();
        for (held, offset) in offsets {
            state.commits.entry(held.partition).or_default().succeeded += 1;
            state.book.committed(held, offset);
        }
        Ok(())
    }

    /// The library waits for brokers that have fallen silent until a connection is given up, and then for the next one. A thread of
    /// its own does so, and is left alone when the time is up: what it may still commit is settled, whenever that is.
    fn commit_in_time(&self, list: TopicPartitionList) -> Result<(), String> {
        let (answer, answered) = mpsc::channel();
        let consumer = Arc::clone(&self.consumer);
        let commit = move || {
            let outcome = consumer.commit(&list, CommitMode::Sync);
            // Before the answer: whoever waits for it may be about to close the consumer, as the last who has it.
            drop(consumer);
            if let Err(mpsc::SendError(late)) = answer.send(outcome) {
                tracing::debug!("a commit that nobody waits for any more was answered: {late:?}");
            }
        };
        let spawned = thread::Builder::new().name("kafka-commit".to_owned()).spawn(commit);
        spawned.map_err(|error| format!("no thread for it: {error}"))?;
        match answered.recv_timeout(PATIENCE) {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(RecvTimeoutError::Timeout) => Err(format!("the brokers did not answer within {PATIENCE:?}")),
            Err(RecvTimeoutError::Disconnected) => Err("its thread broke".to_owned()),
        }
    }

    pub(super) fn note_commit(&mut self, committed: &Committed) {
        match &committed.result {
            // The interval is over, and there was nothing new.
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                let is_no_member =
                    matches!(error, KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId));
                self.membership.answered(is_no_member);
                self.failed_to_commit(committed.partitions.iter().copied(), &error.to_string());
            }
            Ok(()) => {
                self.membership.answered(false);
                self.commits_fail = false;
                let mut state = self.desk.lock();
                let held = state.book.held();
                for (partition, offset) in &committed.offsets {
                    state.commits.entry(*partition).or_default().succeeded += 1;
                    if let Some(held) = held.iter().find(|held| held.partition == *partition) {
                        state.book.committed(*held, *offset);
                    }
                }
            }
        }
    }

    /// Told once for all that fail in a row.
    fn failed_to_commit(&mut self, partitions: impl Iterator<Item = i32>, problem: &str) {
        let mut state = self.desk.lock();
        for partition in partitions {
            state.commits.entry(partition).or_default().failed += 1;
        }
        drop(state);
        let what = format!("commit what was stored of topic {}: {problem}; it is tried again", self.topic);
        if std::mem::replace(&mut self.commits_fail, true) {
            tracing::debug!("{what}");
        } else {
            tracing::warn!("{what}");
        }
    }

    fn list_of(&self, offsets: &[(Held, i64)]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (held, offset) in offsets {
            if let Err(error) =
                list.add_partition_offset(&self.topic, held.partition, Offset::Offset(*offset))
            {
                tracing::error!("commit offset {offset} of partition {}: {error}", held.partition);
            }
        }
        list
    }
}

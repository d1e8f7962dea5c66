//! Commits: what the book says is settled, at an interval and before a partition goes.

use std::time::Instant;

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use spoor_topic::{Held, ReadError};

use super::context::Committed;
use super::worker::Worker;

impl Worker {
    /// Sends what is settled since the last commit, without waiting for the answer.
    pub(super) fn commit_when_due(&mut self) {
        if self.last_commit.elapsed() < self.commit_interval || self.is_commit_under_way() {
            return;
        }
        self.last_commit = Instant::now();
        let offsets = self.desk.lock().book.to_commit();
        if offsets.is_empty() {
            return;
        }
        match self.consumer.commit(&self.list_of(&offsets), CommitMode::Async) {
            Ok(()) => self.commit_sent = Some(Instant::now()),
            Err(error) => self.failed_to_commit(&error.to_string()),
        }
    }

    /// Commits what is settled of these partitions and waits for the answer.
    pub(super) fn commit_now(&mut self, held: &[Held]) -> Result<(), ReadError> {
        let mut offsets = self.desk.lock().book.to_commit();
        offsets.retain(|(candidate, _)| held.contains(candidate));
        if offsets.is_empty() {
            return Ok(());
        }
        let failed = |problem: String| ReadError { attempted: "commit what was stored".to_owned(), problem };
        self.desk.health.reachable().map_err(|down| failed(down.reason.to_string()))?;
        let list = self.list_of(&offsets);
        if let Err(error) = self.consumer.commit(&list, CommitMode::Sync) {
            self.failed_to_commit(&error.to_string());
            return Err(failed(error.to_string()));
        }
        let mut state = self.desk.lock();
        state.commits += 1;
        for (held, offset) in offsets {
            state.book.committed(held, offset);
        }
        Ok(())
    }

    pub(super) fn note_commit(&mut self, committed: &Committed) {
        self.commit_sent = None;
        match &committed.result {
            Err(error) => self.failed_to_commit(&error.to_string()),
            Ok(()) => {
                let mut state = self.desk.lock();
                state.commits += 1;
                let held = state.book.held();
                for (partition, offset) in &committed.offsets {
                    if let Some(held) = held.iter().find(|held| held.partition == *partition) {
                        state.book.committed(*held, *offset);
                    }
                }
            }
        }
    }

    fn failed_to_commit(&self, problem: &str) {
        self.desk.lock().failed_commits += 1;
        tracing::warn!("commit what was stored of topic {}: {problem}; it is tried again", self.topic);
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

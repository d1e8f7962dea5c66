//! The contract suite on the topic in memory.

use async_trait::async_trait;
use spoor_topic::conformance::{Fixture, Wish};
use spoor_topic::memory::{Membership, MemoryTopic};
use spoor_topic::{TopicReader, TopicWriter};

struct Memory(MemoryTopic);

#[async_trait]
impl Fixture for Memory {
    async fn writer(&self) -> Box<dyn TopicWriter> {
        Box::new(self.0.clone())
    }

    async fn reader(&self, wish: Wish) -> Box<dyn TopicReader> {
        let Wish { group, start, bounds, release_timeout } = wish;
        Box::new(self.0.reader(Membership { group: group.to_owned(), start, bounds, release_timeout }))
    }

    async fn committed(&self, group: &str, partition: i32) -> Option<i64> {
        self.0.committed(group, partition)
    }

    async fn raise_partitions(&self, count: usize) {
        let now = usize::try_from(self.0.partitions()).expect("a count");
        self.0.add_partitions(count - now);
    }

    async fn leave_gap(&self, partition: i32) {
        self.0.skip_offset(partition);
    }
}

async fn fresh() -> Memory {
    Memory(MemoryTopic::with_record_limit(3, 100_000))
}

spoor_topic::conformance_tests!(fresh);

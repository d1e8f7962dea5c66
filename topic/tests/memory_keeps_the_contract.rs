//! The contract suite on the topic in memory.

use async_trait::async_trait;
use spoor_topic::conformance::{BrowserFixture, Fixture, Wish, soon, unkeyed, write_all};
use spoor_topic::memory::{Membership, MemoryTopic};
use spoor_topic::{Extent, PageBounds, Place, TopicBrowser, TopicReader, TopicWriter};

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

    async fn trim(&self, place: Place) {
        self.0.trim(place);
    }
}

#[async_trait]
impl BrowserFixture for Memory {
    async fn browser(&self) -> Box<dyn TopicBrowser> {
        Box::new(self.0.clone())
    }
}

async fn fresh() -> Memory {
    Memory(MemoryTopic::with_record_limit(3, 100_000))
}

spoor_topic::conformance_tests!(fresh);
spoor_topic::browser_conformance_tests!(fresh);

#[tokio::test]
async fn a_topic_that_is_down_cannot_be_looked_at() {
    let topic = MemoryTopic::new(1);
    topic.go_down("nobody is at home");
    let error = topic.extents(soon()).await.expect_err("it is down").to_string();
    assert!(error.contains("nobody is at home"), "{error}");
    assert!(topic.read(0, 0, PageBounds::default(), soon()).await.is_err());
    topic.come_back();
    assert_eq!(topic.extents(soon()).await, Ok(vec![Extent { partition: 0, start: 0, end: 0 }]));
}

#[tokio::test]
async fn what_compaction_took_is_on_no_page() {
    let topic = MemoryTopic::new(1);
    write_all(&topic, &["a", "b", "c", "d"].map(unkeyed)).await;
    for offset in [1, 3] {
        topic.remove(Place { partition: 0, offset });
    }
    let bounds = PageBounds { records: 1, ..PageBounds::default() };
    let first = topic.read(0, 0, bounds, soon()).await.expect("it is there");
    assert_eq!((first.records[0].place.offset, first.next), (0, Some(2)));
    let last = topic.read(0, 2, bounds, soon()).await.expect("it is there");
    assert_eq!((last.records[0].place.offset, last.next), (2, None));
}

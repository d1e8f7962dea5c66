//! A topic that the broker compacts: of the records with one key it keeps the newest, and where the others lay no offset has a record.

mod support;

use std::time::{Duration, Instant};

use spoor_topic::conformance::{Fixture as _, Wish, give_back, keyed, read, settle, soon, write_all};
use spoor_topic::{Event, PageBounds, Place, TopicBrowser as _, TopicReader, TopicWriter};
use support::Topic;

/// The records of this key, but for the newest, are what compaction takes.
const TAKEN: &str = "written again and again";
const ROUNDS: usize = 10;

/// Compacts as soon as it can: whatever lies in a segment that is closed, and segments are closed when they are a moment old.
async fn compacted_topic() -> Topic {
    let brokers = xtask::servers::kafka_brokers().expect("a broker");
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("min.compaction.lag.ms", "0"),
    ];
    Topic::make_with(&brokers, &settings).await
}

/// Keys that are put into the same partition as [`TAKEN`], so that records of it lie among others that stay.
async fn neighbors(writer: &dyn TopicWriter) -> (i32, Vec<String>) {
    let partition = write_all(writer, &[keyed(TAKEN, "first")]).await[0].partition;
    let keys: Vec<String> = (0..60).map(|number| format!("stays {number}")).collect();
    let records: Vec<_> = keys.iter().map(|key| keyed(key, "before")).collect();
    let places = write_all(writer, &records).await;
    let together = keys.into_iter().zip(places).filter(|(_, place)| place.partition == partition);
    let keys: Vec<String> = together.map(|(key, _)| key).take(ROUNDS).collect();
    assert_eq!(keys.len(), ROUNDS, "enough keys of 60 are of partition {partition}");
    (partition, keys)
}

/// Writes on, which closes segments, until the record at this place is gone.
async fn until_taken(topic: &Topic, writer: &dyn TopicWriter, place: Place) {
    let browser = topic.browse_as("anybody");
    let (bounds, end) = (PageBounds { records: 1, ..PageBounds::default() }, soon());
    loop {
        write_all(writer, &[keyed(TAKEN, "last")]).await;
        let page = browser.read(place.partition, place.offset, bounds, soon()).await.expect("it can be read");
        if page.records.first().is_none_or(|record| record.place != place) {
            return;
        }
        assert!(Instant::now() < end, "the broker does not compact");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// All that is left in a partition.
async fn left(topic: &Topic, partition: i32) -> Vec<(i64, String)> {
    let (browser, mut from, mut left) = (topic.browse_as("anybody"), Some(0), Vec::new());
    while let Some(offset) = from {
        let page =
            browser.read(partition, offset, PageBounds::default(), soon()).await.expect("it can be read");
        from = page.next;
        left.extend(page.records.into_iter().map(|record| {
            let payload = record.payload.unwrap_or_default();
            (record.place.offset, String::from_utf8_lossy(&payload).into_owned())
        }));
    }
    left
}

/// Neither for a group that comes later nor for a member that was reading, also of what it gave back and nobody can read again.
#[tokio::test(flavor = "multi_thread")]
async fn what_compaction_took_holds_nothing_back() {
    let topic = compacted_topic().await;
    let writer = topic.write_by(&[]);
    let (partition, keys) = neighbors(&writer).await;
    let alternating = keys.iter().flat_map(|key| [keyed(key, "stays"), keyed(TAKEN, "goes")]);
    let places = write_all(&writer, &alternating.collect::<Vec<_>>()).await;
    assert!(places.iter().all(|place| place.partition == partition));

    let early = topic.reader(Wish::of("early")).await;
    let before = read(&*early, 61 + 2 * ROUNDS).await;
    let goes = |offset: i64| places.iter().skip(1).step_by(2).any(|place| place.offset == Some(offset));
    let of_partition = before.claims().into_iter().filter(|claim| claim.place.partition == partition);
    let (unread, stored): (Vec<_>, Vec<_>) = of_partition.partition(|claim| goes(claim.place.offset));
    assert_eq!(unread.len(), ROUNDS);
    settle(&*early, &stored);
    let newest =
        unread.iter().map(|claim| claim.place).max_by_key(|place| place.offset).expect("there are some");
    until_taken(&topic, &writer, newest).await;
    give_back(&*early, &unread);

    let left = left(&topic, partition).await;
    let end = left.last().expect("the newest stays").0 + 1;
    assert!((left.len() as i64) < end, "there are offsets without a record: {left:?}");
    assert_eq!(left.iter().filter(|(_, payload)| payload == "stays").count(), ROUNDS);
    assert!(left.iter().all(|(_, payload)| payload != "goes"), "{left:?}");

    let late = topic.reader(Wish::of("late")).await;
    for (group, reader) in [("early", &early), ("late", &late)] {
        until_committed(&topic, group, &**reader, Place { partition, offset: end }).await;
        assert_eq!(reader.status().skipped_offsets, 0, "{group}: what compaction took is not missed");
    }
}

/// Settles whatever comes until the group has committed so far.
async fn until_committed(topic: &Topic, group: &str, reader: &dyn TopicReader, place: Place) {
    let end = soon();
    while topic.committed(group, place.partition).await != Some(place.offset) {
        assert!(Instant::now() < end, "{group} is held back before {place:?}: {:?}", reader.status());
        let next = tokio::time::timeout(Duration::from_millis(100), reader.next()).await;
        if let Ok(event) = next
            && let Some(Event::Records(records)) = event.expect("the reader goes on")
        {
            settle(reader, &records.iter().map(|record| record.claim).collect::<Vec<_>>());
        }
    }
}

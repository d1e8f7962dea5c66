//! Claims about looking at a topic from outside.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::{BrowserFixture, Wish, alike, read, settle, soon, write_all};
use crate::{Confirmed, Header, KeptRecord, OutgoingRecord, PageBounds, Place, TopicBrowser};

fn offset(confirmed: &Confirmed) -> i64 {
    confirmed.offset.expect("the offset is known")
}

async fn page(browser: &dyn TopicBrowser, partition: i32, from: i64) -> (Vec<KeptRecord>, Option<i64>) {
    let page = browser.read(partition, from, PageBounds::default(), soon()).await;
    let page = page.expect("the partition is read");
    (page.records, page.next)
}

/// Everything in a partition, and how many records each page had.
async fn pages(
    browser: &dyn TopicBrowser,
    partition: i32,
    bounds: PageBounds,
) -> (Vec<KeptRecord>, Vec<usize>) {
    let (mut records, mut lengths) = (Vec::new(), Vec::new());
    let mut from = Some(0);
    while let Some(offset) = from {
        let page = browser.read(partition, offset, bounds, soon()).await.expect("the partition is read");
        assert!(page.next.is_none_or(|next| next > offset), "pages go on: {:?} behind {offset}", page.next);
        lengths.push(page.records.len());
        records.extend(page.records);
        from = page.next;
    }
    (records, lengths)
}

/// What is nothing, what is empty and what repeats are kept apart.
pub async fn a_page_brings_contents_whole(topic: &dyn BrowserFixture) {
    let header = |name: &str, value: Option<&'static [u8]>| Header {
        name: name.to_owned(),
        value: value.map(Bytes::from_static),
    };
    let records = [
        OutgoingRecord {
            key: None,
            payload: None,
            headers: vec![header("a", None), header("a", Some(b"1"))],
        },
        OutgoingRecord { key: Some(Bytes::new()), payload: Some(Bytes::new()), headers: Vec::new() },
        OutgoingRecord {
            key: Some(Bytes::from_static(b"\x00\xff")),
            payload: Some(Bytes::from_static(b"\xfe\x00\n")),
            headers: vec![header("", Some(b"")), header("reason", Some(b"\xff"))],
        },
    ];
    let before = SystemTime::now() - Duration::from_secs(60);
    let confirmed = write_all(&*topic.writer().await, &records).await;
    let browser = topic.browser().await;
    for (record, confirmed) in records.iter().zip(&confirmed) {
        let (found, _) = page(&*browser, confirmed.partition, offset(confirmed)).await;
        let found = &found[0];
        assert_eq!(found.place, Place { partition: confirmed.partition, offset: offset(confirmed) });
        assert_eq!(
            (&found.key, &found.payload, &found.headers),
            (&record.key, &record.payload, &record.headers)
        );
        assert!(found.timestamp.is_some_and(|time| time > before), "{:?}", found.timestamp);
    }
}

/// Of a partition where nothing lies, too.
pub async fn extents_tell_where_each_partition_begins_and_ends(topic: &dyn BrowserFixture) {
    let confirmed = write_all(&*topic.writer().await, &alike(5, 3)).await;
    let written = confirmed[0].partition;
    topic.trim(Place { partition: written, offset: 2 }).await;
    let extents = topic.browser().await.extents(soon()).await.expect("the topic is reached");
    let seen: Vec<_> = extents.iter().map(|extent| (extent.partition, extent.start, extent.end)).collect();
    let expected =
        [0, 1, 2].map(|partition| if partition == written { (partition, 2, 5) } else { (partition, 0, 0) });
    assert_eq!(seen, expected);
}

/// None is lost or comes twice, and each page keeps to its bounds, but for a record that is larger than all of a page.
pub async fn pages_follow_one_another(topic: &dyn BrowserFixture) {
    let writer = topic.writer().await;
    let partition = write_all(&*writer, &alike(25, 100)).await[0].partition;
    write_all(&*writer, &alike(1, 50_000)).await;
    topic.leave_gap(partition).await;
    let behind = write_all(&*writer, &alike(25, 100)).await;
    let browser = topic.browser().await;
    let (all, _) = pages(&*browser, partition, PageBounds::default()).await;
    let offsets: Vec<i64> = all.iter().map(|record| record.place.offset).collect();
    assert!(offsets.is_sorted_by(|one, next| one < next), "by offset: {offsets:?}");
    assert_eq!((offsets.len(), offsets[0], offsets[50]), (51, 0, offset(&behind[24])));

    let (few, lengths) = pages(&*browser, partition, PageBounds { records: 10, bytes: usize::MAX }).await;
    assert_eq!(few, all);
    assert_eq!(lengths, [10, 10, 10, 10, 10, 1]);
    // A key of 7 bytes and a payload of 100: four to a page.
    let (small, lengths) = pages(&*browser, partition, PageBounds { records: 1_000, bytes: 500 }).await;
    assert_eq!(small, all);
    assert_eq!(lengths, [4, 4, 4, 4, 4, 4, 1, 1, 4, 4, 4, 4, 4, 4, 1]);
}

/// Whoever follows the pages does not stop at what retention took meanwhile.
pub async fn a_page_begins_at_the_oldest_record(topic: &dyn BrowserFixture) {
    let partition = write_all(&*topic.writer().await, &alike(10, 3)).await[0].partition;
    topic.trim(Place { partition, offset: 6 }).await;
    let browser = topic.browser().await;
    for from in [-1, 0, 5, 6] {
        let (records, next) = page(&*browser, partition, from).await;
        let offsets: Vec<i64> = records.iter().map(|record| record.place.offset).collect();
        assert_eq!((offsets, next), (vec![6, 7, 8, 9], None), "from {from}");
    }
}

/// A last offset without a record is no reason to wait for one; nor is a place behind the end.
pub async fn the_end_is_told(topic: &dyn BrowserFixture) {
    let writer = topic.writer().await;
    let partition = write_all(&*writer, &alike(3, 3)).await[0].partition;
    topic.leave_gap(partition).await;
    let browser = topic.browser().await;
    let (records, next) = page(&*browser, partition, 0).await;
    assert_eq!((records.len(), next), (3, None));
    let extents = browser.extents(soon()).await.expect("the topic is reached");
    let end = extents.iter().find(|extent| extent.partition == partition).expect("it is there").end;
    assert!(end > 3, "there is a gap: {end}");
    for from in [3, end, end + 1_000] {
        let (records, next) = page(&*browser, partition, from).await;
        assert_eq!((records.len(), next), (0, None), "from {from} of {end}");
    }
    let empty = (0..3).find(|other| *other != partition).expect("there are three");
    let (records, next) = page(&*browser, empty, 0).await;
    assert_eq!((records.len(), next), (0, None));
    write_all(&*writer, &alike(1, 3)).await;
    let (records, next) = page(&*browser, partition, end).await;
    assert_eq!((records.len(), next), (1, None), "what is new is found from there on");
}

/// And what is wrong is named.
pub async fn a_partition_that_is_not_there_is_an_error(topic: &dyn BrowserFixture) {
    write_all(&*topic.writer().await, &alike(1, 3)).await;
    let browser = topic.browser().await;
    for partition in [3, 1_000, -1] {
        let read = browser.read(partition, 0, PageBounds::default(), soon()).await;
        let error = read.expect_err("there is no such partition").to_string();
        assert!(error.contains(&partition.to_string()), "{error}");
    }
}

/// Not an empty page, which would be the end.
pub async fn looking_past_the_deadline_is_an_error(topic: &dyn BrowserFixture) {
    let partition = write_all(&*topic.writer().await, &alike(1, 3)).await[0].partition;
    let browser = topic.browser().await;
    let over = Instant::now();
    assert!(browser.extents(over).await.is_err());
    assert!(browser.read(partition, 0, PageBounds::default(), over).await.is_err());
    let (records, _) = page(&*browser, partition, 0).await;
    assert_eq!(records.len(), 1, "which does no harm to the next look");
}

/// It keeps its partitions and its place, and is brought every record.
pub async fn browsing_changes_nothing_for_a_group_that_reads(topic: &dyn BrowserFixture) {
    let writer = topic.writer().await;
    let partition = write_all(&*writer, &alike(10, 3)).await[0].partition;
    let reader = topic.reader(Wish::of("watched")).await;
    let mut seen = read(&*reader, 10).await;
    settle(&*reader, &seen.claims()[..4]);
    let browser = topic.browser().await;
    let (records, _) = page(&*browser, partition, 0).await;
    assert_eq!(records.len(), 10);
    write_all(&*writer, &alike(10, 3)).await;
    super::until(&*reader, &mut seen, |seen| seen.records.len() >= 20).await;
    assert_eq!(seen.records.len(), 20);
    assert_eq!(seen.held.len(), 3);
    assert!(seen.revoking().is_empty(), "{:?}", seen.events);
    let (records, _) = page(&*browser, partition, 0).await;
    assert_eq!(records.len(), 20);
    super::give_back(&*reader, &seen.claims()[4..]);
    reader.close(soon()).await.expect("the last commit succeeds");
    assert_eq!(topic.committed("watched", partition).await, Some(4));
}

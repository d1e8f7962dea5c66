//! Claims about the door out.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::{Fixture, Seen, Wish, alike, keyed, read, settle, soon, unkeyed, until, write_all};
use crate::{Header, OutgoingRecord, Place, Start};

/// What is nothing, what is empty and what repeats are kept apart.
pub async fn contents_come_back_whole(topic: &dyn Fixture) {
    let header = |name: &str, value: Option<&'static str>| Header {
        name: name.to_owned(),
        value: value.map(|value| Bytes::from_static(value.as_bytes())),
    };
    let records = [
        OutgoingRecord { key: None, payload: None, headers: vec![header("a", None), header("a", Some("1"))] },
        OutgoingRecord { key: Some(Bytes::new()), payload: Some(Bytes::new()), headers: Vec::new() },
        OutgoingRecord {
            key: Some(Bytes::from_static(b"\x00\xff")),
            payload: Some(Bytes::from_static(b"\xfe\x00\n")),
            headers: vec![header("", Some("")), header("reason", Some("größer"))],
        },
    ];
    let writer = topic.writer().await;
    let before = SystemTime::now() - Duration::from_secs(60);
    let confirmed = write_all(&*writer, &records).await;
    let reader = topic.reader(Wish::of("whole")).await;
    let seen = read(&*reader, records.len()).await;
    for (record, place) in records.iter().zip(&confirmed) {
        let found = seen.records.iter().find(|found| {
            let there = found.claim.place;
            there.partition == place.partition && Some(there.offset) == place.offset
        });
        let found = found.expect("a record is where it was confirmed");
        assert_eq!(
            (&found.key, &found.payload, &found.headers),
            (&record.key, &record.payload, &record.headers)
        );
        assert!(found.timestamp.is_some_and(|time| time > before), "{:?}", found.timestamp);
    }
}

/// Earliest reads what was written before the group, latest does not.
pub async fn a_new_group_begins_where_it_is_told(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let all = |text: &str| ["0", "1", "2", "3", "4"].map(|key| keyed(key, text));
    write_all(&*writer, &all("before")).await;
    let latest = topic.reader(Wish { start: Start::Latest, ..Wish::of("latest") }).await;
    let mut late = Seen::default();
    until(&*latest, &mut late, |seen| seen.held.len() == 3).await;
    write_all(&*writer, &all("after")).await;
    until(&*latest, &mut late, |seen| seen.records.len() >= 5).await;
    assert_eq!(late.payloads(), ["after"; 5]);
    let earliest = topic.reader(Wish::of("earliest")).await;
    let early = read(&*earliest, 10).await;
    assert_eq!(early.payloads()[4..6], ["after", "before"]);
}

/// What one group settles is nothing to another.
pub async fn groups_read_apart_from_each_other(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    write_all(&*writer, &[unkeyed("a"), unkeyed("b")]).await;
    for group in ["one", "two"] {
        let reader = topic.reader(Wish::of(group)).await;
        let seen = read(&*reader, 2).await;
        assert_eq!(seen.payloads(), ["a", "b"]);
        settle(&*reader, &seen.claims());
        reader.close(soon()).await.expect("the last commit succeeds");
    }
}

/// And closing again does nothing.
pub async fn a_closed_reader_tells_nothing_more(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    write_all(&*writer, &[unkeyed("a")]).await;
    let reader = topic.reader(Wish::of("closing")).await;
    let seen = read(&*reader, 1).await;
    settle(&*reader, &seen.claims());
    reader.close(soon()).await.expect("the last commit succeeds");
    write_all(&*writer, &[unkeyed("b")]).await;
    while let Some(event) = reader.next().await.expect("a closed reader has not failed") {
        assert!(!matches!(event, crate::Event::Records(_)), "{event:?}");
    }
    reader.close(soon()).await.expect("closing again is fine");
}

/// A group that comes too late begins at the oldest record that is left.
pub async fn what_retention_took_is_counted_and_reading_goes_on(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let partition = write_all(&*writer, &alike(3, 3)).await[0].partition;
    let reader = topic.reader(Wish::of("too late")).await;
    let seen = read(&*reader, 3).await;
    settle(&*reader, &seen.claims());
    reader.close(soon()).await.expect("the last commit succeeds");
    write_all(&*writer, &alike(7, 3)).await;
    topic.trim(Place { partition, offset: 8 }).await;
    let late = topic.reader(Wish::of("too late")).await;
    let seen = read(&*late, 2).await;
    assert_eq!(seen.payloads(), ["005", "006"]);
    assert_eq!(late.status().skipped_offsets, 5);
    settle(&*late, &seen.claims());
    late.close(soon()).await.expect("the last commit succeeds");
    assert_eq!(topic.committed("too late", partition).await, Some(10));
}

//! Claims about what a reader holds at most.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Fixture, Seen, Wish, alike, keyed, settle, soon, until, write_all};
use crate::{Bounds, PartitionStatus, TopicReader};

/// How long a reader is given to do what it must not do.
const A_WHILE: Duration = Duration::from_secs(1);

async fn tells_no_records(reader: &dyn TopicReader) {
    let next = tokio::time::timeout(A_WHILE, reader.next()).await;
    assert!(next.is_err(), "{next:?}");
}

/// And each that is settled makes room for another.
pub async fn no_more_records_than_allowed_are_in_flight(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let records: Vec<_> = (0..30).map(|number| keyed(&number.to_string(), "x")).collect();
    write_all(&*writer, &records).await;
    let bounds = Bounds { records: 10, ..Bounds::default() };
    let reader = topic.reader(Wish { bounds, ..Wish::of("few") }).await;
    let mut seen = Seen::default();
    let mut settled = 0;
    while settled < 30 {
        until(&*reader, &mut seen, |seen| seen.records.len() == settled + 10).await;
        tells_no_records(&*reader).await;
        settle(&*reader, &seen.claims()[settled..settled + 10]);
        settled += 10;
    }
}

/// How far behind a reader is is known while it has no room for more.
pub async fn the_end_moves_on_while_there_is_no_room(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    write_all(&*writer, &alike(5, 3)).await;
    let bounds = Bounds { records: 5, ..Bounds::default() };
    let reader = topic.reader(Wish { bounds, ..Wish::of("behind") }).await;
    let mut seen = Seen::default();
    until(&*reader, &mut seen, |seen| seen.records.len() == 5).await;
    let place = write_all(&*writer, &alike(20, 3)).await[0];
    let deadline = soon();
    loop {
        let status = reader.status();
        let here = status.partitions.iter().find(|status| status.partition == place.partition);
        if here.and_then(PartitionStatus::lag) == Some(25) {
            break;
        }
        assert!(Instant::now() < deadline, "it is not told how far behind it is: {here:?}");
        tokio::task::yield_now().await;
    }
}

/// One record more than fits at most.
pub async fn no_more_bytes_than_allowed_are_in_flight(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let records: Vec<_> = (0..12).map(|number| keyed(&number.to_string(), &"x".repeat(10_000))).collect();
    write_all(&*writer, &records).await;
    let bounds = Bounds { bytes: 35_000, ..Bounds::default() };
    let reader = topic.reader(Wish { bounds, ..Wish::of("small") }).await;
    let mut seen = Seen::default();
    until(&*reader, &mut seen, |seen| seen.records.len() == 4).await;
    tells_no_records(&*reader).await;
    settle(&*reader, &seen.claims());
    until(&*reader, &mut seen, |seen| seen.records.len() == 8).await;
}

/// Until it is resumed.
pub async fn a_paused_partition_rests_and_the_others_do_not(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let reader = topic.reader(Wish::of("paused")).await;
    let mut seen = Seen::default();
    until(&*reader, &mut seen, |seen| seen.held.len() == 3).await;
    reader.pause(1);
    let records: Vec<_> = (0..60).map(|number| keyed(&number.to_string(), "x")).collect();
    let confirmed = write_all(&*writer, &records).await;
    let resting = confirmed.iter().filter(|place| place.partition == 1).count();
    until(&*reader, &mut seen, |seen| seen.records.len() == 60 - resting).await;
    assert!(seen.records.iter().all(|record| record.claim.place.partition != 1));
    tells_no_records(&*reader).await;
    let paused: Vec<bool> = reader.status().partitions.iter().map(|held| held.paused).collect();
    assert_eq!(paused, [false, true, false]);
    reader.resume(1);
    until(&*reader, &mut seen, |seen| seen.records.len() == 60).await;
}

/// Also when it had all the room for itself before they had anything to read.
pub async fn a_partition_whose_records_stay_open_leaves_room_for_the_others(topic: &dyn Fixture) {
    let writer = topic.writer().await;
    let full = write_all(&*writer, &alike(200, 3)).await[0].partition;
    let bounds = Bounds { records: 60, ..Bounds::default() };
    let reader = topic.reader(Wish { bounds, ..Wish::of("stuck") }).await;
    let mut seen = Seen::default();
    until(&*reader, &mut seen, |seen| seen.records.len() >= 50 && seen.held.len() == 3).await;
    let others: Vec<_> = (0..40).map(|number| keyed(&number.to_string(), "another")).collect();
    write_all(&*writer, &others).await;
    let elsewhere = |seen: &Seen| {
        let places = seen.records.iter().map(|record| record.claim.place.partition);
        places.filter(|partition| *partition != full).collect::<BTreeSet<_>>()
    };
    until(&*reader, &mut seen, |seen| elsewhere(seen).len() == 2).await;
    assert!(seen.records.len() <= 60, "{} records are in flight", seen.records.len());
}

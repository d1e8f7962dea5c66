//! Claims about several members of a group.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Fixture, Seen, Wish, give_back, keyed, settle, soon, until, write_all};
use crate::{Event, OutgoingRecord, TopicReader};

fn spread(count: usize) -> Vec<OutgoingRecord> {
    (0..count).map(|number| keyed(&number.to_string(), &format!("{number:03}"))).collect()
}

/// A member that has read some records of all partitions, none settled.
async fn first_member(topic: &dyn Fixture, wish: Wish) -> (Box<dyn TopicReader>, Seen) {
    let writer = topic.writer().await;
    write_all(&*writer, &spread(30)).await;
    let first = topic.reader(wish).await;
    let mut seen = Seen::default();
    until(&*first, &mut seen, |seen| seen.records.len() == 30).await;
    (first, seen)
}

/// Takes both readers' events until both conditions hold.
async fn until_both(
    (first, first_seen): (&dyn TopicReader, &mut Seen),
    (second, second_seen): (&dyn TopicReader, &mut Seen),
    condition: impl Fn(&Seen, &Seen) -> bool,
) {
    while !condition(first_seen, second_seen) {
        let (before_first, before_second) = (first_seen.events.len(), second_seen.events.len());
        let (first_records, second_records) = (first_seen.records.len(), second_seen.records.len());
        let more = |seen: &Seen, events: usize, records: usize| {
            seen.events.len() > events || seen.records.len() > records
        };
        tokio::select! {
            () = until(first, first_seen, |seen| more(seen, before_first, first_records)) => {}
            () = until(second, second_seen, |seen| more(seen, before_second, second_records)) => {}
        }
    }
}

/// Each partition is one member's, and nothing is read twice when nothing was in flight.
pub async fn two_members_share_the_partitions(topic: &dyn Fixture) {
    let (first, mut seen) = first_member(topic, Wish::of("shared")).await;
    settle(&*first, &seen.claims());
    let second = topic.reader(Wish::of("shared")).await;
    let mut other = Seen::default();
    let shared = |one: &Seen, two: &Seen| {
        !one.held.is_empty() && !two.held.is_empty() && one.held.len() + two.held.len() == 3
    };
    until_both((&*first, &mut seen), (&*second, &mut other), shared).await;
    let partitions: BTreeSet<i32> = seen.held.keys().chain(other.held.keys()).copied().collect();
    assert_eq!(partitions.len(), 3, "no partition is held twice");
    seen.records.clear();
    let writer = topic.writer().await;
    write_all(&*writer, &spread(60)).await;
    let all = |one: &Seen, two: &Seen| one.records.len() + two.records.len() >= 60;
    until_both((&*first, &mut seen), (&*second, &mut other), all).await;
    assert_eq!(seen.records.len() + other.records.len(), 60, "what was settled is not read again");
    assert!(!seen.records.is_empty() && !other.records.is_empty());
}

/// The other member begins behind what was settled meanwhile.
pub async fn a_partition_waits_for_what_is_in_flight_before_it_goes(topic: &dyn Fixture) {
    let (first, mut seen) = first_member(topic, Wish::of("waiting")).await;
    let second = topic.reader(Wish::of("waiting")).await;
    let mut other = Seen::default();
    let warned = |one: &Seen, _: &Seen| !one.revoking().is_empty();
    until_both((&*first, &mut seen), (&*second, &mut other), warned).await;
    assert!(other.held.is_empty(), "nothing goes before it is finished: {other:?}");
    settle(&*first, &seen.claims());
    let gone = |one: &Seen, two: &Seen| one.held.len() + two.held.len() == 3 && !two.held.is_empty();
    until_both((&*first, &mut seen), (&*second, &mut other), gone).await;
    let writer = topic.writer().await;
    write_all(&*writer, &spread(30)).await;
    let before = seen.records.len();
    let all = |one: &Seen, two: &Seen| one.records.len() - before + two.records.len() >= 30;
    until_both((&*first, &mut seen), (&*second, &mut other), all).await;
    assert_eq!(seen.records.len() - before + other.records.len(), 30, "nothing settled is read again");
}

/// What is in flight then is read by the next member.
pub async fn a_partition_does_not_wait_forever(topic: &dyn Fixture) {
    let wish = Wish { release_timeout: Duration::from_millis(300), ..Wish::of("impatient") };
    let (first, mut seen) = first_member(topic, wish.clone()).await;
    let second = topic.reader(wish).await;
    let mut other = Seen::default();
    let moved = |_: &Seen, two: &Seen| !two.records.is_empty();
    until_both((&*first, &mut seen), (&*second, &mut other), moved).await;
    let deadlines = seen.events.iter().filter_map(|event| match event {
        Event::Revoking { deadline, .. } => Some(*deadline),
        _ => None,
    });
    assert!(deadlines.max().is_some_and(|deadline| deadline <= Instant::now()), "its time was up: {seen:?}");
}

/// It is counted.
pub async fn what_is_settled_late_changes_nothing(topic: &dyn Fixture) {
    let wish = Wish { release_timeout: Duration::from_millis(300), ..Wish::of("late") };
    let (first, mut seen) = first_member(topic, wish.clone()).await;
    let second = topic.reader(wish).await;
    let mut other = Seen::default();
    let moved = |one: &Seen, two: &Seen| one.held.len() < 3 && !two.records.is_empty();
    until_both((&*first, &mut seen), (&*second, &mut other), moved).await;
    let late: Vec<_> = seen.claims();
    let gone = late.iter().filter(|claim| !seen.held.contains_key(&claim.place.partition)).count();
    settle(&*first, &late);
    assert_eq!(first.status().late_settlings, gone as u64);
    give_back(&*second, &other.claims());
    second.close(soon()).await.expect("the last commit succeeds");
    for partition in other.held.keys() {
        let committed = topic.committed("late", *partition).await;
        assert!(committed.is_none_or(|offset| offset == 0), "{partition}: {committed:?}");
    }
}

/// Without a long wait.
pub async fn the_partitions_of_a_closed_member_go_to_the_others(topic: &dyn Fixture) {
    let (first, mut seen) = first_member(topic, Wish::of("leaving")).await;
    settle(&*first, &seen.claims());
    let second = topic.reader(Wish::of("leaving")).await;
    let mut other = Seen::default();
    let shared = |one: &Seen, two: &Seen| one.held.len() + two.held.len() == 3 && !two.held.is_empty();
    until_both((&*first, &mut seen), (&*second, &mut other), shared).await;
    first.close(soon()).await.expect("the last commit succeeds");
    until(&*second, &mut other, |seen| seen.held.len() == 3).await;
    assert!(other.records.is_empty(), "everything was settled: {:?}", other.payloads());
}

/// By writers and readers that were there before.
pub async fn new_partitions_are_written_and_read(topic: &dyn Fixture) {
    let (first, mut seen) = first_member(topic, Wish::of("raised")).await;
    settle(&*first, &seen.claims());
    let writer = topic.writer().await;
    write_all(&*writer, &[]).await;
    topic.raise_partitions(5).await;
    let mut written = 0;
    let mut partitions = BTreeSet::new();
    // A writer learns of them after a while.
    let end = soon();
    while partitions.len() < 5 {
        assert!(Instant::now() < end, "the writer does not use new partitions: {partitions:?}");
        let confirmed = write_all(&*writer, &spread(50)).await;
        written += confirmed.len();
        partitions.extend(confirmed.iter().map(|place| place.partition));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    seen.records.clear();
    until(&*first, &mut seen, |seen| {
        settle(&*first, &seen.claims());
        seen.records.len() >= written && seen.held.len() == 5
    })
    .await;
    assert_eq!(seen.records.len(), written);
}

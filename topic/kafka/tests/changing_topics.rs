//! Topics that change under a reader, and members that come back.

mod support;

use std::time::{Duration, Instant};

use rdkafka::admin::AdminOptions;
use spoor_topic::conformance::{
    Fixture as _, Seen, alike, give_back, keyed, read, settle, soon, until, write_all,
};
use spoor_topic::{Claim, Event, Place, TopicReader};
use support::Topic;

fn brokers() -> String {
    xtask::servers::kafka_brokers().expect("a broker")
}

const REFRESH: &str = "--kafka.consumer.metadata-refresh-interval=500ms";

/// The library gives a place up that is gone, in either way of sharing partitions; the other partitions are not read twice.
#[tokio::test(flavor = "multi_thread")]
async fn retention_that_overtakes_a_group_of_any_assignor_does_not_end_its_reading() {
    for assignor in ["--kafka.consumer.assignor=range", "--kafka.consumer.assignor=cooperative-sticky"] {
        let topic = Topic::make(&brokers()).await;
        let writer = topic.write_by(&[]);
        let spread: Vec<_> = (0..30).map(|number| keyed(&number.to_string(), &number.to_string())).collect();
        let places = write_all(&writer, &spread).await;
        let partition = places[0].partition;
        let there = places.iter().filter(|place| place.partition == partition).count();
        let first = topic.read_by(&topic.group("overtaken"), &[assignor]);
        let seen = read(&first, 30).await;
        let (finished, others): (Vec<Claim>, Vec<Claim>) =
            seen.claims().into_iter().partition(|claim| claim.place.partition == partition);
        settle(&first, &finished);
        give_back(&first, &others);
        first.close(soon()).await.expect("the last commit succeeds");
        write_all(&writer, &spread).await;
        topic.trim(Place { partition, offset: 2 * i64::try_from(there).expect("a count") - 1 }).await;
        let late = topic.read_by(&topic.group("overtaken"), &[assignor]);
        // One is left there, and all of the others.
        let seen = read(&late, 1 + 2 * (30 - there)).await;
        let again = tokio::time::timeout(Duration::from_secs(1), late.next()).await;
        assert!(again.is_err(), "{assignor}: nothing comes twice: {again:?}");
        assert_eq!(late.status().skipped_offsets, there as u64 - 1, "{assignor}");
        settle(&late, &seen.claims());
        late.close(soon()).await.expect("the last commit succeeds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_is_read_from_its_beginning_wherever_new_groups_begin() {
    for begins in ["earliest", "latest"] {
        let topic = Topic::make(&brokers()).await;
        let flag = format!("--kafka.consumer.initial-offset={begins}");
        let reader = topic.read_by(&topic.group("anew"), &[REFRESH, &flag]);
        let mut seen = Seen::default();
        until(&reader, &mut seen, |seen| seen.held.len() == 3).await;
        write_all(&topic.write_by(&[]), &alike(20, 3)).await;
        until(&reader, &mut seen, |seen| seen.records.len() >= 20).await;
        settle(&reader, &seen.claims());
        let deleted = topic.admin().delete_topics(&[&topic.name], &AdminOptions::new()).await;
        deleted.expect("the broker takes topics away")[0].as_ref().expect("the topic is taken away");
        let end = soon();
        while topic.try_create().await.is_err() {
            assert!(Instant::now() < end, "the topic is not made anew");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        seen.records.clear();
        write_all(&topic.write_by(&[]), &alike(5, 4)).await;
        until(&reader, &mut seen, |seen| seen.records.len() >= 5).await;
        assert_eq!(seen.payloads(), ["0000", "0001", "0002", "0003", "0004"], "{begins}");
        settle(&reader, &seen.claims());
        reader.close(soon()).await.expect("the last commit succeeds");
    }
}

/// The client library joins the group again without waiting for what it asked for, and keeps the member out of the group from then on.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_gets_partitions_while_a_member_gives_some_up_keeps_no_member_out_of_the_group() {
    for name in ["", "--kafka.consumer.instance-id=first"] {
        let topic = Topic::make(&brokers()).await;
        // In every partition.
        let spread: Vec<_> = (0..30).map(|number| keyed(&number.to_string(), &number.to_string())).collect();
        write_all(&topic.write_by(&[]), &spread).await;
        let join = |name: &[&str]| {
            let flags = [&[REFRESH, "--kafka.consumer.release-timeout=2m"], name].concat();
            topic.read_by(&topic.group("overtaken"), &flags)
        };
        let first = join(if name.is_empty() { &[] } else { std::slice::from_ref(&name) });
        let mut seen = Seen::default();
        until(&first, &mut seen, |seen| seen.records.len() == 30).await;
        let second = join(&[]);
        // Nothing of it is settled, so that giving up takes its time.
        let asks = |event: &Event| matches!(event, Event::Revoking { .. });
        until(&first, &mut seen, |seen| seen.events.iter().any(asks)).await;
        topic.raise(5).await;
        let is_released = |event: &Event| matches!(event, Event::Released { .. });
        until(&first, &mut seen, |seen| seen.events.iter().any(is_released)).await;
        second.close(soon()).await.expect("it leaves");
        until(&first, &mut seen, |seen| seen.held.len() == 5).await;
        assert_eq!(first.status().renewals, 1, "{name}");
        settle(&first, &seen.claims());
        first.close(soon()).await.expect("the last commit succeeds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_with_a_name_that_is_soon_back_keeps_its_partitions() {
    let topic = Topic::make(&brokers()).await;
    write_all(&topic.write_by(&[]), &alike(6, 3)).await;
    let join = |name: &str| {
        topic.read_by(
            &topic.group("named"),
            &[&format!("--kafka.consumer.instance-id={name}"), "--kafka.consumer.session-timeout=30s"],
        )
    };
    let stays = join("stays");
    let mut staying = Seen::default();
    until(&stays, &mut staying, |seen| seen.held.len() == 3).await;
    let leaves = join("leaves");
    let mut leaving = Seen::default();
    let both = async {
        // Partitions that go have nothing in flight.
        loop {
            let event = stays.next().await.expect("the reader goes on").expect("the reader is open");
            match event {
                Event::Records(records) => {
                    settle(&stays, &records.iter().map(|record| record.claim).collect::<Vec<_>>());
                }
                Event::Released { partitions, .. } => return partitions,
                Event::Assigned(_) | Event::Revoking { .. } => {}
            }
        }
    };
    let assigned = until(&leaves, &mut leaving, |seen| !seen.held.is_empty());
    let (gone, ()) = tokio::join!(both, assigned);
    let theirs: Vec<i32> = leaving.held.keys().copied().collect();
    assert_eq!(theirs, gone.iter().map(|held| held.partition).collect::<Vec<_>>());
    settle(&leaves, &leaving.claims());
    leaves.close(soon()).await.expect("the last commit succeeds");

    let back = join("leaves");
    let mut coming = Seen::default();
    until(&back, &mut coming, |seen| !seen.held.is_empty()).await;
    assert_eq!(coming.held.keys().copied().collect::<Vec<_>>(), theirs);
    let event = tokio::time::timeout(Duration::from_secs(2), stays.next()).await;
    assert!(!matches!(event, Ok(Ok(Some(Event::Assigned(_) | Event::Revoking { .. })))), "{event:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_for_which_no_partition_is_left_reaches_the_topic_all_the_same() {
    for assignor in ["--kafka.consumer.assignor=range", "--kafka.consumer.assignor=cooperative-sticky"] {
        // Of three partitions.
        let topic = Topic::make(&brokers()).await;
        let members: Vec<_> = (0..4).map(|_| topic.read_by(&topic.group("crowded"), &[assignor])).collect();
        let end = soon();
        while let Some(unreachable) = members.iter().find_map(|member| member.reachable().err()) {
            assert!(Instant::now() < end, "{assignor}: {unreachable}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for member in members {
            member.close(soon()).await.expect("it leaves");
        }
    }
}

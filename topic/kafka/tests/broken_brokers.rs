//! Brokers that stop, halt and come back.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use spoor_topic::conformance::{Seen, keyed, read, soon, until, write_all};
use spoor_topic::{Event, Fate, OutgoingRecord, RecordError, TopicReader, TopicWriter};
use support::Topic;
use xtask::servers::Kafka;

/// How much later than it should a busy machine may do something. Those who wait for the library, and not as long
/// as they are told, wait for a minute: its time for a record, and for a question to a broker.
const GRACE: Duration = Duration::from_secs(20);

fn start() -> Kafka {
    tokio::task::block_in_place(Kafka::start).expect("a broker starts")
}

/// Writes numbered records, each until it is confirmed, and gives how many.
async fn write_on(writer: &dyn TopicWriter, confirmed: &AtomicU32, stop: &AtomicBool) -> u32 {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut open: Vec<OutgoingRecord> =
            (number..number + 20).map(|number| keyed(&number.to_string(), &format!("{number:06}"))).collect();
        number += 20;
        while !open.is_empty() {
            let deadline = Instant::now() + Duration::from_secs(5);
            let answers = writer.write(&open, deadline).await;
            assert!(Instant::now() < deadline + GRACE, "an answer comes in time");
            let wait = answers.iter().any(Result::is_err);
            let mut answers = answers.into_iter();
            open.retain(|_| answers.next().is_some_and(|answer| answer.is_err()));
            if wait {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        confirmed.store(number, Ordering::Relaxed);
    }
    number
}

/// Everything that was confirmed is there; a record that was repeated after an error may be there twice.
async fn all_is_there(topic: &Topic, count: u32) {
    let reader = topic.read_by(&support::fresh_name("check"), &[]);
    let mut seen = Seen::default();
    let expected: BTreeSet<String> = (0..count).map(|number| format!("{number:06}")).collect();
    until(&reader, &mut seen, |seen| {
        let got: BTreeSet<String> = seen.payloads().into_iter().collect();
        got == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_survives_restarts_under_writing() {
    let mut kafka = start();
    let topic = Topic::make(kafka.brokers()).await;
    let writer = Arc::new(topic.write_by(&[]));
    write_all(&*writer, &[]).await;
    let (confirmed, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let writing = {
        let (writer, confirmed, stop) = (Arc::clone(&writer), Arc::clone(&confirmed), Arc::clone(&stop));
        tokio::spawn(async move { write_on(&*writer, &confirmed, &stop).await })
    };
    for kill in [false, true] {
        // Every time it breaks in the midst of writing.
        let (before, end) = (confirmed.load(Ordering::Relaxed), soon());
        while confirmed.load(Ordering::Relaxed) < before + 200 {
            assert!(Instant::now() < end, "nothing is confirmed: {:?}", writer.reachable());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::task::block_in_place(|| {
            if kill { kafka.kill() } else { kafka.stop() }.expect("the broker ends");
            kafka.start_again().expect("the broker comes back");
        });
        let end = soon();
        while writer.reachable().is_err() {
            assert!(Instant::now() < end, "{:?}", writer.reachable());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let count = writing.await.expect("the writer goes on");
    assert!(count >= 400, "{count}");
    all_is_there(&topic, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halted_broker_is_an_answer_in_time_and_no_record_twice() {
    let kafka = start();
    let topic = Topic::make(kafka.brokers()).await;
    let writer = topic.write_by(&[]);
    write_all(&writer, &[keyed("k", "before")]).await;
    kafka.pause().unwrap();
    let deadline = Instant::now() + Duration::from_secs(1);
    let answers = writer.write(&[keyed("k", "halted")], deadline).await;
    assert!(deadline.elapsed() < GRACE, "{:?}", deadline.elapsed());
    assert!(
        matches!(answers[..], [Err(RecordError::DeadlineExceeded | RecordError::Unavailable { .. })]),
        "{answers:?}"
    );
    kafka.resume().unwrap();
    write_all(&writer, &[keyed("k", "after")]).await;
    let reader = topic.read_by("halted", &[]);
    // The record that was given up on was under way, and is written by itself, once.
    assert_eq!(read(&reader, 3).await.payloads(), ["after", "before", "halted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_after_its_broker_was_away() {
    let mut kafka = start();
    let topic = Topic::make(kafka.brokers()).await;
    let writer = topic.write_by(&[]);
    write_all(&writer, &[keyed("k", "1")]).await;
    let reader = topic.read_by("away", &["--kafka.consumer.commit-interval=100ms"]);
    let mut seen = Seen::default();
    until(&reader, &mut seen, |seen| seen.records.len() == 1).await;
    tokio::task::block_in_place(|| kafka.stop()).unwrap();
    let end = soon();
    while reader.reachable().is_ok() {
        assert!(Instant::now() < end, "the reader does not notice");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    reader.settle(&seen.claims(), Fate::Stored);
    tokio::task::block_in_place(|| kafka.start_again()).unwrap();
    write_all(&writer, &[keyed("k", "2")]).await;
    until(&reader, &mut seen, |seen| seen.payloads().iter().any(|payload| payload == "2")).await;
    reader.settle(&seen.claims(), Fate::Stored);
    reader.close(soon()).await.expect("what was settled is committed");
    write_all(&writer, &[keyed("k", "3")]).await;
    let next = topic.read_by("away", &[]);
    assert_eq!(
        read(&next, 1).await.payloads(),
        ["3"],
        "what was settled while the broker was away is not read again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_goes_in_time_though_the_broker_has_just_fallen_silent() {
    let kafka = start();
    let topic = Topic::make(kafka.brokers()).await;
    let records: Vec<OutgoingRecord> = (0..30).map(|number| keyed(&number.to_string(), "v")).collect();
    write_all(&topic.write_by(&[]), &records).await;
    let flags = ["--kafka.consumer.commit-interval=1h", "--kafka.consumer.release-timeout=1m"];
    let reader = topic.read_by("shared", &flags);
    let mut seen = Seen::default();
    until(&reader, &mut seen, |seen| seen.records.len() == 30).await;
    // Another member comes, and gets one of the partitions as soon as nothing of it is in flight.
    let _other = topic.read_by("shared", &flags);
    until(&reader, &mut seen, |seen| !seen.revoking().is_empty()).await;
    kafka.pause().unwrap();
    let asked = Instant::now();
    reader.settle(&seen.claims(), Fate::Stored);
    let is_released =
        |seen: &Seen| seen.events.iter().any(|event| matches!(event, Event::Released { lost: false, .. }));
    until(&reader, &mut seen, is_released).await;
    // The brokers have 4 s for the commit.
    assert!(asked.elapsed() < Duration::from_secs(4) + GRACE, "{:?}", asked.elapsed());
    let failed: u64 = reader.status().commits.values().map(|commits| commits.failed).sum();
    assert!(failed > 0, "nobody has confirmed the commit");
    kafka.resume().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_though_the_broker_has_just_fallen_silent() {
    let kafka = start();
    let topic = Topic::make(kafka.brokers()).await;
    write_all(&topic.write_by(&[]), &[keyed("k", "1")]).await;
    let reader = topic.read_by("silent", &["--kafka.consumer.commit-interval=1h"]);
    let mut seen = Seen::default();
    until(&reader, &mut seen, |seen| seen.records.len() == 1).await;
    reader.settle(&seen.claims(), Fate::Stored);
    kafka.pause().unwrap();
    let asked = Instant::now();
    reader.close(asked + Duration::from_secs(1)).await.expect_err("nobody confirms the commit");
    // The farewell may take 5 s beyond the deadline.
    assert!(asked.elapsed() < Duration::from_secs(1 + 5) + GRACE, "{:?}", asked.elapsed());
    kafka.resume().unwrap();
}

//! Claims about what an ingester does when something that it needs is away, and when it has to give partitions up.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use spoor_ingester::Config;
use spoor_model::SpanBatch;
use spoor_proto::record::Encoding;
use spoor_topic::Bounds;
use spoor_topic::memory::MemoryTopic;

use support::{
    Store, Ward, config, ends, generated, keys, lag, lies_in, poison, poison_in, produce, start,
    start_bounded, until,
};

/// How long a member of the topic in memory has for giving a partition up.
const RELEASE: Duration = Duration::from_secs(30);

/// Spans of traces that lie there.
fn of_partition_1(topic: &MemoryTopic) -> Vec<SpanBatch> {
    let lie_there = |batch: &SpanBatch| {
        let keys = keys(batch);
        batch.select((0..batch.len()).filter(|&index| lies_in(&keys[index], topic, 1)))
    };
    generated(200, 9).iter().map(lie_there).collect()
}

fn impatient() -> Config {
    config(&["--ingester.deadlockInterval=50ms"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_comes_back_gets_everything_without_a_restart() {
    let (topic, store, ward) = (MemoryTopic::new(3), Store::new(), Arc::new(Ward::default()));
    let batches = generated(4_000, 1);
    let keys = produce(&topic, &batches, Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    store.down.store(true, Ordering::Relaxed);
    let running = start(&topic, &store, &ward, &impatient());
    until("it says so", || running.health.problem().is_some_and(|why| why.contains("the store is away")))
        .await;
    assert_eq!(
        running.metric("jaeger_ingester_sarama_consumer_partitions_held"),
        3.0,
        "the membership is kept"
    );
    store.down.store(false, Ordering::Relaxed);
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(store.holds(&keys) && store.spans().len() == keys.len());
    assert_eq!(running.health.problem(), None);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingester_is_not_ready_before_it_has_reached_the_topic() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    topic.go_down("no broker answers");
    let patient = config(&["--ingester.deadlockInterval=0"]);
    let running = start(&topic, &store, &ward, &patient);
    assert!(running.health.problem().unwrap().contains("no broker answers"));
    topic.come_back();
    assert_eq!(running.health.problem(), None);
    topic.go_down("gone again");
    store.down.store(true, Ordering::Relaxed);
    assert_eq!(running.health.problem(), None, "an interval of 0 means never");
    running.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingester_without_anything_to_write_hears_of_a_store_that_is_away_all_the_same() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    let running = start(&topic, &store, &ward, &config(&["--ingester.deadlockInterval=10m"]));
    until("it reads", || running.metric("jaeger_ingester_sarama_consumer_partitions_held") == 1.0).await;
    assert_eq!(running.health.problem(), None);
    let now = Instant::now();
    *store.unreachable_since.lock().unwrap() = Some(now);
    assert_eq!(running.health.problem(), None, "for less than the interval it is no matter");
    let before = now.checked_sub(Duration::from_secs(600)).expect("the clock goes back so far");
    *store.unreachable_since.lock().unwrap() = Some(before);
    assert!(running.health.problem().is_some_and(|why| why.contains("nobody answers")), "it says so");
    *store.unreachable_since.lock().unwrap() = None;
    assert_eq!(running.health.problem(), None);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_that_is_away_holds_up_the_commit_and_no_span() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    ward.down.store(true, Ordering::Relaxed);
    let place = poison(&topic, Some(b"\xff")).await;
    let keys = produce(&topic, &generated(2_000, 2), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &impatient());
    until("all spans are stored", || store.holds(&keys)).await;
    assert_eq!(topic.committed(support::GROUP, 0).unwrap_or(0), place.offset, "not beyond the record");
    until("it says so", || running.health.problem().is_some_and(|why| why.contains("the ward: it is away")))
        .await;
    ward.down.store(false, Ordering::Relaxed);
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert_eq!(ward.by_origin()[&place].1, 1);
    running.stop().await.unwrap();
}

/// However many of its records wait: the partition that brings them rests, and the room that is left is for the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_that_is_away_holds_up_no_other_partition_than_that_of_its_records() {
    let (topic, store, ward) = (MemoryTopic::new(3), Store::new(), Arc::new(Ward::default()));
    ward.down.store(true, Ordering::Relaxed);
    for _ in 0..200 {
        poison_in(&topic, 0).await;
    }
    let bounds = Bounds { records: 60, ..Bounds::default() };
    let running = start_bounded(&topic, &store, &ward, &impatient(), bounds);
    until("it says so", || running.health.problem().is_some_and(|why| why.contains("the ward: it is away")))
        .await;
    let batches = generated(2_000, 5);
    let mut elsewhere = produce(&topic, &batches, Encoding::Protobuf).await;
    elsewhere.retain(|key| !lies_in(key, &topic, 0));
    assert!(elsewhere.len() > 500, "{} spans are in other partitions", elsewhere.len());
    until("the other partitions' spans are stored", || store.holds(&elsewhere)).await;
    assert!(ward.by_origin().is_empty());
    ward.down.store(false, Ordering::Relaxed);
    let ends = ends(&topic).await;
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert_eq!(ward.by_origin().len(), 200);
    assert_eq!(running.health.problem(), None);
    running.stop().await.unwrap();
}

/// What it had in hand is somebody else's now; whether it would succeed is not known, and no reason to send nobody here.
#[tokio::test(flavor = "multi_thread")]
async fn an_ingester_that_has_nothing_to_do_any_more_is_not_held_to_an_outage_that_it_met() {
    let (topic, store, ward) = (MemoryTopic::new(2), Store::new(), Arc::new(Ward::default()));
    ward.down.store(true, Ordering::Relaxed);
    store.down.store(true, Ordering::Relaxed);
    let first = start(&topic, &store, &ward, &impatient());
    until("it holds both", || first.metric("jaeger_ingester_sarama_consumer_partitions_held") == 2.0).await;
    // Of two partitions, a second member gets this one.
    poison_in(&topic, 1).await;
    produce(&topic, &of_partition_1(&topic), Encoding::Protobuf).await;
    until("both are away", || first.health.problem().is_some()).await;
    let second = start(&topic, &store, &ward, &impatient());
    until("the second one says so", || second.health.problem().is_some()).await;
    until("the first one has nothing to fail with", || first.health.problem().is_none()).await;
    assert_eq!(first.metric("jaeger_ingester_sarama_consumer_partitions_held"), 1.0);
    first.kill();
    second.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_set_aside_though_the_store_is_away() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    store.down.store(true, Ordering::Relaxed);
    let keys = produce(&topic, &generated(20, 7), Encoding::Protobuf).await;
    let place = poison(&topic, Some(b"\xff")).await;
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &config(&[]));
    until("it is set aside", || ward.by_origin().contains_key(&place)).await;
    assert!(store.spans().is_empty(), "with records that still wait");
    store.down.store(false, Ordering::Relaxed);
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(store.holds(&keys));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_at_a_stop_is_finished_and_the_rest_is_left_to_the_next() {
    let (topic, store, ward) = (MemoryTopic::new(2), Store::new(), Arc::new(Ward::default()));
    *store.latency.lock().unwrap() = Duration::from_millis(20);
    let keys = produce(&topic, &generated(20_000, 3), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let slow = config(&["--ingester.parallelism=2", "--ingester.batch-max-records=50"]);
    let running = start(&topic, &store, &ward, &slow);
    until("something is stored", || store.spans().len() > 500).await;
    running.stop().await.unwrap();
    let stored = store.spans().len();
    assert!(stored < keys.len(), "it stopped in the middle");
    let left = usize::try_from(lag(&topic, &ends)).unwrap();
    assert!(left < keys.len(), "something is committed");
    let next = start(&topic, &store, &ward, &config(&[]));
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(store.holds(&keys));
    let twice = store.spans().values().filter(|times| **times > 1).count();
    assert!(twice <= 100, "{twice}: at most what was under way behind an open record");
    next.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingester_stops_in_time_though_the_store_is_away() {
    let (topic, store, ward) = (MemoryTopic::new(2), Store::new(), Arc::new(Ward::default()));
    store.down.store(true, Ordering::Relaxed);
    produce(&topic, &generated(2_000, 4), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &config(&["--ingester.drain-timeout=10m"]));
    until("it is tried again", || store.attempts.load(Ordering::Relaxed) > 5).await;
    let stopped = tokio::time::timeout(Duration::from_secs(60), running.stop()).await;
    stopped.expect("long before the drain's end").unwrap();
    assert_eq!(lag(&topic, &ends), ends.iter().sum::<i64>(), "nothing is committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_member_takes_partitions_over_without_a_loss() {
    let (topic, store, ward) = (MemoryTopic::new(4), Store::new(), Arc::new(Ward::default()));
    *store.latency.lock().unwrap() = Duration::from_millis(5);
    let keys = produce(&topic, &generated(20_000, 5), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let small = config(&["--ingester.batch-max-records=100", "--ingester.parallelism=4"]);
    let first = start(&topic, &store, &ward, &small);
    until("the first is at work", || store.spans().len() > 1_000).await;
    let second = start(&topic, &store, &ward, &small);
    until("both hold partitions", || {
        let held =
            |running: &support::Running| running.metric("jaeger_ingester_sarama_consumer_partitions_held");
        held(&first) == 2.0 && held(&second) == 2.0
    })
    .await;
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(store.holds(&keys) && store.spans().len() == keys.len());
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_has_to_go_does_not_wait_for_a_store_that_is_away() {
    let (topic, store, ward) = (MemoryTopic::new(2), Store::new(), Arc::new(Ward::default()));
    store.down.store(true, Ordering::Relaxed);
    let keys = produce(&topic, &generated(2_000, 6), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let first = start(&topic, &store, &ward, &config(&[]));
    until("it is tried again", || store.attempts.load(Ordering::Relaxed) > 3).await;
    let began = Instant::now();
    let second = start(&topic, &store, &ward, &config(&[]));
    until("the second has one", || second.metric("jaeger_ingester_sarama_consumer_partitions_held") == 1.0)
        .await;
    assert!(began.elapsed() < RELEASE, "before the time to release is over");
    assert!(first.metric("spoor_ingester_records_given_back_total") > 0.0);
    store.down.store(false, Ordering::Relaxed);
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(store.holds(&keys));
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

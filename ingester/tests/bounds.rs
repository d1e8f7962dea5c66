//! Claims about the times and sizes that the settings give an ingester.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use spoor_ingester::Config;
use spoor_proto::record::{Encoding, RecordEncoder};
use spoor_topic::memory::MemoryTopic;

use support::{Store, Ward, config, ends, generated, lag, produce, start, until};

/// Longer than any test waits.
const NEVER: Duration = Duration::from_secs(600);

/// How many writes the spans of 2,000 take with these settings.
async fn writes_with(settings: &Config) -> usize {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    produce(&topic, &generated(2_000, 1), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, settings);
    until("all is committed", || lag(&topic, &ends) == 0).await;
    running.stop().await.expect("the last commit succeeds");
    store.attempts.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_has_more_bytes_than_is_set() {
    let encoder = RecordEncoder::new(Encoding::Protobuf, 900_000).unwrap();
    let records =
        generated(2_000, 1).iter().flat_map(|batch| encoder.encode(batch).records).collect::<Vec<_>>();
    let bytes: usize = records.iter().map(|record| record.value.len()).sum();
    let small = writes_with(&config(&["--ingester.batch-max-bytes=16KiB"])).await;
    assert!(small >= bytes / (16 << 10), "{bytes} bytes in {small} writes");
    let large =
        writes_with(&config(&["--ingester.batch-max-bytes=8MiB", "--ingester.batch-linger=1s"])).await;
    assert!(large < small / 2, "{large} large writes, {small} small ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_writes_are_under_way_than_is_set() {
    let (topic, store, ward) = (MemoryTopic::new(3), Store::new(), Arc::new(Ward::default()));
    *store.latency.lock().unwrap() = Duration::from_millis(20);
    produce(&topic, &generated(5_000, 2), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let flags = ["--ingester.parallelism=3", "--ingester.batch-max-records=100"];
    let running = start(&topic, &store, &ward, &config(&flags));
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert_eq!(store.most_under_way.load(Ordering::Relaxed), 3);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_wait_for_company_as_long_as_is_set() {
    let times = async |linger: &str| {
        let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
        produce(&topic, &generated(30, 3), Encoding::Protobuf).await;
        let began = Instant::now();
        let running = start(&topic, &store, &ward, &config(&[&format!("--ingester.batch-linger={linger}")]));
        until("the spans are written", || store.spans().len() == 30).await;
        let time = began.elapsed();
        running.stop().await.unwrap();
        (time, store.attempts.load(Ordering::Relaxed))
    };
    // Longer than a busy machine makes the other one wait.
    let (waits, writes) = times("10s").await;
    assert!(waits >= Duration::from_secs(10), "{waits:?}");
    assert_eq!(writes, 1, "all at once");
    let (at_once, _) = times("0s").await;
    assert!(at_once < Duration::from_secs(9), "{at_once:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_an_answer_is_tried_again_after_the_time_that_is_set() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    *store.latency.lock().unwrap() = NEVER;
    let keys = produce(&topic, &generated(30, 4), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &config(&["--ingester.write-timeout=100ms"]));
    until("a write hangs", || store.attempts.load(Ordering::Relaxed) == 1).await;
    *store.latency.lock().unwrap() = Duration::ZERO;
    let began = Instant::now();
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(store.holds(&keys));
    // On a busy machine the second one may be late, too.
    assert!(running.metric("jaeger_ingester_span_processor_retry_attempts_total") >= 1.0);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_writes_under_way_no_longer_than_is_set() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    *store.latency.lock().unwrap() = NEVER;
    produce(&topic, &generated(30, 5), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let flags = ["--ingester.drain-timeout=700ms", "--ingester.write-timeout=10m"];
    let running = start(&topic, &store, &ward, &config(&flags));
    until("a write hangs", || store.attempts.load(Ordering::Relaxed) == 1).await;
    let began = Instant::now();
    running.stop().await.unwrap();
    let took = began.elapsed();
    // By default it would be 15 s, and for the write 10 minutes.
    assert!((Duration::from_millis(700)..Duration::from_secs(15)).contains(&took), "{took:?}");
    assert_eq!(lag(&topic, &ends), 30, "nothing is committed: it is read again by the next");
}

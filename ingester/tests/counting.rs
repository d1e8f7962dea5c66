//! Claims about what an ingester counts: the values, not only the names.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use spoor_proto::record::Encoding;
use spoor_topic::memory::MemoryTopic;

use support::{Store, Ward, config, ends, generated, lag, produce, start, until};

const AGE: &str = "spoor_ingester_oldest_unstored_record_age_seconds";

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_the_oldest_record_that_is_not_stored_counts_from_its_writing() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    store.down.store(true, Ordering::Relaxed);
    let before = SystemTime::now();
    produce(&topic, &generated(20, 1), Encoding::Protobuf).await;
    let after = SystemTime::now();
    let running = start(&topic, &store, &ward, &config(&[]));
    until("it is half a second", || running.metric(AGE) > 0.5).await;
    produce(&topic, &generated(20, 2), Encoding::Protobuf).await;
    until("the younger ones are read", || running.metric("spoor_ingester_records_in_flight") == 40.0).await;
    let least = after.elapsed().unwrap().as_secs_f64();
    let age = running.metric(AGE);
    let most = before.elapsed().unwrap().as_secs_f64();
    assert!((least..=most).contains(&age), "{age} s, the oldest one was written {least} to {most} s ago");
    store.down.store(false, Ordering::Relaxed);
    let ends = ends(&topic).await;
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert_eq!(running.metric(AGE), 0.0, "nothing waits");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sizes_of_writes_are_those_that_the_store_was_given() {
    for (encoding, most) in [(Encoding::Protobuf, 50), (Encoding::OtlpProto, 10)] {
        let (topic, store, ward) = (MemoryTopic::new(2), Store::new(), Arc::new(Ward::default()));
        let keys = produce(&topic, &generated(1_000, 3), encoding).await;
        let ends = ends(&topic).await;
        let flags =
            [format!("--kafka.consumer.encoding={encoding}"), format!("--ingester.batch-max-records={most}")];
        let running = start(&topic, &store, &ward, &config(&flags.each_ref().map(String::as_str)));
        until("all is committed", || lag(&topic, &ends) == 0).await;
        let records: i64 = ends.iter().sum();
        let of = |name: &str| running.metric(&format!("spoor_ingester_batch_{name}"));
        assert_eq!(of("records_sum"), f64::from(i32::try_from(records).unwrap()), "{encoding}");
        assert_eq!(of("spans_sum"), f64::from(u32::try_from(keys.len()).unwrap()), "{encoding}");
        let writes = f64::from(u32::try_from(store.attempts.load(Ordering::Relaxed)).unwrap());
        assert_eq!((of("records_count"), of("spans_count")), (writes, writes), "{encoding}");
        let within = format!("records_bucket{{le=\"{most}.0\"}}");
        assert_eq!(of(&within), writes, "{encoding}: none of more than {most} records");
        running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latency_is_that_of_each_attempt_and_commits_are_counted_up_to_their_offsets() {
    let (topic, store, ward) = (MemoryTopic::new(2), Store::new(), Arc::new(Ward::default()));
    *store.latency.lock().unwrap() = Duration::from_millis(60);
    store.down.store(true, Ordering::Relaxed);
    produce(&topic, &generated(400, 4), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &config(&[]));
    until("it is tried again", || store.attempts.load(Ordering::Relaxed) > 4).await;
    let before = running.metric("jaeger_ingester_offset_commits_total");
    store.down.store(false, Ordering::Relaxed);
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(running.metric("jaeger_ingester_offset_commits_total") > before);
    for (partition, end) in ends.iter().enumerate() {
        let labels = format!("{{topic=\"{}\",partition=\"{partition}\"}}", support::TOPIC);
        let committed = running.metric(&format!("jaeger_ingester_last_committed_offset{labels}"));
        assert_eq!(committed, f64::from(i32::try_from(*end).unwrap()), "partition {partition}");
    }
    let of = |name: &str| running.metric(&format!("jaeger_ingester_span_processor_latency_{name}"));
    let attempts = f64::from(u32::try_from(store.attempts.load(Ordering::Relaxed)).unwrap());
    assert_eq!(of("count"), attempts, "failed ones, too");
    assert_eq!(of("bucket{le=\"0.05\"}"), 0.0, "none was faster than the store");
    assert!(of("sum") >= attempts * 0.06);
    running.stop().await.unwrap();
}

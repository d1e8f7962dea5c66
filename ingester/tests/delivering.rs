//! Claims about the way from a topic to a store, held with both in memory.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_ingester::quarantine::Reason;
use spoor_ingester::{Config, Ingester, Parts, StoreAway};
use spoor_model::SpanBatch;
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::record::Encoding;
use spoor_storage::write::RetryMetrics;
use spoor_storage::{RequestContext, SpanWriter, WriteError, Written};
use spoor_topic::memory::{Membership, MemoryTopic};
use spoor_topic::{Bounds, ReadError};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use support::{
    Store, Ward, config, ends, exports, generated, lag, poison, produce, start, start_bounded, until,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_span_of_every_encoding_is_stored_once_and_its_offset_committed() {
    for encoding in [Encoding::Protobuf, Encoding::Json, Encoding::OtlpProto, Encoding::OtlpJson] {
        let (topic, store, ward) = (MemoryTopic::new(3), Store::new(), Arc::new(Ward::default()));
        let keys = produce(&topic, &generated(1_500, 1), encoding).await;
        let ends = ends(&topic).await;
        let flag = format!("--kafka.consumer.encoding={encoding}");
        for flag in [flag.as_str(), "--kafka.consumer.encoding=auto"] {
            let running = start(&topic, &store, &ward, &config(&[flag]));
            until("all is committed", || lag(&topic, &ends) == 0).await;
            assert!(store.holds(&keys) && store.spans().len() == keys.len(), "{encoding}");
            running.stop().await.unwrap();
        }
        assert!(store.spans().values().all(|times| *times == 1), "{encoding}: the second had nothing to do");
        assert!(ward.by_origin().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn poisoned_records_are_set_aside_once_with_their_reasons_and_hold_up_nothing() {
    let (topic, store, ward) = (MemoryTopic::new(2), Store::new(), Arc::new(Ward::default()));
    let batches = generated(1_000, 2);
    let mut keys = produce(&topic, &batches[..1], Encoding::Protobuf).await;
    let poisons: [(Option<&[u8]>, Reason); 5] = [
        (None, Reason::Empty),
        (Some(b""), Reason::Empty),
        (Some(b"\xff\xfe\xfd"), Reason::Malformed),
        (Some(b"\x0a\x10\x01"), Reason::Malformed),
        (Some(&[0x0a, 0x07, 1, 2, 3, 4, 5, 6, 7, 0x12, 8, 1, 1, 1, 1, 1, 1, 1, 1]), Reason::Malformed),
    ];
    let mut expected = Vec::new();
    for (payload, reason) in poisons {
        expected.push((poison(&topic, payload).await, reason, payload.map(<[u8]>::to_vec)));
    }
    keys.extend(produce(&topic, &batches[1..], Encoding::Protobuf).await);
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &config(&[]));
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(store.holds(&keys));
    let letters = ward.by_origin();
    assert_eq!(letters.len(), expected.len());
    for (place, reason, payload) in expected {
        let (letter, times) = &letters[&place];
        assert_eq!((letter.reason, *times, &*letter.topic), (reason, 1, support::TOPIC), "{}", letter.detail);
        assert_eq!(letter.payload.as_deref(), payload.as_deref());
        assert!(letter.written.is_some());
    }
    assert_eq!(running.metric("spoor_ingester_records_quarantined_total"), 5.0);
    assert_eq!(running.metric("spoor_ingester_quarantined_total"), 5.0);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_the_store_refuses_makes_its_record_a_letter_and_the_others_are_stored() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    let batches = generated(500, 3);
    let name = batches[0].span(0).unwrap().name().to_owned();
    let refused: Vec<_> = batches[0].spans().filter(|span| span.name() == name).collect();
    *store.refused.lock().unwrap() = Some(name.clone());
    let keys = produce(&topic, &batches, Encoding::OtlpProto).await;
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &config(&["--kafka.consumer.encoding=otlp_proto"]));
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert_eq!(store.spans().len() + refused.len(), keys.len());
    let traces: std::collections::BTreeSet<_> = refused.iter().map(|span| span.trace_id()).collect();
    let letters = ward.by_origin();
    assert_eq!(letters.len(), traces.len(), "a record a trace");
    for (letter, _) in letters.values() {
        assert_eq!(letter.reason, Reason::Refused);
        assert!(letter.detail.contains("a field is of another type"), "{}", letter.detail);
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_over_which_the_program_fails_is_set_aside_alone_and_its_company_is_stored() {
    let (topic, store, ward) = (MemoryTopic::new(2), Store::new(), Arc::new(Ward::default()));
    let batches = generated(1_000, 8);
    let name = batches[1].span(7).unwrap().name().to_owned();
    let breaking = |batch: &SpanBatch| batch.spans().filter(|span| span.name() == name).count();
    let broken: usize = batches.iter().map(breaking).sum();
    *store.breaks.lock().unwrap() = Some(name.clone());
    let keys = produce(&topic, &batches, Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &config(&[]));
    until("all is committed", || lag(&topic, &ends) == 0).await;
    let letters = ward.by_origin();
    assert_eq!((letters.len(), store.spans().len()), (broken, keys.len() - broken));
    assert_eq!(running.metric("spoor_ingester_spans_stored_total"), (keys.len() - broken) as f64);
    for (letter, times) in letters.values() {
        assert_eq!((letter.reason, *times), (Reason::Broken, 1));
        assert!(letter.detail.contains("report it"), "{}", letter.detail);
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_beside_the_records_ends_the_ingester_and_commits_nothing_of_them() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    ward.breaks.store(true, Ordering::Relaxed);
    poison(&topic, Some(b"\xff\xfe\xfd")).await;
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &config(&[]));
    let error = running.end().await.unwrap_err();
    assert!(error.to_string().contains("read again after a restart"), "{error}");
    assert_eq!(lag(&topic, &ends), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_told_when_spans_were_received() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    let now = || {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        spoor_model::UnixNanos::ZERO.saturating_add(since_epoch)
    };
    let before = now();
    produce(&topic, &generated(100, 9), Encoding::Protobuf).await;
    let after = now();
    let ends = ends(&topic).await;
    let running = start(&topic, &store, &ward, &config(&[]));
    until("all is committed", || lag(&topic, &ends) == 0).await;
    for received in store.received.lock().unwrap().iter() {
        let received = received.expect("each record has its time");
        // Records tell milliseconds.
        assert!(before.millis() <= received.start.millis() && received.start <= received.end, "{received:?}");
        assert!(received.end <= after, "{received:?}");
    }
    running.stop().await.unwrap();
}

/// A store before which writes wait until they are let in.
struct Gated {
    store: Arc<Store>,
    gate: Semaphore,
    come: AtomicUsize,
}

#[async_trait]
impl SpanWriter for Gated {
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        self.come.fetch_add(1, Ordering::Relaxed);
        let _let_in = self.gate.acquire().await.expect("nobody takes the gate away");
        self.store.write(context, batch).await
    }
}

/// An ingester before it, and what stops it.
fn start_before(
    gated: &Arc<Gated>,
    topic: &MemoryTopic,
    ward: &Arc<Ward>,
    config: &Config,
) -> (CancellationToken, JoinHandle<Result<(), ReadError>>) {
    let parts = Parts {
        topic: support::TOPIC.to_owned(),
        reader: Arc::new(topic.reader(Membership::of(support::GROUP))),
        writer: gated.clone(),
        store_away: StoreAway::by(|| None),
        retries: RetryMetrics::default(),
        quarantine: ward.clone(),
    };
    let ingester = Ingester::build(config, parts, &mut Registry::default());
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(ingester.run(stop)))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_partition_and_a_slow_store_have_twenty_writes_under_way_and_right_offsets() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    *store.latency.lock().unwrap() = Duration::from_millis(50);
    let keys = produce(&topic, &generated(30_000, 4), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let gated = Arc::new(Gated { store: store.clone(), gate: Semaphore::new(0), come: AtomicUsize::new(0) });
    // None is given up before it is let in, however long a busy machine takes to bring the others.
    let (stop, running) = start_before(&gated, &topic, &ward, &config(&["--ingester.write-timeout=10m"]));
    until("twenty writes are under way", || gated.come.load(Ordering::Relaxed) >= 20).await;
    let held = gated.come.load(Ordering::Relaxed);
    gated.gate.add_permits(Semaphore::MAX_PERMITS);
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(store.holds(&keys));
    let most = store.most_under_way.load(Ordering::Relaxed).max(held);
    assert!(most <= 24, "{most} writes at most");
    stop.cancel();
    running.await.expect("an ingester does not break").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_whole_export_and_without_a_key_is_stored_whole() {
    let (topic, store, ward) = (MemoryTopic::new(3), Store::new(), Arc::new(Ward::default()));
    let exports = exports(1_000, 8);
    let mut keys = Vec::new();
    for export in &exports {
        poison(&topic, Some(export)).await;
        keys.extend(support::keys(&decode_export_request(export.clone()).unwrap()));
    }
    let ends = ends(&topic).await;
    assert_eq!(ends.iter().sum::<i64>(), i64::try_from(exports.len()).unwrap());
    let running = start(&topic, &store, &ward, &config(&["--kafka.consumer.encoding=otlp_proto"]));
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(store.holds(&keys) && store.spans().len() == keys.len());
    assert!(ward.by_origin().is_empty());
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_takes_in_pieces_is_settled_in_pieces() {
    let (topic, store, ward) = (MemoryTopic::new(1), Store::new(), Arc::new(Ward::default()));
    store.stores_at_most.store(100, Ordering::Relaxed);
    let keys = produce(&topic, &generated(500, 5), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let whole = config(&["--ingester.parallelism=1", "--ingester.batch-max-bytes=1MiB"]);
    let running = start(&topic, &store, &ward, &whole);
    until("all is committed", || lag(&topic, &ends) == 0).await;
    // Where all were committed together there would be that one, and the one with which a group begins.
    assert!(running.metric("jaeger_ingester_offset_commits_total") >= 5.0, "each piece is committed");
    assert!(store.spans().values().all(|times| *times == 1), "only what is open is written again");
    assert!(store.holds(&keys));
    assert!(running.metric("jaeger_ingester_span_processor_retry_attempts_total") >= 4.0);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_readers_bounds_is_under_way_while_the_store_is_away() {
    let (topic, store, ward) = (MemoryTopic::new(2), Store::new(), Arc::new(Ward::default()));
    store.down.store(true, Ordering::Relaxed);
    let keys = produce(&topic, &generated(5_000, 6), Encoding::Protobuf).await;
    let ends = ends(&topic).await;
    let bounds = Bounds { records: 800, ..Bounds::default() };
    let running = start_bounded(&topic, &store, &ward, &config(&[]), bounds);
    until("the bound is reached", || running.metric("spoor_ingester_records_in_flight") >= 800.0).await;
    until("it is tried again", || store.attempts.load(Ordering::Relaxed) > 20).await;
    assert_eq!(running.metric("spoor_ingester_records_in_flight"), 800.0);
    assert_eq!(lag(&topic, &ends), ends.iter().sum::<i64>(), "nothing is committed");
    store.down.store(false, Ordering::Relaxed);
    until("all is committed", || lag(&topic, &ends) == 0).await;
    assert!(store.holds(&keys));
    running.stop().await.unwrap();
}

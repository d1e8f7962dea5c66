//! A topic in memory, a store and a quarantine that can be made to fail, and an ingester between them.

#![allow(dead_code, reason = "each story uses its part")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use clap::{Args, Command, FromArgMatches};
use prometheus_client::registry::Registry;
use spoor_ingester::quarantine::{Letter, Quarantine, QuarantineError};
use spoor_ingester::{Config, Health, Ingester, Parts, StoreAway};
use spoor_load::{GenerateConfig, Protocol, Requests};
use spoor_model::{SpanBatch, TimeRange, TraceId, UnixNanos};
use spoor_proto::convert::otlp::decode_export_request;
use spoor_proto::record::{Encoding, RecordEncoder};
use spoor_storage::write::RetryMetrics;
use spoor_storage::{Rejection, RequestContext, SpanWriter, WriteError, WriteErrorKind, Written};
use spoor_topic::memory::{Membership, MemoryTopic};
use spoor_topic::{Bounds, OutgoingRecord, Place, ReadError, TopicWriter, partition_of_key};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const TOPIC: &str = "spans";
pub(crate) const GROUP: &str = "ingesters";

/// A span's identity.
pub(crate) type Key = (u128, u64);

/// Settings as the flags give them.
pub(crate) fn config(flags: &[&str]) -> Config {
    let command = Config::augment_args(Command::new("ingester").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).expect("flags of the ingester");
    Config::from_arg_matches(&matches).expect("every setting has a default")
}

/// Requests of OTLP as the generator makes them, of at most 512 spans of several traces: what an exporter of Jaeger v2 makes one record of.
pub(crate) fn exports(spans: u64, seed: u64) -> Vec<Bytes> {
    let config = GenerateConfig { seed, ..GenerateConfig::default() }.with_spans(spans);
    let requests = Requests::new(&config, UnixNanos(1_787_227_200_000_000_000), Protocol::OtlpGrpc);
    requests.map(|request| request.body).collect()
}

/// Their spans.
pub(crate) fn generated(spans: u64, seed: u64) -> Vec<SpanBatch> {
    let exports = exports(spans, seed).into_iter();
    exports.map(|body| decode_export_request(body).expect("valid OTLP")).collect()
}

pub(crate) fn keys(batch: &SpanBatch) -> Vec<Key> {
    batch.spans().map(|span| (span.trace_id().0, span.span_id().0)).collect()
}

/// Writes the spans into the topic as a collector would; answers their identities.
pub(crate) async fn produce(topic: &MemoryTopic, batches: &[SpanBatch], encoding: Encoding) -> Vec<Key> {
    let encoder = RecordEncoder::new(encoding, 900_000).expect("an encoding that can be written");
    for batch in batches {
        let records = encoder.encode(batch).records;
        let records: Vec<OutgoingRecord> = records
            .into_iter()
            .map(|record| OutgoingRecord {
                key: Some(record.key),
                payload: Some(record.value),
                headers: Vec::new(),
            })
            .collect();
        write(topic, &records).await;
    }
    batches.iter().flat_map(keys).collect()
}

/// Writes one record that is no span; answers its place.
pub(crate) async fn poison(topic: &MemoryTopic, payload: Option<&[u8]>) -> Place {
    let payload = payload.map(Bytes::copy_from_slice);
    let record = OutgoingRecord { key: None, payload, headers: Vec::new() };
    write(topic, &[record]).await[0]
}

/// The same in this partition.
pub(crate) async fn poison_in(topic: &MemoryTopic, partition: i32) -> Place {
    let keys = (0..).map(|number: u32| number.to_string());
    let is_there = |key: &String| partition_of_key(key.as_bytes(), topic.partitions()) == partition;
    let key = keys.into_iter().find(is_there).map(Bytes::from);
    let payload = Some(Bytes::from_static(b"\xff"));
    write(topic, &[OutgoingRecord { key, payload, headers: Vec::new() }]).await[0]
}

/// Whether the spans of this trace are in that partition.
pub(crate) fn lies_in((trace_id, _): &Key, topic: &MemoryTopic, partition: i32) -> bool {
    let digits = TraceId(*trace_id).to_hex();
    let key = if trace_id >> 64 == 0 { &digits[16..] } else { &digits[..] };
    partition_of_key(key, topic.partitions()) == partition
}

async fn write(topic: &MemoryTopic, records: &[OutgoingRecord]) -> Vec<Place> {
    let answers = topic.write(records, Instant::now() + Duration::from_secs(20)).await;
    let place = |answer: Result<spoor_topic::Confirmed, _>| {
        let confirmed = answer.expect("the topic in memory takes it");
        Place { partition: confirmed.partition, offset: confirmed.offset.expect("an offset") }
    };
    answers.into_iter().map(place).collect()
}

/// A store that counts how often it was given each span, and fails as it is told.
#[derive(Default)]
pub(crate) struct Store {
    spans: Mutex<HashMap<Key, usize>>,
    pub(crate) down: AtomicBool,
    /// Spans of these names are refused for good.
    pub(crate) refused: Mutex<Option<String>>,
    /// The writer panics over spans of these names.
    pub(crate) breaks: Mutex<Option<String>>,
    /// What each write was told about the time of receipt.
    pub(crate) received: Mutex<Vec<Option<TimeRange>>>,
    /// Of each write, only so many spans are stored; the rest stays open.
    pub(crate) stores_at_most: AtomicUsize,
    pub(crate) latency: Mutex<Duration>,
    /// For whoever looks without writing.
    pub(crate) unreachable_since: Mutex<Option<Instant>>,
    under_way: AtomicUsize,
    pub(crate) most_under_way: AtomicUsize,
    pub(crate) attempts: AtomicUsize,
}

impl Store {
    pub(crate) fn new() -> Arc<Self> {
        let store = Self::default();
        store.stores_at_most.store(usize::MAX, Ordering::Relaxed);
        Arc::new(store)
    }

    pub(crate) fn spans(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.spans.lock().expect("no panic under the lock")
    }

    /// What somebody who looks at it sees.
    fn unreachable(self: &Arc<Self>) -> StoreAway {
        let store = Arc::clone(self);
        StoreAway::by(move || {
            let since = *store.unreachable_since.lock().expect("no panic under the lock");
            since.map(|since| (since, "nobody answers".to_owned()))
        })
    }

    pub(crate) fn holds(&self, keys: &[Key]) -> bool {
        let spans = self.spans();
        keys.iter().all(|key| spans.contains_key(key))
    }

    fn answer(&self, batch: &SpanBatch) -> Result<Written, WriteError> {
        if self.down.load(Ordering::Relaxed) {
            let kind = WriteErrorKind::Unavailable;
            return Err(WriteError::nothing_settled(kind, batch.len(), "the store is away"));
        }
        let refused = self.refused.lock().expect("no panic under the lock").clone();
        let most = self.stores_at_most.load(Ordering::Relaxed);
        let (mut settled, mut unfinished) = (Written::default(), Vec::new());
        for (index, span) in batch.spans().enumerate() {
            if refused.as_deref() == Some(span.name()) {
                let (trace_id, span_id) = (span.trace_id(), span.span_id());
                let reason = "a field is of another type".to_owned();
                settled.rejected.push(Rejection { index, trace_id, span_id, reason });
            } else if settled.stored < most {
                *self.spans().entry((span.trace_id().0, span.span_id().0)).or_default() += 1;
                settled.stored += 1;
            } else {
                unfinished.push(index);
            }
        }
        if unfinished.is_empty() {
            return Ok(settled);
        }
        Err(WriteError {
            kind: WriteErrorKind::Busy,
            attempted: batch.len(),
            settled,
            unfinished,
            retry_after: None,
            source: "no room for more".into(),
        })
    }
}

#[async_trait]
impl SpanWriter for Store {
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        self.received.lock().expect("no panic under the lock").push(context.received);
        let breaks = self.breaks.lock().expect("no panic under the lock").clone();
        assert!(
            !batch.spans().any(|span| breaks.as_deref() == Some(span.name())),
            "the store's writer breaks"
        );
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_under_way.fetch_max(now, Ordering::Relaxed);
        let latency = *self.latency.lock().expect("no panic under the lock");
        tokio::time::sleep(latency).await;
        let answer = self.answer(batch);
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        answer
    }
}

/// A quarantine that can be away.
#[derive(Default)]
pub(crate) struct Ward {
    letters: Mutex<Vec<Letter>>,
    pub(crate) down: AtomicBool,
    /// It panics.
    pub(crate) breaks: AtomicBool,
}

impl Ward {
    /// The letters by their origin, each with how often it came.
    pub(crate) fn by_origin(&self) -> BTreeMap<Place, (Letter, usize)> {
        let mut all = BTreeMap::new();
        for letter in self.letters.lock().expect("no panic under the lock").iter() {
            all.entry(letter.place).or_insert_with(|| (letter.clone(), 0)).1 += 1;
        }
        all
    }
}

#[async_trait]
impl Quarantine for Ward {
    async fn set_aside(&self, letters: &[Letter], _: Instant) -> Vec<Result<(), QuarantineError>> {
        assert!(!self.breaks.load(Ordering::Relaxed), "the quarantine breaks");
        let set_aside = |letter: &Letter| {
            if self.down.load(Ordering::Relaxed) {
                let (destination, problem) = (self.destination(), "it is away".to_owned());
                return Err(QuarantineError { destination, problem, may_heal: true });
            }
            self.letters.lock().expect("no panic under the lock").push(letter.clone());
            Ok(())
        };
        letters.iter().map(set_aside).collect()
    }

    fn destination(&self) -> String {
        "the ward".to_owned()
    }
}

/// A running ingester.
pub(crate) struct Running {
    pub(crate) health: Health,
    pub(crate) registry: Registry,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ReadError>>,
}

impl Running {
    /// Asks it to stop, and waits for its end.
    pub(crate) async fn stop(self) -> Result<(), ReadError> {
        self.stop.cancel();
        self.task.await.expect("an ingester does not break")
    }

    /// Waits for an end that nobody has asked for.
    pub(crate) async fn end(self) -> Result<(), ReadError> {
        let ended = tokio::time::timeout(Duration::from_secs(20), self.task).await;
        ended.expect("it ends in time").expect("an ingester does not break")
    }

    /// Ends it as a crash does: nothing is finished.
    pub(crate) fn kill(self) {
        self.task.abort();
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("a String takes all");
        let is_meant = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let value =
            |line: &str| line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or(f64::NAN);
        text.lines().filter(is_meant).map(value).sum()
    }
}

pub(crate) fn start(topic: &MemoryTopic, store: &Arc<Store>, ward: &Arc<Ward>, config: &Config) -> Running {
    start_as(topic, store, ward, config, Membership::of(GROUP))
}

pub(crate) fn start_bounded(
    topic: &MemoryTopic,
    store: &Arc<Store>,
    ward: &Arc<Ward>,
    config: &Config,
    bounds: Bounds,
) -> Running {
    start_as(topic, store, ward, config, Membership { bounds, ..Membership::of(GROUP) })
}

fn start_as(
    topic: &MemoryTopic,
    store: &Arc<Store>,
    ward: &Arc<Ward>,
    config: &Config,
    membership: Membership,
) -> Running {
    let mut registry = Registry::default();
    let parts = Parts {
        topic: TOPIC.to_owned(),
        reader: Arc::new(topic.reader(membership)),
        writer: store.clone(),
        store_away: store.unreachable(),
        retries: RetryMetrics::default(),
        quarantine: ward.clone(),
    };
    let ingester = Ingester::build(config, parts, &mut registry);
    let (health, stop) = (ingester.health(), CancellationToken::new());
    let task = tokio::spawn(ingester.run(stop.clone()));
    Running { health, registry, stop, task }
}

/// What is committed in all partitions is all that was written.
pub(crate) fn lag(topic: &MemoryTopic, ends: &[i64]) -> i64 {
    let committed = |(partition, end): (usize, &i64)| {
        end - topic.committed(GROUP, i32::try_from(partition).expect("few partitions")).unwrap_or(0)
    };
    ends.iter().enumerate().map(committed).sum()
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Each partition's end, told by a group of its own that reads everything.
pub(crate) async fn ends(topic: &MemoryTopic) -> Vec<i64> {
    use spoor_topic::TopicReader;
    let reader = topic.reader(Membership::of("ends"));
    loop {
        if let Some(spoor_topic::Event::Assigned(_)) = reader.next().await.expect("memory can be read") {
            let mut status = reader.status().partitions;
            status.sort_by_key(|status| status.partition);
            return status.iter().map(|status| status.end.expect("memory knows its end")).collect();
        }
    }
}

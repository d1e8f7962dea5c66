//! A server whose answers to bulks are scripted, and writes that it is sent.

use std::time::Duration;

use prometheus_client::registry::Registry;
use spoor_model::SpanBatch;
use spoor_storage::conformance::{Sample, batch_of, some_minutes_ago, trace_id};
use spoor_storage::{RequestContext, SpanWriter, WriteError, Written};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore};

use super::fake::{Answer, Asked, FakeServer, healthy, stored};

/// A store behind this one server.
pub fn open(server: &FakeServer, change: impl FnOnce(&mut Config)) -> ElasticsearchStore {
    open_counted(server, change).0
}

/// As [`open`], with its metrics.
pub fn open_counted(server: &FakeServer, change: impl FnOnce(&mut Config)) -> (ElasticsearchStore, Registry) {
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().expect("it can work")];
    change(&mut config);
    let mut registry = Registry::default();
    (ElasticsearchStore::open(&config, &mut registry).expect("it can work"), registry)
}

/// A counter or gauge, by the beginning of its line.
pub fn metric(registry: &Registry, name: &str) -> usize {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).expect("metrics are text");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
    line.trim().parse().expect("a whole number")
}

/// What was counted of the documents in bulks (spans and services), each time they were sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Documents {
    pub stored: usize,
    pub rejected: usize,
    pub unfinished: usize,
}

impl Documents {
    pub fn counted(registry: &Registry) -> Self {
        let of = |outcome: &str| {
            metric(registry, &format!("spoor_elasticsearch_bulk_documents_total{{outcome=\"{outcome}\"}} "))
        };
        Self { stored: of("stored"), rejected: of("rejected"), unfinished: of("unfinished") }
    }

    pub fn all(&self) -> usize {
        self.stored + self.rejected + self.unfinished
    }
}

/// Makes sure that every bulk that the server got is counted, these many as bulks of which every document was stored.
pub fn assert_bulks_counted(registry: &Registry, server: &FakeServer, whole: usize) {
    let [attempts, inserts, errors] = ["attempts", "inserts", "errors"]
        .map(|what| metric(registry, &format!("jaeger_bulk_index_{what}_total ")));
    assert_eq!((attempts, inserts), (server.asked("_bulk").len(), whole));
    assert_eq!(attempts, inserts + errors);
}

/// Waits until so many bytes are in the queue.
pub async fn queued(registry: &Registry, enough: impl Fn(usize) -> bool) {
    while !enough(metric(registry, "spoor_elasticsearch_bulk_queue_bytes ")) {
        tokio::task::yield_now().await;
    }
}

/// A server whose bulks wait until the sender is dropped, and then are stored.
pub fn held_bulks() -> (std::sync::mpsc::Sender<()>, FakeServer) {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let server = bulks(move |asked| {
        let _ = held.lock().expect("no panic in a server thread").recv();
        (200, "", stored(asked.actions()))
    });
    (hold, server)
}

/// Twenty seconds.
pub fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(20))
}

/// Spans of one service and operation.
pub fn spans(count: u64) -> SpanBatch {
    let start = some_minutes_ago();
    let samples: Vec<_> = (1..=count).map(|span| Sample::new(trace_id(1), span, start)).collect();
    batch_of(&samples)
}

pub async fn write(store: &ElasticsearchStore, count: u64) -> Result<Written, WriteError> {
    store.writer().write(&context(), &spans(count)).await
}

/// Answers bulks with `answer` and everything else as a healthy server.
pub fn bulks(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> FakeServer {
    FakeServer::start(
        move |asked| if asked.line.starts_with("POST /_bulk") { answer(asked) } else { healthy(asked) },
    )
}

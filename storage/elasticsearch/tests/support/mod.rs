//! A store of one's own on the shared test server: an index prefix that nobody else has, gone at the end.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part")]

pub mod bulks;
pub mod connection;
pub mod fake;
pub mod golden;
pub mod log;
pub mod schema;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use serde_json::Value;
use spoor_model::{SpanBatch, SpanKind, SpanMetricsQuery, TimeRange, UnixNanos};
use spoor_storage::conformance::{Fixture, context, some_minutes_ago};
use spoor_storage::{SpanReader, SpanWriter, WriteError, WriteErrorKind, Written};
use spoor_storage_elasticsearch::{
    Config, ElasticsearchReader, ElasticsearchStore, ElasticsearchWriter, Layout,
};

pub const URL_VARIABLE: &str = "SPOOR_TEST_OPENSEARCH_URL";

/// How long the server may have no room for a request (429): its heap is small, and all tests load it.
const NO_ROOM: Duration = Duration::from_secs(120);
/// Before it is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// A fresh, empty store.
pub struct OwnStore {
    pub store: ElasticsearchStore,
    pub prefix: String,
    /// When the spans of this store begin: one moment for the whole test.
    pub base: UnixNanos,
    pub registry: Registry,
    /// What it was opened with.
    pub config: Config,
    writer: std::sync::Arc<ElasticsearchWriter>,
    reader: std::sync::Arc<ElasticsearchReader>,
}

/// Address of the server, `http://HOST:PORT`.
pub fn server_url() -> String {
    std::env::var(URL_VARIABLE).unwrap_or_else(|_| {
        panic!("this test needs OpenSearch: run `cargo xtask test`, or `cargo xtask servers up` and set {URL_VARIABLE}")
    })
}

/// The version of a server that does not tell it, else 0.
fn version() -> u32 {
    std::env::var("SPOOR_TEST_SERVER_VERSION")
        .map_or(0, |version| version.parse().expect("the variable holds a number"))
}

/// A prefix that nobody has.
pub fn new_prefix() -> String {
    format!("t{:016x}", fastrand::u64(..))
}

/// Two shards, so that what is right on one only is noticed; no replicas on a single node.
pub fn config(prefix: &str) -> Config {
    let mut config = Config::default();
    config.connection.server_urls = vec![server_url().parse().expect("the variable holds a URL")];
    config.connection.version = version();
    config.indices.prefix = prefix.to_owned();
    (config.templates.num_shards, config.templates.num_replicas) = (2, 0);
    config
}

/// A question about spans of servers in the minute of this moment, service by service.
pub fn of_that_minute(service: &str, moment: UnixNanos) -> SpanMetricsQuery {
    let minute = Duration::from_secs(60);
    let point = UnixNanos(moment.0 - moment.0 % 60_000_000_000).saturating_add(minute);
    SpanMetricsQuery {
        services: vec![service.to_owned()],
        kinds: vec![SpanKind::Server],
        by_operation: false,
        range: TimeRange { start: point, end: point },
        step: minute,
        rate_per: minute,
    }
}

/// What becomes of a write, once the server has room for it.
pub async fn write(writer: &dyn SpanWriter, batch: &SpanBatch) -> Result<Written, WriteError> {
    let limit = Instant::now() + NO_ROOM;
    loop {
        let written = writer.write(&context(), batch).await;
        let is_busy = written.as_ref().is_err_and(|error| error.kind == WriteErrorKind::Busy);
        if !is_busy || Instant::now() >= limit {
            return written;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes what sets the scene: all of it is stored.
pub async fn write_all(writer: &dyn SpanWriter, batch: &SpanBatch) {
    let written = write(writer, batch).await.expect("the server takes it");
    assert_eq!((written.stored, &written.rejected[..]), (batch.len(), &[][..]));
}

/// Waits until it is so, for a minute.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < limit, "waited in vain: {what}");
        tokio::task::yield_now().await;
    }
}

impl OwnStore {
    pub fn open() -> Self {
        Self::open_with(|_| {})
    }

    /// With settings of its own.
    pub fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        let prefix = new_prefix();
        let mut config = config(&prefix);
        change(&mut config);
        let mut registry = Registry::default();
        let store = ElasticsearchStore::open(&config, &mut registry).expect("the settings can work");
        Self {
            writer: store.writer(),
            reader: store.reader(),
            store,
            prefix,
            base: some_minutes_ago(),
            config,
            registry,
        }
    }

    /// Makes what was written visible.
    pub fn refresh(&self) {
        request("POST", &format!("/{}*/_refresh", self.prefix), None);
    }

    /// Documents in the prefix's indices whose names hold `part`.
    pub fn count(&self, part: &str) -> u64 {
        self.refresh();
        request("GET", &format!("/{}*{part}*/_count", self.prefix), None)["count"].as_u64().expect("a count")
    }
}

impl Drop for OwnStore {
    fn drop(&mut self) {
        if TcpStream::connect(address()).is_err() {
            return; // The server is gone, and its indices with it.
        }
        let names = request("GET", &format!("/{}*?filter_path=*.aliases", self.prefix), None);
        for name in names.as_object().into_iter().flat_map(|names| names.keys()) {
            request("DELETE", &format!("/{name}"), None);
        }
        for templates in ["_template", "_index_template"] {
            request("DELETE", &format!("/{templates}/{}*", self.prefix), None);
        }
    }
}

#[async_trait]
impl Fixture for OwnStore {
    fn writer(&self) -> &dyn SpanWriter {
        &*self.writer
    }

    fn reader(&self) -> &dyn SpanReader {
        &*self.reader
    }

    async fn settle(&self) {
        self.refresh();
    }

    fn excused(&self) -> &[(&'static str, &'static str)] {
        if self.config.layout.layout == Layout::Compact {
            return &[];
        }
        &[
            (
                "the_status_tag_of_a_failed_span_is_found",
                "in Jaeger's documents a failed status and an attribute error=true are the same tag, so both are found",
            ),
            (
                "every_type_size_and_part_of_a_span_can_be_asked_for",
                "Jaeger's documents have no types, no attributes of scopes and links, and no nanoseconds",
            ),
            (
                "pages_of_a_filter_name_every_trace_once",
                "Jaeger's documents have no sizes, and parents are asked for by reading alone",
            ),
        ]
    }
}

fn address() -> String {
    server_url().trim_start_matches("http://").trim_end_matches('/').to_owned()
}

/// One request to the test server; the answer as JSON, whatever its status.
pub fn request(method: &str, path: &str, body: Option<&Value>) -> Value {
    exchange(method, path, "application/json", &body.map(Value::to_string).unwrap_or_default())
}

/// Sends lines of JSON to the test server; the answer as JSON, whatever its status.
pub fn post_lines(path: &str, lines: &str) -> Value {
    exchange("POST", path, "application/x-ndjson", lines)
}

/// Asks until the server has room for it.
#[expect(clippy::disallowed_methods, reason = "the exchange itself blocks the thread, too")]
fn exchange(method: &str, path: &str, content_type: &str, body: &str) -> Value {
    let limit = Instant::now() + NO_ROOM;
    loop {
        let (status, answer) = exchange_once(method, path, content_type, body);
        if status != "429" || Instant::now() >= limit {
            return serde_json::from_str(&answer).unwrap_or(Value::Null);
        }
        std::thread::sleep(PAUSE);
    }
}

/// The status of the answer, and its body.
fn exchange_once(method: &str, path: &str, content_type: &str, body: &str) -> (String, String) {
    let address = address();
    let mut connection = TcpStream::connect(&address).expect("connect to the test server");
    connection.set_read_timeout(Some(Duration::from_secs(60))).expect("it is not zero");
    write!(
        connection,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("send to the test server");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("read the test server's answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head.split_whitespace().nth(1).expect("an answer has a status");
    let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    (status.to_owned(), if is_chunked { of_chunks(body) } else { body.to_owned() })
}

/// What the chunks of a body hold; newer servers send long answers so, whatever version of HTTP is asked in.
fn of_chunks(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).expect("a chunk begins with its length");
        if length == 0 {
            break;
        }
        whole.push_str(&rest[..length]);
        body = rest[length..].trim_start_matches("\r\n");
    }
    whole
}

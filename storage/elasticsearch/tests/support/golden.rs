//! What a store is sent, in a form for review, compared with the files under `testdata/requests`.
//! With `SPOOR_REWRITE_GOLDEN=1` the tests write the files anew; review them before committing.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use spoor_model::{
    ReferenceKind, SpanBatch, SpanKind, StatusCode, TimeRange, TraceId, TraceQuery, UnixNanos, ValueView,
};
use spoor_storage::RequestContext;
use spoor_storage::conformance::{Sample, SampleEvent, SampleLink, batch_of, trace_id};
use spoor_storage_elasticsearch::{Config, Frequency};

use super::fake::{Answer, Asked, FakeServer, healthy};

const REWRITE: &str = "SPOOR_REWRITE_GOLDEN";
/// 2026-08-20T12:00:00Z, in milliseconds.
pub const NOON: u64 = 1_787_227_200_000;
/// Every version that the settings know, as numbers of `--es.version`.
pub const VERSIONS: [u32; 6] = [7, 8, 9, 101, 102, 103];
/// Of an answer to a search: nothing is missing.
pub const WHOLE: &str = r#""timed_out":false,"_shards":{"total":1,"successful":1,"failed":0}"#;
/// So long that lists of indices are patterns, whatever day it is.
pub const AGES: Duration = Duration::from_secs(200 * 365 * 86_400);

/// Settings for this one server, which is said to be of that version.
pub fn config(server: &FakeServer, version: u32) -> Config {
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().expect("it can work")];
    config.connection.version = version;
    config.indices.span_window_past = AGES;
    config.indices.span_window_future = AGES;
    config.indices.max_span_age = AGES;
    // Less than any caller has, so that the store is always told the same time.
    config.connection.timeout = Duration::from_secs(30);
    config.indices.max_doc_count = 3;
    config
}

pub fn daily(_: &mut Config) {}

pub fn hourly_with_remote(config: &mut Config) {
    config.indices.prefix = "prod".to_owned();
    config.indices.date_separator = ".".to_owned();
    config.indices.rollover_frequency_spans = Frequency::Hour;
    config.indices.remote_read_clusters = vec!["east".to_owned()];
}

pub fn behind_aliases(config: &mut Config) {
    config.indices.use_aliases = true;
    config.indices.span_read_alias = Some("spans-to-read".to_owned());
    config.indices.span_write_alias = Some("spans-to-write".to_owned());
}

/// Ten minutes.
pub fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(600))
}

/// So many microseconds behind noon.
pub fn at_noon(micros: u64) -> UnixNanos {
    UnixNanos(NOON * 1_000_000 + micros * 1_000)
}

/// A trace of two services on both sides of midnight, with an attribute of each simple kind, an event, a link and a status.
pub fn spans() -> SpanBatch {
    let root = Sample {
        status: StatusCode::Error,
        status_message: "out of stock",
        trace_state: "vendor=1",
        scope: ("lib", "2.1"),
        resource: vec![("host.name", ValueView::Str("h1"))],
        events: vec![SampleEvent {
            time: at_noon(7),
            name: "exception",
            attributes: vec![("exception.type", ValueView::Str("Oops"))],
        }],
        ..Sample::new(trace_id(1), 1, at_noon(1))
    }
    .with("http.status_code", ValueView::Int(503))
    .with("ratio", ValueView::Double(0.5))
    .with("retried", ValueView::Bool(true))
    .with("body", ValueView::Bytes(b"\x00\xff"));
    let child = Sample {
        parent: 1,
        service: "stock",
        name: "SELECT \"item\"",
        kind: SpanKind::Client,
        links: vec![SampleLink { trace_id: TraceId(42), span_id: 9, kind: ReferenceKind::FollowsFrom }],
        ..Sample::new(trace_id(1), 2, UnixNanos((NOON - 13 * 3_600_000) * 1_000_000))
    };
    batch_of(&[root, child])
}

/// Searches from noon of the day before to noon.
pub fn question() -> TraceQuery {
    TraceQuery {
        service: Some("shop".to_owned()),
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: UnixNanos((NOON - 86_400_000) * 1_000_000), end: at_noon(123) },
        duration_min: None,
        duration_max: None,
        limit: 20,
        enough_spans: usize::MAX,
        filter: None,
    }
}

/// Answers of a server that finds two traces and shows pages that may go on: each question goes on as far as it can.
pub fn found_and_goes_on(asked: &Asked) -> Answer {
    if asked.line.contains("/_msearch") {
        let items: Vec<String> = asked.body.lines().skip(1).step_by(2).map(of_a_found_trace).collect();
        return (200, "", format!(r#"{{"responses":[{}]}}"#, items.join(",")));
    }
    if !asked.line.contains("/_search") {
        return healthy(asked);
    }
    if asked.body.contains("\"regexp\"") && asked.body.contains("[not an expression") {
        return (400, "", r#"{"error":{"type":"query_shard_exception","reason":"failed"}}"#.to_owned());
    }
    let first = !asked.body.contains("\"after\"") && !asked.body.contains("\"search_after\"");
    let found = if asked.body.contains("\"composite\"") && first {
        r#","aggregations":{"names":{"buckets":[{"key":{"name":"a \"b\""}}],"after_key":{"name":"a \"b\""}}}"#
            .to_owned()
    } else if asked.body.contains("\"collapse\"") {
        let hit = |id| format!(r#"{{"fields":{{"traceID":["{id}"]}},"sort":[1787227200000000,"{id}"]}}"#);
        format!(r#","hits":{{"hits":[{},{}]}}"#, hit("feed0000000000010000000000000001"), hit("2a"))
    } else if asked.body.contains("\"terms\"") && first {
        let hit = |span: u64| {
            format!(
                r#"{{"_source":{{"traceID":"feed0000000000010000000000000001","spanID":"{span:016x}","operationName":"o","startTime":1787227200000000,"duration":1,"process":{{"serviceName":"s"}}}},"sort":[1787227200000000,"{span:016x}"]}}"#
            )
        };
        format!(r#","hits":{{"hits":[{},{},{}]}}"#, hit(1), hit(2), hit(3))
    } else {
        String::new()
    };
    (200, "", format!("{{{WHOLE}{found}}}"))
}

/// What a search tells of a trace that another one found: its spans, or what they add up to.
fn of_a_found_trace(question: &str) -> String {
    let found = if question.contains("\"aggs\"") {
        r#","aggregations":{"spans":{"value":1},"start":{"value":5},"end":{"value":6},"services":{"sum_other_doc_count":0,"buckets":[{"key":"s","doc_count":1}]}}"#
    } else if question.contains("\"sort\"") {
        r#","hits":{"hits":[{"_source":{"traceID":"2a","spanID":"1","operationName":"o","startTime":5,"duration":1,"process":{"serviceName":"s"}},"sort":[5,"1"]}]}"#
    } else {
        ""
    };
    format!("{{{WHOLE},\"status\":200{found}}}")
}

/// Line, content type and body: JSON spread over lines, lines of JSON as they are.
pub fn shown(asked: &Asked) -> String {
    let Some(content_type) = asked.headers.iter().find(|header| header.starts_with("content-type: ")) else {
        return asked.line.clone() + "\n";
    };
    let body = match serde_json::from_str::<Value>(&asked.body) {
        Ok(body) => serde_json::to_string_pretty(&body).expect("a JSON value is text") + "\n",
        Err(_) => asked.body.clone(),
    };
    format!("{}\n{content_type}\n\n{body}", asked.line)
}

/// What is of one run and of no other: all that stands between the first text and the next of the second, and a name for it.
pub type Passing = (&'static str, &'static str, &'static str);

/// The text with the names in place of what passes.
pub fn without_passing(text: &str, (before, after, name): Passing) -> String {
    let mut pieces = text.split(before);
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let behind = piece.find(after).map_or(piece, |at| &piece[at..]);
        kept.extend([before, "<", name, ">", behind]);
    }
    kept
}

/// Compares with the reviewed file what each of the versions is sent.
pub fn compare(file: &str, sent: &[(u32, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/requests").join(file);
    if std::env::var_os(REWRITE).is_some() {
        std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder to write to");
        std::fs::write(&path, &sent[0].1).expect("a file to write to");
    }
    let reviewed = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; {REWRITE}=1 writes it", path.display()));
    assert!(!reviewed.is_empty(), "{file} holds nothing");
    for (version, sent) in sent {
        assert_eq!(*sent, reviewed, "{file}, server {version}; {REWRITE}=1 writes it anew");
    }
}

/// Requests of one kind to servers of some versions, which answer so.
pub struct Requests {
    pub versions: &'static [u32],
    /// Lines with one of these are looked at, in the order in which they came; templates have files of their own.
    pub lines: &'static [&'static str],
    pub passing: &'static [Passing],
    pub answer: fn(&Asked) -> Answer,
}

impl Requests {
    /// Compares with the reviewed file what is sent, whatever version the server has.
    pub async fn compare<T>(&self, file: &str, change: fn(&mut Config), ask: impl AsyncFn(&Config) -> T) {
        let mut all = Vec::new();
        for &version in self.versions {
            let server = FakeServer::start(self.answer);
            let mut config = config(&server, version);
            change(&mut config);
            // What asks by itself does so as long as it is there.
            let asker = ask(&config).await;
            all.push((version, self.first_sent(&server).await));
            drop(asker);
        }
        compare(file, &all);
    }

    /// All that was sent, once there is something.
    async fn first_sent(&self, server: &FakeServer) -> String {
        loop {
            let asked = server.asked("").into_iter().filter(|asked| self.concerns(asked));
            let sent = asked.map(|asked| shown(&asked)).collect::<Vec<_>>().join("\n");
            if !sent.is_empty() {
                return self.passing.iter().fold(sent, |text, &what| without_passing(&text, what));
            }
            tokio::task::yield_now().await;
        }
    }

    fn concerns(&self, asked: &Asked) -> bool {
        !asked.line.contains("_template") && self.lines.iter().any(|part| asked.line.contains(part))
    }
}

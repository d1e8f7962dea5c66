//! Every request about dependencies, sampling, locks and metrics, compared with what was reviewed and committed under `testdata/requests`.
//! `SPOOR_REWRITE_GOLDEN=1 cargo test -p spoor-storage-elasticsearch --test requests_about_records` writes the files anew.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus_client::registry::Registry;
use spoor_model::{
    DependencyReport, SamplingProbabilities, ServiceCalls, SpanKind, SpanMetricsQuery, Throughput, TimeRange,
    UnixNanos,
};
use spoor_storage::{DependencyStore, LeaseLock, MetricsReader, SamplingStore};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore};
use support::fake::{Answer, Asked, healthy};
use support::golden::{
    AGES, NOON, Passing, Requests, VERSIONS, WHOLE, behind_aliases, context, daily, hourly_with_remote,
};

const LEASE: Duration = Duration::from_secs(60);
/// When somebody wrote a lock, for people.
const WRITTEN: Passing = ("\"Written\": \"", "\"", "now");
/// Each process writes under ids of its own.
const WRITERS: &[Passing] = &[("\"_id\":\"", "_", "this process"), ("/_doc/", "_", "this process")];

fn open(config: &Config) -> ElasticsearchStore {
    ElasticsearchStore::open(config, &mut Registry::default()).unwrap()
}

fn noon() -> UnixNanos {
    UnixNanos::from_millis(NOON)
}

/// The hour before noon.
fn an_hour() -> TimeRange {
    TimeRange { start: noon().saturating_sub(Duration::from_secs(3_600)), end: noon() }
}

/// Answers searches with a page that is full, and then with nothing more.
fn full_pages(asked: &Asked) -> Answer {
    if asked.line.starts_with("POST /_search/scroll") {
        return (200, "", format!(r#"{{"_scroll_id":"a view","hits":{{"hits":[]}},{WHOLE}}}"#));
    }
    if !asked.line.contains("/_search?") {
        return healthy(asked);
    }
    let source = r#"{"dependencies":[],"throughputs":{"Service":"shop","Operation":"buy","Count":1}}"#;
    let hit = format!(r#"{{"_source":{source},"sort":[1]}}"#);
    let hits = [hit.as_str(); 3].join(",");
    (200, "", format!(r#"{{"_scroll_id":"a view","hits":{{"hits":[{hits}]}},{WHOLE}}}"#))
}

const DEPENDENCIES: Requests = Requests {
    versions: &VERSIONS,
    lines: &["jaeger-dependencies", "/scroll"],
    passing: &[],
    answer: full_pages,
};

#[tokio::test]
async fn dependencies_are_written_and_read_by_the_reviewed_requests() {
    let write = async |config: &Config| {
        let calls = |parent: &str, child: &str, call_count| ServiceCalls {
            parent: parent.to_owned(),
            child: child.to_owned(),
            call_count,
        };
        let report = DependencyReport {
            day: noon(),
            source: "jaeger".to_owned(),
            calls: vec![calls("shop", "stock", 3), calls("a \"b\"", "shop", 1)],
        };
        open(config).dependencies().write_dependencies(&context(), &report).await.unwrap();
    };
    let read = async |config: &Config| {
        let links = open(config).dependencies().dependencies(&context(), an_hour()).await.unwrap();
        assert_eq!(links, []);
    };
    for (folder, change) in
        [("daily", daily as fn(&mut Config)), ("hourly", hourly_with_remote), ("aliases", behind_aliases)]
    {
        DEPENDENCIES.compare(&format!("{folder}/dependencies-written.txt"), change, write).await;
        DEPENDENCIES.compare(&format!("{folder}/dependencies.txt"), change, read).await;
    }
}

const SAMPLING: Requests = Requests {
    versions: &VERSIONS,
    lines: &["jaeger-sampling", "/_bulk", "/scroll"],
    passing: WRITERS,
    answer: full_pages,
};

/// Looks back as far as there are lists of indices that do not depend on the day.
fn looking_far_back(config: &mut Config) {
    config.sampling.lookback = AGES;
}

fn far_back_with_prefix(config: &mut Config) {
    hourly_with_remote(config);
    looking_far_back(config);
}

fn far_back_behind_aliases(config: &mut Config) {
    behind_aliases(config);
    looking_far_back(config);
}

/// A folder of files, and the settings that are looked at in it.
type Settings = (&'static str, fn(&mut Config));

const SAMPLED: [Settings; 3] =
    [("daily", looking_far_back), ("hourly", far_back_with_prefix), ("aliases", far_back_behind_aliases)];

#[tokio::test]
async fn counts_and_probabilities_are_written_by_the_reviewed_requests() {
    let write = async |config: &Config| {
        let sampling = open(config).sampling();
        let seen = |operation: &str, probabilities: &[&str]| Throughput {
            service: "shop".to_owned(),
            operation: operation.to_owned(),
            count: 7,
            probabilities: probabilities.iter().map(|&text| text.to_owned()).collect(),
        };
        let seen = [seen("GET /cart", &["0.001000", "1.000000"]), seen("buy \"it\"", &[])];
        sampling.write_throughput(&context(), noon(), &seen).await.unwrap();
        let of_shop = |number| BTreeMap::from([("GET /cart".to_owned(), number)]);
        let calculated = SamplingProbabilities {
            host: "collector-1".to_owned(),
            probabilities: BTreeMap::from([("shop".to_owned(), of_shop(0.25))]),
            qps: BTreeMap::from([("shop".to_owned(), of_shop(1.5))]),
        };
        sampling.write_probabilities(&context(), noon(), &calculated).await.unwrap();
    };
    for (folder, change) in SAMPLED {
        SAMPLING.compare(&format!("{folder}/sampling-written.txt"), change, write).await;
    }
}

#[tokio::test]
async fn counts_and_probabilities_are_read_by_the_reviewed_requests() {
    let counts = async |config: &Config| {
        let found = open(config).sampling().throughput(&context(), an_hour()).await.unwrap();
        assert_eq!(found.len(), 3);
    };
    let probabilities = async |config: &Config| {
        open(config).sampling().latest_probabilities(&context()).await.unwrap();
    };
    for (folder, change) in SAMPLED {
        SAMPLING.compare(&format!("{folder}/sampling-counts.txt"), change, counts).await;
        let requests = Requests { answer: nothing, ..SAMPLING };
        requests.compare(&format!("{folder}/sampling-probabilities.txt"), change, probabilities).await;
    }
}

/// Finds nothing.
fn nothing(asked: &Asked) -> Answer {
    if asked.line.contains("/_search") { (200, "", format!("{{{WHOLE}}}")) } else { healthy(asked) }
}

fn stored_lock(asked: &Asked, holder: &str) -> Answer {
    if !asked.line.starts_with("GET /jaeger-spoor-locks/") {
        return healthy(asked);
    }
    let source = format!(r#"{{"Resource":"leader","Holder":"{holder}","LeaseMillis":0}}"#);
    (200, "", format!(r#"{{"_seq_no":7,"_primary_term":2,"_source":{source}}}"#))
}

/// Nobody has held a lock yet.
fn never_held(asked: &Asked) -> Answer {
    let is_question = asked.line.starts_with("GET ") && asked.line.contains("jaeger-spoor-locks/");
    if is_question { (404, "", "{}".to_owned()) } else { healthy(asked) }
}

#[tokio::test]
async fn a_lock_is_taken_renewed_released_and_taken_over_by_the_reviewed_requests() {
    let acquire = async |config: &Config| {
        let lease = open(config).sampling().acquire(&context(), "leader", "a", LEASE).await.unwrap();
        assert!(lease.is_some());
    };
    let release = async |config: &Config| {
        assert!(open(config).sampling().release(&context(), "leader", "a").await.unwrap());
    };
    let first = Requests {
        versions: &VERSIONS,
        lines: &["jaeger-spoor-locks"],
        passing: &[WRITTEN],
        answer: never_held,
    };
    first.compare("daily/lock-taken.txt", daily, acquire).await;
    first.compare("hourly/lock-taken.txt", hourly_with_remote, acquire).await;
    let own = Requests { answer: |asked| stored_lock(asked, "a"), ..first };
    own.compare("daily/lock-renewed.txt", daily, acquire).await;
    own.compare("daily/lock-released.txt", daily, release).await;
    let others = Requests { answer: |asked| stored_lock(asked, "b"), ..own };
    others.compare("daily/lock-taken-over.txt", daily, acquire).await;
}

/// One page of steps, and where it goes on.
fn one_step(asked: &Asked) -> Answer {
    if !asked.line.contains("/_search") || asked.body.contains("\"after\"") {
        return nothing(asked);
    }
    let key = format!(r#"{{"service":"shop","operation":"buy","step":{}}}"#, NOON - 60_000);
    let steps = format!(r#"{{"buckets":[{{"key":{key},"doc_count":1}}],"after_key":{key}}}"#);
    (200, "", format!(r#"{{"aggregations":{{"steps":{steps}}},{WHOLE}}}"#))
}

fn metrics_of(kinds: Vec<SpanKind>, by_operation: bool) -> SpanMetricsQuery {
    SpanMetricsQuery {
        services: vec!["shop".to_owned(), "a \"b\"".to_owned()],
        kinds,
        by_operation,
        range: an_hour(),
        step: LEASE,
        rate_per: 10 * LEASE,
    }
}

#[tokio::test]
async fn metrics_are_asked_for_page_after_page_by_the_reviewed_searches() {
    let calls = async |config: &Config| {
        let query = metrics_of(vec![SpanKind::Server, SpanKind::Unspecified], true);
        open(config).span_metrics().call_rates(&context(), &query).await.unwrap();
    };
    let errors = async |config: &Config| {
        let query = metrics_of(vec![SpanKind::Server, SpanKind::Unspecified], true);
        open(config).span_metrics().error_rates(&context(), &query).await.unwrap();
    };
    let latencies = async |config: &Config| {
        let query = metrics_of(Vec::new(), false);
        open(config).span_metrics().latencies(&context(), &query, 0.95).await.unwrap();
    };
    let metrics = Requests { versions: &VERSIONS, lines: &["/_search"], passing: &[], answer: one_step };
    // Both are made of the same counts.
    metrics.compare("daily/metrics-rates.txt", daily, calls).await;
    metrics.compare("daily/metrics-rates.txt", daily, errors).await;
    metrics.compare("daily/metrics-latencies.txt", daily, latencies).await;
    metrics.compare("hourly/metrics-latencies.txt", hourly_with_remote, latencies).await;
    metrics.compare("aliases/metrics-latencies.txt", behind_aliases, latencies).await;
}

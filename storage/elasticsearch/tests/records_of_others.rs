//! What Jaeger and its tools wrote, as documents by hand: dependencies, sampling, spans without elevated tags.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use spoor_model::{
    DependencyReport, MetricSeries, SamplingProbabilities, ServiceCalls, SpanKind, SpanMetricsQuery,
    Throughput, TimeRange, UnixNanos,
};
use spoor_storage::conformance::{context, some_minutes_ago};
use spoor_storage::{DependencyStore, MetricsReader, ReadErrorKind, SamplingStore};
use spoor_storage_elasticsearch::Readiness;
use support::{OwnStore, of_that_minute, post_lines, request};

const DAY: Duration = Duration::from_secs(86_400);

fn date_time(moment: UnixNanos) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp_nanos(moment.0.into()).unwrap()
}

fn day(moment: UnixNanos) -> String {
    date_time(moment).date().to_string()
}

fn around(moment: UnixNanos) -> TimeRange {
    TimeRange { start: moment.saturating_sub(2 * DAY), end: moment.saturating_add(DAY) }
}

fn put(store: &OwnStore, index: &str, documents: impl IntoIterator<Item = Value>) {
    let mut lines = String::new();
    for document in documents {
        writeln!(
            lines,
            "{}\n{document}",
            json!({ "index": { "_index": format!("{}-{index}", store.prefix) } })
        )
        .unwrap();
    }
    let answer = post_lines("/_bulk", &lines);
    assert_eq!(answer["errors"], false, "{answer}");
    store.refresh();
}

async fn links(store: &OwnStore, range: TimeRange) -> Vec<(String, String, String, u64)> {
    let links = store.store.dependencies().dependencies(&context(), range).await.unwrap();
    links.into_iter().map(|link| (link.parent, link.child, link.source, link.call_count)).collect()
}

fn link(parent: &str, child: &str, source: &str, count: u64) -> (String, String, String, u64) {
    (parent.to_owned(), child.to_owned(), source.to_owned(), count)
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_spark_and_of_jaeger_are_read_and_a_day_run_again_counts_once() {
    let store = OwnStore::open();
    let (today, yesterday) = (store.base, store.base.saturating_sub(DAY));
    let by_spark = |moment: UnixNanos, count: u64| {
        let links = json!([{ "parent": "a", "child": "b", "callCount": count, "source": "jaeger" }]);
        json!({ "timestamp": format!("{}T00:00:00Z", day(moment)), "dependencies": links })
    };
    put(&store, &format!("jaeger-dependencies-{}", day(today)), [by_spark(today, 5), by_spark(today, 9)]);
    // Jaeger itself: a moment to the nanosecond, no source; null for nothing.
    let own = json!([{ "parent": "a", "child": "b", "callCount": 100 }]);
    let by_jaeger = [
        json!({ "timestamp": format!("{}T00:00:00.123456789Z", day(yesterday)), "dependencies": own }),
        json!({ "timestamp": format!("{}T00:00:01Z", day(yesterday)), "dependencies": null }),
    ];
    put(&store, &format!("jaeger-dependencies-{}", day(yesterday)), by_jaeger);
    let both = [link("a", "b", "", 100), link("a", "b", "jaeger", 9)];
    assert_eq!(links(&store, around(today)).await, both);
    // Ours of the same day and source takes part as one more run.
    let calls = vec![ServiceCalls { parent: "a".to_owned(), child: "b".to_owned(), call_count: 12 }];
    let report = DependencyReport { day: today, source: "jaeger".to_owned(), calls };
    store.store.dependencies().write_dependencies(&context(), &report).await.unwrap();
    store.refresh();
    assert_eq!(links(&store, around(today)).await, [link("a", "b", "", 100), link("a", "b", "jaeger", 12)]);
    // Its report is of a moment after midnight.
    let second = Duration::from_secs(1);
    let only_yesterday =
        TimeRange { start: yesterday.saturating_sub(DAY), end: yesterday.saturating_add(second) };
    assert_eq!(links(&store, only_yesterday).await, [link("a", "b", "", 100)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_reports_than_a_search_can_give_are_all_counted() {
    let store = OwnStore::open();
    let midnight = format!("{}T00:00:00Z", day(store.base));
    let report = |number: u64| {
        let links = json!([{ "parent": "a", "child": "b", "callCount": 1, "source": format!("{number}") }]);
        json!({ "timestamp": midnight, "dependencies": links })
    };
    put(&store, &format!("jaeger-dependencies-{}", day(store.base)), (0..10_050).map(report));
    let found = links(&store, around(store.base)).await;
    assert_eq!(found.len(), 10_050);
    assert!(found.iter().all(|(.., count)| *count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn dependencies_behind_aliases_are_read_and_written_there_and_nowhere_else() {
    let store = OwnStore::open_with(|config| config.indices.use_aliases = true);
    let base = format!("{}-jaeger-dependencies", store.prefix);
    let calls = vec![ServiceCalls { parent: "a".to_owned(), child: "b".to_owned(), call_count: 2 }];
    let report = DependencyReport { day: store.base, source: "jaeger".to_owned(), calls };
    let dependencies = store.store.dependencies();
    let error = dependencies.write_dependencies(&context(), &report).await.unwrap_err().to_string();
    assert!(error.contains(&format!("{base}-write")), "{error}");
    let aliases = json!({ "aliases": { format!("{base}-read"): {}, format!("{base}-write"): {} } });
    assert_eq!(request("PUT", &format!("/{base}-000001"), Some(&aliases))["acknowledged"], true);
    // Questions wait for the aliases of spans and services.
    for family in ["span", "service"] {
        let base = format!("{}-jaeger-{family}", store.prefix);
        let aliases = json!({ "aliases": { format!("{base}-read"): {}, format!("{base}-write"): {} } });
        assert_eq!(request("PUT", &format!("/{base}-000001"), Some(&aliases))["acknowledged"], true);
    }
    for _ in 0..2 {
        dependencies.write_dependencies(&context(), &report).await.unwrap();
    }
    assert_eq!(store.count("jaeger-dependencies-000001"), 1);
    store.store.readiness().wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    assert_eq!(links(&store, around(store.base)).await, [link("a", "b", "jaeger", 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sampling_documents_of_jaeger_are_read_from_its_own_mapping() {
    let store = OwnStore::open();
    // The server's guesses, as without our template: texts with keywords, an object for every name.
    let moment = |seconds| {
        let moment = date_time(store.base.saturating_add(Duration::from_secs(seconds)));
        moment.format(&time::format_description::well_known::Rfc3339).unwrap()
    };
    let seen = |operation: &str, probabilities: Value| json!({ "Service": "shop", "Operation": operation, "Count": 3, "Probabilities": probabilities });
    let calculated =
        |host: &str| json!({ "Hostname": host, "Probabilities": { "shop": { "buy": 0.5 } }, "QPS": null });
    let documents = [
        json!({ "timestamp": moment(1), "throughputs": seen("buy", json!({ "0.001000": {} })) }),
        json!({ "timestamp": moment(2), "probabilitiesandqps": calculated("") }),
        json!({ "timestamp": moment(0), "probabilitiesandqps": calculated("older") }),
        json!({ "timestamp": moment(3), "throughputs": seen("list", Value::Null) }),
    ];
    put(&store, &format!("jaeger-sampling-{}", day(store.base)), documents);
    let sampling = store.store.sampling();
    let found = sampling.throughput(&context(), around(store.base)).await.unwrap();
    let throughput = |operation: &str, probabilities: BTreeSet<String>| Throughput {
        service: "shop".to_owned(),
        operation: operation.to_owned(),
        count: 3,
        probabilities,
    };
    let buy = throughput("buy", BTreeSet::from(["0.001000".to_owned()]));
    assert_eq!(found, [buy, throughput("list", BTreeSet::new())]);
    let probabilities = BTreeMap::from([("shop".to_owned(), BTreeMap::from([("buy".to_owned(), 0.5)]))]);
    let newest = SamplingProbabilities { host: String::new(), probabilities, qps: BTreeMap::new() };
    assert_eq!(sampling.latest_probabilities(&context()).await.unwrap().map(|(_, told)| told), Some(newest));
}

#[tokio::test(flavor = "multi_thread")]
async fn probabilities_older_than_the_lookback_are_not_told() {
    let store = OwnStore::open_with(|config| config.sampling.lookback = Duration::from_secs(300));
    let sampling = store.store.sampling();
    let old = SamplingProbabilities { host: "a".to_owned(), ..SamplingProbabilities::default() };
    sampling.write_probabilities(&context(), some_minutes_ago(), &old).await.unwrap();
    store.refresh();
    assert_eq!(sampling.latest_probabilities(&context()).await.unwrap(), None);
    let recent = SamplingProbabilities { host: "b".to_owned(), ..old };
    let moment = some_minutes_ago().saturating_add(Duration::from_secs(540));
    sampling.write_probabilities(&context(), moment, &recent).await.unwrap();
    store.refresh();
    let told = sampling.latest_probabilities(&context()).await.unwrap();
    assert_eq!(told, Some((UnixNanos::from_millis(moment.millis()), recent)));
}

/// Spans as they were written before 1.69, since 1.69, since 2.8, and as both at once; then one that did not fail, one of
/// another kind and one of none.
fn spans_of_all_writers(start: UnixNanos) -> [Value; 7] {
    let span = |number: u64, operation: &str, tags: Value, tag: Value| {
        json!({
            "traceID": format!("{number:032x}"), "spanID": format!("{number:016x}"), "operationName": operation,
            "references": [], "startTime": start.micros(), "startTimeMillis": start.millis(), "duration": 2_000,
            "tags": tags, "tag": tag, "logs": [], "process": { "serviceName": "shop", "tags": [] },
        })
    };
    let kind = |value: &str| json!({ "key": "span.kind", "type": "string", "value": value });
    let error = |value: Value| json!({ "key": "error", "type": "bool", "value": value });
    let elevated = || json!({ "span@kind": "server", "error": true });
    [
        span(1, "old", json!([kind("server"), error(json!("true"))]), json!({})),
        span(2, "native", json!([kind("server"), error(json!(true))]), json!({})),
        span(3, "new", json!([]), elevated()),
        span(4, "twice", json!([kind("server"), error(json!(true))]), elevated()),
        span(5, "fine", json!([kind("server"), error(json!("false"))]), json!({})),
        span(6, "client", json!([kind("client")]), json!({})),
        span(7, "none", Value::Null, json!({})),
    ]
}

/// Operation and value of each series of one point.
fn told(series: &[MetricSeries]) -> Vec<(&str, Option<f64>)> {
    series
        .iter()
        .map(|series| (series.operation.as_deref().unwrap_or_default(), series.points[0].value))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_with_listed_and_with_elevated_tags_count_alike() {
    let store = OwnStore::open();
    // The template has to be there before the index is.
    let mut readiness = store.store.readiness();
    readiness.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    put(&store, &format!("jaeger-span-{}", day(store.base)), spans_of_all_writers(store.base));
    let query = |kind, by_operation| SpanMetricsQuery {
        kinds: vec![kind],
        by_operation,
        ..of_that_minute("shop", store.base)
    };
    let (metrics, context) = (store.store.span_metrics(), context());
    let of_servers = query(SpanKind::Server, false);
    assert_eq!(told(&metrics.call_rates(&context, &of_servers).await.unwrap()), [("", Some(5.0 / 60.0))]);
    assert_eq!(told(&metrics.error_rates(&context, &of_servers).await.unwrap()), [("", Some(0.8))]);
    let each = metrics.error_rates(&context, &query(SpanKind::Server, true)).await.unwrap();
    let expected = [("fine", 0.0), ("native", 1.0), ("new", 1.0), ("old", 1.0), ("twice", 1.0)];
    assert_eq!(told(&each), expected.map(|(operation, share)| (operation, Some(share))));
    let of_none = query(SpanKind::Unspecified, true);
    assert_eq!(told(&metrics.latencies(&context, &of_none, 0.5).await.unwrap()), [("none", Some(2.0))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_without_a_copy_makes_every_answer_an_error() {
    let store = OwnStore::open();
    let (now, yesterday) = (store.base, store.base.saturating_sub(DAY));
    let nowhere = json!({ "settings": { "index.routing.allocation.require._name": "no-such-node" } });
    for family in ["span", "dependencies", "sampling"] {
        let path = format!("/{}-jaeger-{family}-{}?wait_for_active_shards=0", store.prefix, day(yesterday));
        assert_eq!(request("PUT", &path, Some(&nowhere))["acknowledged"], true);
    }
    let range = TimeRange { start: yesterday, end: now };
    let query = SpanMetricsQuery {
        services: vec!["shop".to_owned()],
        kinds: Vec::new(),
        by_operation: false,
        range,
        step: Duration::from_secs(60),
        rate_per: Duration::from_secs(60),
    };
    let (sampling, metrics) = (store.store.sampling(), store.store.span_metrics());
    for error in [
        store.store.dependencies().dependencies(&context(), range).await.unwrap_err(),
        sampling.throughput(&context(), range).await.unwrap_err(),
        sampling.latest_probabilities(&context()).await.unwrap_err(),
        metrics.call_rates(&context(), &query).await.unwrap_err(),
        metrics.latencies(&context(), &query, 0.5).await.unwrap_err(),
    ] {
        assert!(matches!(error.kind, ReadErrorKind::Incomplete | ReadErrorKind::Unavailable), "{error}");
    }
}

//! Templates on a real server: which there are, what comes of them, and what is said when others are in the way.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use spoor_model::{DependencyReport, ServiceCalls};
use spoor_storage::DependencyStore;
use spoor_storage::conformance::{Sample, batch_of, context, trace_id};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore, Readiness};
use support::log::Log;
use support::{OwnStore, config, request};

/// A prefix for which there are no templates.
fn nothing_installed() -> OwnStore {
    OwnStore::open_with(|config| config.templates.create = false)
}

/// Opens a store on the prefix of another, so that what is left is cleaned up with that.
fn open(own: &OwnStore, change: impl FnOnce(&mut Config)) -> (ElasticsearchStore, Registry) {
    let mut config = config(&own.prefix);
    change(&mut config);
    let mut registry = Registry::default();
    (ElasticsearchStore::open(&config, &mut registry).unwrap(), registry)
}

/// Waits for the store to be ready.
async fn ready(store: &ElasticsearchStore) {
    store.readiness().wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
}

/// Waits for the store not to be ready; why.
async fn not_ready(store: &ElasticsearchStore) -> String {
    let mut state = store.readiness();
    let found = state.wait_for(|state| matches!(state, Readiness::NotReady(_))).await.unwrap();
    let Readiness::NotReady(reason) = found.clone() else { panic!("it was waited for") };
    reason
}

async fn write_one(store: &ElasticsearchStore, own: &OwnStore) -> Result<usize, spoor_storage::WriteError> {
    let batch = batch_of(&[Sample::new(trace_id(1), 1, own.base)]);
    Ok(support::write(&*store.writer(), &batch).await?.stored)
}

/// The only index of spans.
fn span_index(own: &OwnStore) -> Value {
    let found = request("GET", &format!("/{}-jaeger-span-*", own.prefix), None);
    let indices = found.as_object().unwrap();
    assert_eq!(indices.len(), 1, "{found}");
    indices.values().next().unwrap().clone()
}

fn gauge(registry: &Registry, name: &str) -> usize {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap()
}

/// A template for everything of the prefix, of the kind that wins over legacy ones.
fn foreign(own: &OwnStore, priority: u32) {
    let pattern = format!("{}-*", own.prefix);
    let body = json!({ "index_patterns": [pattern], "priority": priority, "template": { "settings": { "number_of_replicas": 0 } } });
    let path = format!("/_index_template/{}-foreign", own.prefix);
    assert_eq!(request("PUT", &path, Some(&body))["acknowledged"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_and_replicas_are_those_of_the_settings() {
    let own = OwnStore::open_with(|config| {
        (config.templates.num_shards, config.templates.num_replicas) = (3, 2);
    });
    assert_eq!(write_one(&own.store, &own).await.unwrap(), 1);
    let index = span_index(&own);
    let settings = &index["settings"]["index"];
    assert_eq!((&settings["number_of_shards"], &settings["number_of_replicas"]), (&json!("3"), &json!("2")));
}

#[tokio::test(flavor = "multi_thread")]
async fn composable_templates_with_a_higher_priority_win_over_foreign_ones() {
    let own = nothing_installed();
    foreign(&own, 4);
    let (store, registry) = open(&own, |config| {
        config.templates.composable = true;
        (config.templates.span_priority, config.templates.service_priority) = (5, 6);
    });
    assert_eq!(write_one(&store, &own).await.unwrap(), 1);
    assert_eq!(span_index(&own)["mappings"]["properties"]["tags"]["type"], "nested");
    assert_eq!(gauge(&registry, "spoor_elasticsearch_unfit_templates "), 0);
    for (family, priority) in [("span", 5), ("service", 6)] {
        let name = format!("/_index_template/{}-jaeger-{family}", own.prefix);
        assert_eq!(request("GET", &name, None)["index_templates"][0]["index_template"]["priority"], priority);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composable_template_of_the_same_priority_is_named_with_the_flag_to_set() {
    let own = nothing_installed();
    foreign(&own, 0);
    let reason = not_ready(&open(&own, |config| config.templates.composable = true).0).await;
    assert!(reason.contains("-foreign") && reason.contains("--es.prioirity-span-template"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_template_that_would_spoil_new_indices_stops_the_start_until_it_is_gone() {
    let own = nothing_installed();
    foreign(&own, 1);
    let (store, registry) = open(&own, |_| {});
    let error = write_one(&store, &own).await.unwrap_err().to_string();
    for part in [
        "-foreign\" (priority 1)",
        "tags is not mapped instead of nested",
        "--es.prioirity-span-template above 1",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let indices = request("GET", &format!("/{}*?filter_path=*.aliases", own.prefix), None);
    assert_eq!(indices, json!({}), "no index was made");
    assert_eq!(gauge(&registry, "spoor_elasticsearch_unfit_templates "), 2);
    request("DELETE", &format!("/_index_template/{}-foreign", own.prefix), None);
    ready(&store).await;
    assert_eq!(write_one(&store, &own).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_template_nothing_is_written_and_with_anybodys_fitting_one_it_is() {
    let own = nothing_installed();
    let (store, _) = open(&own, |config| config.templates.create = false);
    let reason = not_ready(&store).await;
    assert!(
        reason.contains("no index template") && reason.contains("--es.create-index-templates"),
        "{reason}"
    );
    assert!(write_one(&store, &own).await.is_err());
    let there = request("GET", &format!("/_template/{}*", own.prefix), None);
    assert_eq!(there, json!({}), "none is installed");
    // Another writer that may install them.
    ready(&open(&own, |_| {}).0).await;
    ready(&store).await;
    assert_eq!(write_one(&store, &own).await.unwrap(), 1);
    assert_eq!(span_index(&own)["mappings"]["properties"]["tags"]["type"], "nested");
}

/// On one thread, whose log is read.
#[tokio::test]
async fn an_old_index_that_does_not_fit_is_told_and_counted_and_stops_nothing() {
    let (log, _guard) = Log::of_this_thread();
    let own = nothing_installed();
    let day = time::OffsetDateTime::from_unix_timestamp_nanos(own.base.0.into()).unwrap().date();
    let yesterday = day.previous_day().unwrap();
    let wrong = json!({ "mappings": { "properties": { "traceID": { "type": "text" }, "tags": { "type": "object" } } } });
    let made = request("PUT", &format!("/{}-jaeger-span-{yesterday}", own.prefix), Some(&wrong));
    assert_eq!(made["acknowledged"], true, "{made}");
    let (store, registry) = open(&own, |_| {});
    ready(&store).await;
    assert_eq!(write_one(&store, &own).await.unwrap(), 1);
    assert_eq!(gauge(&registry, "spoor_elasticsearch_unfit_indices "), 1);
    assert_eq!(gauge(&registry, "spoor_elasticsearch_unfit_templates "), 0);
    let (text, index) = (log.text(), format!("{}-jaeger-span-{yesterday}", own.prefix));
    let is_told = |line: &str| {
        [&*index, "traceID is text instead of keyword", "_reindex"].iter().all(|part| line.contains(part))
    };
    assert!(text.lines().any(is_told), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_template_stops_nothing_while_the_indices_are_there() {
    let own = OwnStore::open();
    // Yesterday's and tomorrow's, too: the test may run at midnight.
    for hours in [-24_i64, 0, 24] {
        let day = time::OffsetDateTime::now_utc() + time::Duration::hours(hours);
        ready(&own.store).await;
        for family in ["span", "service"] {
            request("PUT", &format!("/{}-jaeger-{family}-{}", own.prefix, day.date()), None);
        }
    }
    foreign(&own, 1);
    let (store, registry) = open(&own, |_| {});
    ready(&store).await;
    assert_eq!(gauge(&registry, "spoor_elasticsearch_unfit_templates "), 2, "of the days after");
    assert_eq!(gauge(&registry, "spoor_elasticsearch_unfit_indices "), 0);
    assert_eq!(write_one(&store, &own).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_of_dependencies_comes_with_the_first_report_and_its_priority() {
    let report = |own: &OwnStore| DependencyReport {
        day: own.base,
        source: "jaeger".to_owned(),
        calls: vec![ServiceCalls { parent: "a".to_owned(), child: "b".to_owned(), call_count: 3 }],
    };
    for creates in [true, false] {
        let own = nothing_installed();
        let mut config = config(&own.prefix);
        (config.templates.composable, config.templates.create) = (true, creates);
        config.templates.dependencies_priority = 7;
        let (reader, _) = ElasticsearchStore::open_with_locks(&config).unwrap();
        let name = format!("/_index_template/{}-jaeger-dependencies", own.prefix);
        let dependencies = reader.dependencies();
        let at_start = request("GET", &name, None);
        dependencies.write_dependencies(&context(), &report(&own)).await.unwrap();
        let installed = request("GET", &name, None);
        let priority = &installed["index_templates"][0]["index_template"]["priority"];
        assert!(at_start["index_templates"].is_null(), "reading installs nothing: {at_start}");
        assert_eq!(priority, &if creates { json!(7) } else { Value::Null }, "{installed}");
        request("DELETE", &name, None);
        request("DELETE", &format!("/{}-jaeger-dependencies-*", own.prefix), None);
    }
}

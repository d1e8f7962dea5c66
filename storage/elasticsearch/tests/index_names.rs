//! Indices as they come to be and are found again on a real server: hourly ones, aliases, archives.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use clap::{Args, FromArgMatches};
use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use serde_json::json;
use spoor_model::{SpanBatch, TimeRange, TraceLookup, TraceQuery, UnixNanos};
use spoor_storage::conformance::{Fixture, Sample, batch_of, context, some_minutes_ago, trace_id};
use spoor_storage::{ReadErrorKind, SpanReader, WriteErrorKind};
use spoor_storage_elasticsearch::{ArchiveConfig, Config, ElasticsearchStore, Frequency, Layout, Readiness};
use support::{OwnStore, config, request, write_all};

const HOUR: u64 = 3_600_000_000_000;
const DAY: u64 = 24 * HOUR;

fn span_at(store: &OwnStore, hours_ago: u64, span: u64) -> SpanBatch {
    batch_of(&[Sample::new(trace_id(1), span, UnixNanos(store.base.0 - hours_ago * HOUR))])
}

async fn spans_by_id(reader: &dyn SpanReader) -> Vec<u64> {
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let pages: Vec<SpanBatch> = reader.trace(&context(), &lookup).await.unwrap().try_collect().await.unwrap();
    let mut spans: Vec<u64> =
        pages.iter().flat_map(|page| page.spans().map(|span| span.span_id().0)).collect();
    spans.sort_unstable();
    spans
}

async fn spans_by_search(store: &OwnStore, window_hours: u64) -> usize {
    let query = TraceQuery {
        service: Some("shop".to_owned()),
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: UnixNanos(store.base.0 - window_hours * HOUR), end: store.base },
        duration_min: None,
        duration_max: None,
        limit: 10,
        enough_spans: usize::MAX,
        filter: None,
    };
    let found: Vec<SpanBatch> =
        store.reader().find_traces(&context(), &query).await.unwrap().try_collect().await.unwrap();
    found.iter().map(SpanBatch::len).sum()
}

/// Names of the prefix's indices, sorted.
fn indices(prefix: &str) -> Vec<String> {
    let found = request("GET", &format!("/{prefix}*?filter_path=*.aliases"), None);
    let mut names: Vec<String> = found.as_object().unwrap().keys().cloned().collect();
    names.sort_unstable();
    names
}

/// That hour of the day before yesterday.
fn at_hour(hour: u64) -> UnixNanos {
    let today = some_minutes_ago().0 / DAY;
    UnixNanos((today - 2) * DAY + hour * HOUR)
}

#[tokio::test(flavor = "multi_thread")]
async fn hourly_indices_are_written_and_read_with_the_daily_ones_from_before() {
    // Older spans would be filed under today, and not be found by id.
    let a_week = |config: &mut Config| {
        config.indices.span_window_past = Duration::from_nanos(7 * DAY);
        config.indices.max_span_age = Duration::from_nanos(7 * DAY);
    };
    // What is a day before a window lies one midnight before its end or two.
    for hour in [0, 3, 23] {
        let mut daily = OwnStore::open_with(a_week);
        daily.base = at_hour(hour);
        write_all(daily.writer(), &span_at(&daily, 25, 1)).await;
        let mut hourly = OwnStore::open_with(|config| {
            config.indices.prefix.clone_from(&daily.prefix);
            config.indices.rollover_frequency_spans = Frequency::Hour;
            a_week(config);
        });
        hourly.base = daily.base;
        for (hours_ago, span) in [(0, 2), (1, 3), (24, 4)] {
            write_all(hourly.writer(), &span_at(&hourly, hours_ago, span)).await;
        }
        daily.refresh();
        let of_spans = indices(&daily.prefix).iter().filter(|name| name.contains("-span-")).count();
        assert_eq!(of_spans, 4, "one a day, three an hour: {:?}", indices(&daily.prefix));
        assert_eq!(spans_by_id(hourly.reader()).await, [1, 2, 3, 4]);
        assert_eq!(
            spans_by_search(&hourly, 1).await,
            4,
            "whole although it began a day before the window: {hour}"
        );
        assert_eq!(spans_by_search(&hourly, 48).await, 4);
        assert_eq!(hourly.reader().services(&context()).await.unwrap(), ["shop"]);
    }
}

async fn ready(store: &ElasticsearchStore) {
    store.readiness().wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
}

/// Does what a readiness says is to be done: every `PUT /… {…}` and `POST /… {…}` in it.
fn follow(advice: &str) -> usize {
    let mut done = 0;
    for sentence in advice.split("; ") {
        let Some(at) = sentence.find("PUT /").or_else(|| sentence.find("POST /")) else { continue };
        let mut words = sentence[at..].splitn(3, ' ');
        let (method, path, body) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let answer = request(method, path, Some(&serde_json::from_str(body).unwrap()));
        assert_eq!(answer["acknowledged"], true, "{sentence}: {answer}");
        done += 1;
    }
    done
}

async fn advice(store: &ElasticsearchStore) -> String {
    let mut readiness = store.readiness();
    let told = readiness.wait_for(|state| matches!(state, Readiness::NotReady(_))).await.unwrap();
    let Readiness::NotReady(reason) = told.clone() else { panic!("it was waited for") };
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_what_is_said_of_missing_aliases_has_a_store_that_works_in_either_layout() {
    // At once: each waits for its store to look again.
    let cases = [Layout::Jaeger, Layout::Compact].into_iter().flat_map(|layout| {
        [false, true].map(|custom| tokio::spawn(follow_what_is_said_of_missing_aliases(layout, custom)))
    });
    for case in cases.collect::<Vec<_>>() {
        case.await.unwrap();
    }
}

async fn follow_what_is_said_of_missing_aliases(layout: Layout, custom: bool) {
    let store = OwnStore::open_with(|config| {
        config.indices.use_aliases = true;
        config.layout.layout = layout;
        if custom {
            let name = |end: &str| Some(format!("{}-own-{end}", config.indices.prefix));
            config.indices.span_read_alias = name("span-r");
            config.indices.span_write_alias = name("span-w");
            config.indices.compact_span_read_alias = name("compact-r");
            config.indices.compact_span_write_alias = name("compact-w");
        }
    });
    let reason = advice(&store.store).await;
    // One call makes both aliases of a family; each is told twice, to who writes and to who reads.
    let mut calls: Vec<&str> = reason.split("; ").collect();
    calls.sort_by_key(|sentence| sentence[sentence.find("PUT /").unwrap_or(0)..].to_owned());
    calls.dedup_by_key(|sentence| sentence[sentence.find("PUT /").unwrap_or(0)..].to_owned());
    assert_eq!(follow(&calls.join("; ")), 2, "{reason}");
    ready(&store.store).await;
    write_all(store.writer(), &span_at(&store, 0, 1)).await;
    store.refresh();
    assert_eq!(spans_by_id(store.reader()).await, [1], "{layout:?} {custom}");
    let base = if layout == Layout::Compact { "spoor" } else { "jaeger" };
    assert_eq!(store.count(&format!("{base}-span-000001")), 1);
    // Gone again, the read alias alone is asked for.
    let alias = if custom {
        if layout == Layout::Compact { "own-compact-r" } else { "own-span-r" }.to_owned()
    } else {
        format!("{base}-span-read")
    };
    request("DELETE", &format!("/{0}-{base}-span-000001/_alias/{0}-{alias}", store.prefix), None);
    let again = ElasticsearchStore::open(&store.config, &mut Registry::default()).unwrap();
    assert_eq!(follow(&advice(&again).await), 1);
    ready(&again).await;
}

fn make_behind_alias(prefix: &str, family: &str, number: u32) {
    let index = format!("{prefix}-jaeger-{family}-{number:06}");
    request("PUT", &format!("/{index}"), Some(&json!({})));
    let write = format!("{prefix}-jaeger-{family}-write");
    let mut actions = vec![
        json!({ "add": { "index": index, "alias": format!("{prefix}-jaeger-{family}-read") } }),
        json!({ "add": { "index": index, "alias": write } }),
    ];
    if let Some(before) = number.checked_sub(1).filter(|&before| before > 0) {
        let before = format!("{prefix}-jaeger-{family}-{before:06}");
        actions.push(json!({ "remove": { "index": before, "alias": write } }));
    }
    let actions = json!({ "actions": actions });
    let done = request("POST", "/_aliases", Some(&actions));
    assert_eq!(done["acknowledged"], true, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_before_the_aliases_are_there_and_all_generations_are_read() {
    let store = OwnStore::open_with(|config| config.indices.use_aliases = true);
    let error = store.writer().write(&context(), &span_at(&store, 0, 1)).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.as_slice()), (WriteErrorKind::Unavailable, [0].as_slice()));
    assert!(error.to_string().contains("-write"), "{error}");
    assert!(
        indices(&store.prefix).is_empty(),
        "no index took the name of an alias: {:?}",
        indices(&store.prefix)
    );
    let context = context();
    let error = store.reader().services(&context).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unavailable, "{error}");
    for part in ["-jaeger-span-read", "-jaeger-service-read", "jaeger-es-rollover init"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    for family in ["span", "service"] {
        make_behind_alias(&store.prefix, family, 1);
    }
    ready(&store.store).await;
    // Years old: behind aliases age is nobody's business.
    let old = span_at(&store, 20_000, 3);
    write_all(store.writer(), &old).await;
    write_all(store.writer(), &span_at(&store, 0, 1)).await;
    for family in ["span", "service"] {
        make_behind_alias(&store.prefix, family, 2);
    }
    write_all(store.writer(), &span_at(&store, 0, 2)).await;
    store.refresh();
    assert_eq!(store.count("span-000001"), 2);
    assert_eq!(store.count("span-000002"), 1);
    assert_eq!(spans_by_id(store.reader()).await, [1, 2, 3]);
    assert_eq!(spans_by_search(&store, 1).await, 3);
    assert_eq!(store.reader().services(&context).await.unwrap(), ["shop"]);
}

fn archive_of(store: &OwnStore, flags: &[&str]) -> ElasticsearchStore {
    let command = ArchiveConfig::augment_args(clap::Command::new("test").no_binary_name(true));
    let settings = ArchiveConfig::from_arg_matches(&command.get_matches_from(flags)).unwrap();
    ElasticsearchStore::open_archive(&settings, &config(&store.prefix), &mut Registry::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_keeps_old_traces_apart_from_the_store_under_either_of_jaegers_names() {
    let store = OwnStore::open();
    let old = span_at(&store, 2_000, 7);
    let kept_prefix = format!("--es-archive.index-prefix={}-kept", store.prefix);
    let dated = ["--es-archive.enabled", "--es-archive.names=dated", &kept_prefix];
    for flags in [["--es-archive.enabled"].as_slice(), &dated] {
        let archive = archive_of(&store, flags);
        write_all(&*archive.writer(), &old).await;
        write_all(&*archive.writer(), &old).await;
        store.refresh();
        assert_eq!(spans_by_id(&*archive.reader()).await, [7], "{flags:?}");
    }
    assert_eq!(spans_by_id(store.reader()).await, [] as [u64; 0], "archived only");
    assert_eq!(store.count("jaeger-span-archive"), 1);
    let of_spans: Vec<String> =
        indices(&store.prefix).into_iter().filter(|name| name.contains("-span-")).collect();
    assert_eq!(of_spans.len(), 2, "{of_spans:?}");
    let mapping = request("GET", &format!("/{}-jaeger-span-archive/_mapping", store.prefix), None);
    assert!(mapping.to_string().contains("nested"), "the archive has the schema of spans: {mapping}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_in_the_compact_layout_is_kept_and_read_beside_what_lies_in_jaegers() {
    let store = OwnStore::open();
    for (place, names) in [("one", "single"), ("by-day", "dated")] {
        let prefix = format!("--es-archive.index-prefix={}-{place}", store.prefix);
        let names = format!("--es-archive.names={names}");
        let flags = ["--es-archive.enabled", &prefix, &names];
        let before = archive_of(&store, &flags);
        write_all(&*before.writer(), &span_at(&store, 2_000, 7)).await;
        let compact = archive_of(&store, &[flags.as_slice(), &["--es-archive.layout=compact"]].concat());
        write_all(&*compact.writer(), &span_at(&store, 2_000, 8)).await;
        store.refresh();
        let of_spans = |layout: &str| store.count(&format!("{place}-{layout}-span"));
        assert_eq!((of_spans("jaeger"), of_spans("spoor")), (1, 1), "{place}");
        for archive in [&before, &compact] {
            assert_eq!(spans_by_id(&*archive.reader()).await, [7, 8], "{place}");
        }
    }
}

/// Jaeger's rollover tool makes aliases of an archive's spans, and none of services.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_made_by_jaegers_rollover_tool_is_all_that_an_archive_needs() {
    let store = OwnStore::open();
    let archive = archive_of(&store, &["--es-archive.enabled", "--es-archive.use-aliases"]);
    // By then the templates are there.
    let waits =
        |state: &Readiness| matches!(state, Readiness::NotReady(why) if why.contains("-archive-write"));
    archive.readiness().wait_for(waits).await.unwrap();
    make_behind_alias(&store.prefix, "span-archive", 1);
    ready(&archive).await;
    write_all(&*archive.writer(), &span_at(&store, 2_000, 7)).await;
    store.refresh();
    assert_eq!(spans_by_id(&*archive.reader()).await, [7]);
    let made = indices(&format!("{}-jaeger", store.prefix));
    assert!(!made.iter().any(|name| name.contains("service")), "{made:?}");
}

//! What a flag does to the requests, from the command line on: one test for what no other one shows.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, FromArgMatches};
use futures::StreamExt;
use prometheus_client::registry::Registry;
use spoor_model::{OperationQuery, Throughput, TraceLookup, UnixNanos};
use spoor_storage::conformance::{Sample, batch_of, some_minutes_ago, trace_id};
use spoor_storage::{SamplingStore, SpanReader, SpanWriter};
use spoor_storage_elasticsearch::{ArchiveConfig, Config, ElasticsearchStore};
use support::connection::{answers, context, write};
use support::fake::FakeServer;

const DAY: Duration = Duration::from_secs(86_400);
/// Ten spans, and two documents of their service.
const DOCUMENTS: usize = 12;

fn open(server: &FakeServer, flags: &[&str]) -> ElasticsearchStore {
    open_counted(server, flags).0
}

fn open_counted(server: &FakeServer, flags: &[&str]) -> (ElasticsearchStore, Registry) {
    let command = Config::augment_args(clap::Command::new("test").no_binary_name(true));
    let url = format!("--es.server-urls={}", server.url());
    let matches = command.try_get_matches_from(std::iter::once(url.as_str()).chain(flags.iter().copied()));
    let config = Config::from_arg_matches(&matches.unwrap()).unwrap();
    config.validate().unwrap();
    let mut registry = Registry::default();
    (ElasticsearchStore::open(&config, &mut registry).unwrap(), registry)
}

#[tokio::test]
async fn an_archive_on_another_server_is_written_and_read_there_alone() {
    let (of_store, of_archive) = (FakeServer::start(answers), FakeServer::start(answers));
    let command = ArchiveConfig::augment_args(clap::Command::new("test").no_binary_name(true));
    let url = format!("--es-archive.server-urls={}", of_archive.url());
    let flags = ["--es-archive.enabled", &url, "--es-archive.bulk.actions=4"];
    let settings = ArchiveConfig::from_arg_matches(&command.get_matches_from(flags)).unwrap();
    let beside = support::connection::config(&of_store, |_| {});
    let archive = ElasticsearchStore::open_archive(&settings, &beside, &mut Registry::default()).unwrap();
    assert_eq!(write(&archive).await.unwrap().stored, 10);
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let reader = archive.reader();
    let mut pages = reader.trace(&context(), &lookup).await.unwrap();
    assert!(pages.next().await.is_none());
    drop(pages);
    let asked = |server: &FakeServer| ["_bulk", "_search"].map(|what| !server.asked(what).is_empty());
    assert_eq!((asked(&of_archive), asked(&of_store)), ([true, true], [false, false]));
    assert!(of_archive.asked("_bulk").iter().all(|bulk| bulk.actions() <= 4), "with settings of its own");
}

fn day(moment: UnixNanos) -> String {
    time::OffsetDateTime::from_unix_timestamp_nanos(moment.0.into()).unwrap().date().to_string()
}

/// Indices and aliases that the bulks so far wrote to.
fn written_to(server: &FakeServer) -> Vec<String> {
    let bulks = server.asked("_bulk");
    let lines = bulks.iter().flat_map(|bulk| bulk.body.lines());
    let mut names: Vec<String> = lines
        .filter_map(|line| line.split_once(r#""_index":""#)?.1.split('"').next())
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test]
async fn a_bulk_holds_no_more_than_is_set_and_a_larger_document_goes_alone() {
    for (flag, most_documents, most_bytes, bulks) in [
        ("--es.bulk.actions=4", 4, usize::MAX, 3..=3),
        ("--es.bulk.size=2000", DOCUMENTS, 2_000, 2..=6),
        ("--es.bulk.size=1", 1, usize::MAX, DOCUMENTS..=DOCUMENTS),
    ] {
        let server = FakeServer::start(answers);
        assert_eq!(write(&open(&server, &[flag])).await.unwrap().stored, 10, "{flag}");
        let sent = server.asked("_bulk");
        assert!(bulks.contains(&sent.len()), "{flag}: {} bulks", sent.len());
        assert_eq!(sent.iter().map(|bulk| bulk.actions()).sum::<usize>(), DOCUMENTS, "{flag}");
        for bulk in sent {
            assert!(bulk.actions() <= most_documents && bulk.body.len() <= most_bytes, "{flag}: {bulk:?}");
        }
    }
}

/// Whether anything waits for a bulk.
fn is_waiting(registry: &Registry) -> bool {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    let bytes = text.lines().find_map(|line| line.strip_prefix("spoor_elasticsearch_bulk_queue_bytes "));
    bytes.is_some_and(|bytes| bytes != "0")
}

#[tokio::test]
async fn a_bulk_waits_for_company_as_long_as_is_set_and_no_more_go_at_once_than_workers() {
    for (flags, goes) in [
        (["--es.bulk.workers=2", "--es.bulk.flush-interval=0s"], true),
        (["--es.bulk.workers=2", "--es.bulk.flush-interval=1h"], false),
        (["--es.bulk.workers=1", "--es.bulk.flush-interval=0s"], false),
    ] {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let server = FakeServer::start(move |asked| {
            if asked.line.contains("_bulk") {
                let _ = held.lock().unwrap().recv();
            }
            answers(asked)
        });
        let (store, registry) = open_counted(&server, &flags);
        let store = Arc::new(store);
        let spawn = || {
            let store = store.clone();
            tokio::spawn(async move { write(&store).await.unwrap().stored })
        };
        let first = spawn();
        while server.asked("_bulk").is_empty() {
            tokio::task::yield_now().await;
        }
        let second = spawn();
        while server.asked("_bulk").len() < 2 && !is_waiting(&registry) {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.asked("_bulk").len() == 2, goes, "{flags:?}");
        drop(hold);
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (10, 10), "{flags:?}");
        assert_eq!(server.asked("_bulk").len(), 2, "{flags:?}");
    }
}

#[tokio::test]
async fn a_service_is_written_again_after_the_time_that_is_set() {
    for (flags, again) in
        [(&[][..], false), (&["--es.service-cache-ttl=1h"], false), (&["--es.service-cache-ttl=1ns"], true)]
    {
        let server = FakeServer::start(answers);
        let store = open(&server, flags);
        write(&store).await.unwrap();
        write(&store).await.unwrap();
        let sent: Vec<usize> = server.asked("_bulk").iter().map(|bulk| bulk.actions()).collect();
        assert_eq!(sent, [DOCUMENTS, if again { DOCUMENTS } else { 10 }], "{flags:?}");
    }
}

#[tokio::test]
async fn names_and_traces_by_id_are_looked_for_as_far_back_as_is_set() {
    // Traces are looked for a day further, so that they are whole.
    for (flags, days, reaches) in [
        (&[][..], 5, false),
        (&["--es.max-span-age=240h"], 9, true),
        (&["--es.max-span-age=240h"], 12, false),
    ] {
        let server = FakeServer::start(answers);
        let reader = open(&server, flags).reader();
        let date = day(some_minutes_ago().saturating_sub(days * DAY));
        reader.services(&context()).await.unwrap();
        let named = OperationQuery { service: "shop".to_owned(), span_kind: None };
        reader.operations(&context(), &named).await.unwrap();
        let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
        assert_eq!(reader.trace(&context(), &lookup).await.unwrap().count().await, 0);
        let searches = server.asked("/_search");
        assert_eq!(searches.len(), 3);
        for (search, family) in searches.iter().zip(["service", "service", "span"]) {
            let named = search.line.contains(&format!("jaeger-{family}-{date}"));
            assert_eq!(named, reaches, "{flags:?} {family} {days}: {}", search.line);
        }
    }
}

#[tokio::test]
async fn the_start_of_a_span_is_believed_within_the_windows_that_are_set() {
    let now = some_minutes_ago();
    let (past, future) = (now.saturating_sub(2 * DAY), now.saturating_add(2 * DAY));
    for (flags, believed) in [
        (&[][..], [true, false]),
        (&["--es.span-window.past=1h"], [false, false]),
        (&["--es.span-window.future=72h"], [true, true]),
        (&["--es.span-window.past=0s", "--es.span-window.future=0s"], [true, true]),
    ] {
        let server = FakeServer::start(answers);
        let batch = batch_of(&[Sample::new(trace_id(1), 1, past), Sample::new(trace_id(1), 2, future)]);
        let store = open(&server, flags);
        assert_eq!(store.writer().write(&context(), &batch).await.unwrap().stored, 2);
        let indices = written_to(&server);
        let told = [past, future].map(|start| indices.contains(&format!("jaeger-span-{}", day(start))));
        assert_eq!(told, believed, "{flags:?}: {indices:?}");
    }
}

#[tokio::test]
async fn each_family_goes_on_by_the_day_or_hour_of_its_own_flag() {
    let moment = some_minutes_ago();
    let date_time = time::OffsetDateTime::from_unix_timestamp_nanos(moment.0.into()).unwrap();
    let (day, hour) = (day(moment), format!("{}-{:02}", day(moment), date_time.hour()));
    let families = ["spans", "services", "adaptive-sampling"];
    for hourly in families {
        let server = FakeServer::start(answers);
        let store = open(&server, &[&format!("--es.index-rollover-frequency-{hourly}=hour")]);
        let batch = batch_of(&[Sample::new(trace_id(1), 1, moment)]);
        store.writer().write(&context(), &batch).await.unwrap();
        let (service, operation) = ("shop".to_owned(), "buy".to_owned());
        let seen = Throughput { service, operation, count: 1, probabilities: BTreeSet::new() };
        store.sampling().write_throughput(&context(), moment, &[seen]).await.unwrap();
        let period = |family| if family == hourly { &hour } else { &day };
        let mut expected = [("sampling", families[2]), ("service", families[1]), ("span", families[0])]
            .map(|(name, family)| format!("jaeger-{name}-{}", period(family)));
        expected.sort_unstable();
        assert_eq!(written_to(&server), expected, "{hourly}");
    }
}

#[tokio::test]
async fn aliases_of_ones_own_are_read_and_written_in_place_of_jaegers() {
    let flags = [
        "--es.use-aliases",
        "--es.span-read-alias=spans-r",
        "--es.span-write-alias=spans-w",
        "--es.service-read-alias=services-r",
        "--es.service-write-alias=services-w",
        "--es.compact-span-read-alias=compact-r",
        "--es.compact-span-write-alias=compact-w",
    ];
    for (layout, written) in [("jaeger", "spans-w"), ("compact", "compact-w")] {
        let server = FakeServer::start(|asked| match asked.line.split('?').next() {
            Some(path) if path.starts_with("GET /") && (path.ends_with("-r") || path.ends_with("-w")) => {
                (200, "", r#"{"jaeger-span-000007":{"aliases":{}}}"#.to_owned())
            }
            _ => answers(asked),
        });
        let store = open(&server, &[&flags[..], &[&format!("--es.layout={layout}")]].concat());
        assert_eq!(write(&store).await.unwrap().stored, 10);
        let mut expected = ["services-w", written];
        expected.sort_unstable();
        assert_eq!(written_to(&server), expected);
        store.reader().services(&context()).await.unwrap();
        assert_eq!(server.asked("POST /services-r/_search").len(), 1);
        let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
        let reader = store.reader();
        assert_eq!(reader.trace(&context(), &lookup).await.unwrap().count().await, 0);
        assert_eq!(server.asked("POST /spans-r,compact-r/_search").len(), 1);
    }
}

#[tokio::test]
async fn secrets_are_read_again_after_the_interval_of_their_own_flag() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let password = ["basic bwu6b2xk", "basic bwu6bmv3zxi="];
    for (flags, interval, [old, newer]) in [
        (&["--es.username=me", "--es.password-file"][..], "--es.password-reload-interval", password),
        (&["--es.token-file"], "--es.bearer-token-reload-interval", ["bearer old", "bearer newer"]),
        (&["--es.api-key-file"], "--es.api-key-reload-interval", ["apikey old", "apikey newer"]),
    ] {
        for (time, then) in [("1ns", newer), ("1h", old), ("0s", old)] {
            std::fs::write(&path, "old").unwrap();
            let server = FakeServer::start(answers);
            let mut flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
            flags.last_mut().unwrap().push_str(&format!("={}", path.display()));
            flags.push(format!("{interval}={time}"));
            let store = open(&server, &flags.iter().map(String::as_str).collect::<Vec<_>>());
            write(&store).await.unwrap();
            std::fs::write(&path, "newer").unwrap();
            write(&store).await.unwrap();
            let bulks = server.asked("_bulk");
            assert!(
                bulks[0].has(&format!("authorization: {old}")),
                "{interval}={time}: {:?}",
                bulks[0].headers
            );
            assert!(
                bulks[1].has(&format!("authorization: {then}")),
                "{interval}={time}: {:?}",
                bulks[1].headers
            );
        }
    }
}

#[tokio::test]
async fn no_more_names_are_asked_for_at_once_than_is_set() {
    let server = FakeServer::start(answers);
    open(&server, &["--es.max-doc-count=3"]).reader().services(&context()).await.unwrap();
    let asked = server.asked("_search");
    assert!(asked.len() == 1 && asked[0].body.contains(r#""size":3,"#), "{asked:?}");
}

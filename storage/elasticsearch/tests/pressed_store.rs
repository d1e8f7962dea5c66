//! A store without memory for what it is sent gets less of it, until it takes it; nothing is lost on the way.

mod support;

use std::time::Duration;

use prometheus_client::registry::Registry;
use spoor_storage::conformance::{Sample, batch_of, some_minutes_ago, trace_id};
use spoor_storage::write::{RetryMetrics, RetryPolicy, RetryingWriter};
use spoor_storage::{RequestContext, SpanWriter};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore, Readiness};
use support::bulks::{Documents, assert_bulks_counted};
use support::fake::{FakeServer, healthy};
use support::until;

/// What a node with a small heap says to a large bulk.
const BREAKER: &str = r#"{"error":{"type":"circuit_breaking_exception","reason":"[parent] Data too large, data for [<http_request>] would be [999/999b]","durability":"TRANSIENT"},"status":429}"#;

#[tokio::test(flavor = "multi_thread")]
async fn bulks_shrink_until_the_store_has_memory_for_them_and_every_span_is_stored() {
    let server = FakeServer::start(|asked| {
        if asked.line.starts_with("POST /_bulk") && asked.body.len() > 20_000 {
            return (429, "", BREAKER.to_owned());
        }
        healthy(asked)
    });
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    config.bulk.size = 100_000;
    let mut registry = Registry::default();
    let store = ElasticsearchStore::open(&config, &mut registry).unwrap();
    let metrics = RetryMetrics::register(&mut registry);
    let writer = RetryingWriter::new(store.writer(), RetryPolicy::default(), metrics);
    let base = some_minutes_ago();
    let samples: Vec<_> = (1..=200).map(|span| Sample::new(trace_id(1), span, base)).collect();
    let context = RequestContext::with_timeout(Duration::from_secs(30));
    let written = writer.write(&context, &batch_of(&samples)).await.unwrap();
    assert_eq!((written.stored, written.rejected.len()), (200, 0));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let slowdowns =
        text.lines().find_map(|line| line.strip_prefix("spoor_elasticsearch_bulk_slowdowns_total "));
    assert!(slowdowns.unwrap().parse::<u32>().unwrap() >= 2, "{text}");
    let counted = Documents::counted(&registry);
    assert_eq!((counted.stored, counted.rejected), (202, 0), "with those of the service: {text}");
    let sent: usize = server.asked("_bulk").iter().map(|bulk| bulk.actions()).sum();
    assert_eq!(counted.all(), sent, "{text}");
    let whole = server.asked("_bulk").iter().filter(|bulk| bulk.body.len() <= 20_000).count();
    assert_bulks_counted(&registry, &server, whole);
    let sizes: Vec<usize> = server.asked("_bulk").iter().map(|asked| asked.body.len()).collect();
    assert!(sizes[0] > 50_000 && sizes.iter().any(|&size| size <= 20_000), "{sizes:?}");
    assert!(sizes.len() < 40, "it is not asked in a busy loop: {sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_late_gets_less_until_it_answers() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let server = FakeServer::start(move |asked| {
        if asked.line.starts_with("POST /_bulk") {
            let _ = held.lock().expect("no panic in a server thread").recv();
        }
        healthy(asked)
    });
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().expect("a URL")];
    let mut registry = Registry::default();
    let store = ElasticsearchStore::open(&config, &mut registry).expect("the settings can work");
    let batch = batch_of(&[Sample::new(trace_id(1), 1, some_minutes_ago())]);
    // The time is that of the bulk alone.
    store.readiness().wait_for(|state| matches!(state, Readiness::Ready(_))).await.expect("it is open");
    let short = RequestContext::with_timeout(Duration::from_secs(5));
    store.writer().write(&short, &batch).await.expect_err("nobody answers");
    let slowdowns = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("metrics are text");
        text.lines().any(|line| line == "spoor_elasticsearch_bulk_slowdowns_total 1")
    };
    until("a slowdown", slowdowns).await;
    drop(release);
    let written = store.writer().write(&RequestContext::with_timeout(Duration::from_secs(30)), &batch).await;
    assert_eq!(written.expect("it answers again").stored, 1);
}

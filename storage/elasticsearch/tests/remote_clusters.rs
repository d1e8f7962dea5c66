//! Remote clusters are asked beside the store.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use spoor_model::{TimeRange, TraceLookup, TraceQuery};
use spoor_storage::conformance::{some_minutes_ago, trace_id};
use spoor_storage::{RequestContext, SpanReader};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore, Readiness};
use support::fake::{FakeServer, healthy, remotes};

const NOTHING: &str = r#"{"timed_out":false,"_shards":{"total":0,"successful":0,"failed":0}}"#;

fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(20))
}

fn search() -> TraceQuery {
    let now = some_minutes_ago();
    TraceQuery {
        service: None,
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: now, end: now },
        duration_min: None,
        duration_max: None,
        limit: 5,
        enough_spans: usize::MAX,
        filter: None,
    }
}

#[tokio::test]
async fn every_question_goes_to_the_remote_clusters_too() {
    let server = FakeServer::start(|asked| {
        if asked.line.contains("_search") { (200, "", NOTHING.to_owned()) } else { healthy(asked) }
    });
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().expect("a URL")];
    config.indices.remote_read_clusters = vec!["east".to_owned(), "west".to_owned()];
    let store = ElasticsearchStore::open(&config, &mut Registry::default()).expect("the settings can work");
    let reader = store.reader();
    reader.services(&context()).await.expect("an answer");
    let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
    let trace = reader.trace(&context(), &lookup).await.expect("an answer");
    assert!(trace.try_collect::<Vec<_>>().await.expect("an answer").is_empty());
    drop(reader.find_traces(&context(), &search()).await.expect("an answer"));
    let asked = server.asked("_search");
    assert_eq!(asked.len(), 3);
    for question in asked {
        for cluster in ["east:", "west:"] {
            // Of both layouts.
            let names =
                question.line.matches("jaeger-").count() + question.line.matches("spoor-span").count();
            let local = names / 3;
            assert_eq!(question.line.matches(cluster).count(), local, "{}", question.line);
        }
    }
}

/// As OpenSearch says it.
const LOST: &str = r#"{"error":{"root_cause":[{"type":"connect_transport_exception","reason":"[][10.0.0.1:9300] connect_exception"}],"type":"connect_transport_exception","reason":"[][10.0.0.1:9300] connect_exception","caused_by":{"type":"i_o_exception","reason":"Connection refused"}},"status":500}"#;

#[tokio::test]
async fn a_question_that_fails_has_the_remote_clusters_looked_at_before_it_is_time() {
    let lost = Arc::new(AtomicBool::new(false));
    let away = Arc::clone(&lost);
    let server = FakeServer::start(move |asked| match away.load(Ordering::SeqCst) {
        true if asked.line.contains("_search") => (500, "", LOST.to_owned()),
        true if asked.line.contains("_remote/info") => (200, "", remotes(&[("east", false)])),
        false if asked.line.contains("_search") => (200, "", NOTHING.to_owned()),
        _ => healthy(asked),
    });
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().expect("a URL")];
    config.indices.remote_read_clusters = vec!["east".to_owned()];
    let store = ElasticsearchStore::open(&config, &mut Registry::default()).expect("the settings can work");
    let reader = store.reader();
    reader.services(&context()).await.expect("an answer");
    lost.store(true, Ordering::SeqCst);
    let refused = reader.services(&context()).await.expect_err("a part would be missing").to_string();
    assert!(refused.contains("10.0.0.1:9300"), "{refused}");
    let mut readiness = store.readiness();
    let noticed = readiness.wait_for(
        |state| matches!(state, Readiness::NotReady(reason) if reason.contains("no connection to the remote cluster \"east\"")),
    );
    tokio::time::timeout(Duration::from_secs(20), noticed).await.expect("in time").expect("it is kept up");
}

//! Which node a request goes to: those found by asking the store, those configured, those in good health.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spoor_storage::SpanReader;
use spoor_storage_elasticsearch::ConnectionConfig;
use support::connection::{answers, context, open, write};
use support::fake::FakeServer;

/// Answers `_nodes/http` with the addresses, others as a healthy server.
fn naming(addresses: Arc<Mutex<Vec<String>>>) -> FakeServer {
    FakeServer::start(move |asked| {
        if !asked.line.starts_with("GET /_nodes/http") {
            return answers(asked);
        }
        let addresses = addresses.lock().unwrap();
        let nodes: Vec<String> = addresses
            .iter()
            .map(|address| format!(r#""{address}":{{"http":{{"publish_address":"{address}"}}}}"#))
            .collect();
        (200, "", format!(r#"{{"nodes":{{{}}}}}"#, nodes.join(",")))
    })
}

#[tokio::test]
async fn nodes_are_found_by_asking_and_asked_for_again() {
    let addresses = Arc::default();
    let [server, first, second] = [(); 3].map(|()| naming(Arc::clone(&addresses)));
    *addresses.lock().unwrap() = vec![format!("localhost/{}", first.address)];
    let store = open(&server, |connection| {
        connection.sniffing.enabled = true;
        connection.sniffing.interval = Duration::from_millis(10);
    });
    while first.asked("_bulk").is_empty() {
        write(&store).await.unwrap();
    }
    let port = first.address.port();
    assert!(first.asked("_bulk")[0].has(&format!("host: localhost:{port}")), "by its name");
    *addresses.lock().unwrap() = vec![second.address.to_string()];
    while second.asked("_bulk").is_empty() {
        write(&store).await.unwrap();
    }
}

#[tokio::test]
async fn when_no_node_found_is_well_those_configured_are_asked() {
    let away = xtask::servers::free_address().unwrap();
    let server = naming(Arc::new(Mutex::new(vec![away])));
    let store = open(&server, |connection| connection.sniffing.enabled = true);
    while server.asked("_nodes/http").is_empty() {
        tokio::task::yield_now().await;
    }
    for _ in 0..4 {
        assert_eq!(write(&store).await.unwrap().stored, 10);
    }
}

#[tokio::test]
async fn a_store_that_does_not_name_its_nodes_is_asked_where_it_is_configured() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = FakeServer::start(move |asked| {
        if asked.line.starts_with("GET /_nodes/http") {
            count.fetch_add(1, Ordering::Relaxed);
            return (403, "", r#"{"error":"not for you"}"#.to_owned());
        }
        answers(asked)
    });
    let store = open(&server, |connection| {
        connection.sniffing.enabled = true;
        connection.sniffing.interval = Duration::from_millis(10);
    });
    while asked.load(Ordering::Relaxed) < 3 {
        assert_eq!(write(&store).await.unwrap().stored, 10);
    }
}

#[test]
fn sniffing_that_could_not_work_is_refused_at_start() {
    let refused = |change: fn(&mut ConnectionConfig)| {
        let mut config = spoor_storage_elasticsearch::Config::default();
        change(&mut config.connection);
        config.validate().unwrap_err().to_string()
    };
    assert!(refused(|connection| connection.sniffing.tls = true).contains("--es.sniffer is not set"));
    let error = refused(|connection| {
        connection.server_urls = vec!["https://a".parse().unwrap()];
        connection.sniffing.enabled = true;
    });
    assert!(error.contains("--es.sniffer-tls-enabled"), "{error}");
}

#[tokio::test]
async fn without_health_checks_a_failed_node_keeps_its_turn() {
    let ill = FakeServer::start(|asked| match asked.line.contains("_search") {
        true => (503, "", String::new()),
        false => answers(asked),
    });
    let well = FakeServer::start(answers);
    for (checks, visits) in [(true, 1), (false, 3)] {
        let (before, begun) = (ill.asked("_search").len(), Instant::now());
        let store = open(&well, |connection| {
            connection.server_urls.insert(0, ill.url().parse().unwrap());
            connection.disable_health_check = !checks;
        });
        write(&store).await.unwrap();
        for _ in 0..6 {
            store.reader().services(&context()).await.unwrap();
        }
        let visited = ill.asked("_search").len() - before;
        // A failed node rests for a second at least; on a busy machine the questions may take longer.
        let rests = if checks { usize::try_from(begun.elapsed().as_secs()).unwrap() } else { 0 };
        assert!((visits..=visits + rests).contains(&visited), "{visited} visits, health checks: {checks}");
    }
}

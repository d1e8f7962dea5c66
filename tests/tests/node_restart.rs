//! Story: of a cluster of three nodes one is killed under load and comes back: the only one that the collector was told of. Senders notice
//! nothing but delay, and every span acknowledged is found.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use spoor_load::{Protocol, SendConfig};
use spoor_tests::accounts::{Accounts, acknowledged_is_found};
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::OpenSearchCluster;

const PREFIX: &str = "nodes";
const SPANS: u64 = 30_000;
const RATE: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(240);

/// It is told of one node, and finds the others by asking.
async fn collector(node: &str) -> Result<Spoor> {
    let settings = [
        format!("--es.server-urls={node}"),
        "--es.sniffer".to_owned(),
        "--es.sniffer-interval=2s".to_owned(),
        "--es.log-level=info".to_owned(),
        format!("--es.index-prefix={PREFIX}"),
        "--es.num-shards=3".to_owned(),
        "--es.num-replicas=1".to_owned(),
        "--collector.write-timeout=5s".to_owned(),
    ];
    let collector =
        Spoor::start(Role::Collector, &settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    collector.ready().await?;
    Ok(collector)
}

/// Waits until all copies of all shards are there.
async fn green(node: &str) -> Result<()> {
    eventually("the cluster is green", PATIENCE, || async {
        let url = format!("{node}/_cluster/health?wait_for_status=green&timeout=10s");
        let health: Value = reqwest::get(url).await?.json().await?;
        ensure!(health["status"] == "green", "{health}");
        Ok(())
    })
    .await
}

/// Waits until so many more spans are stored.
async fn progress(collector: &Spoor, spans: f64) -> Result<()> {
    let before = Accounts::of(collector).await?.stored;
    eventually("spans are stored", PATIENCE, || async {
        let stored = Accounts::of(collector).await?.stored;
        ensure!(stored >= before + spans, "{stored} spans are stored, {before} before");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_and_comes_back_costs_no_acknowledged_span() -> Result<()> {
    let mut cluster = tokio::task::spawn_blocking(|| OpenSearchCluster::start(3)).await??;
    let nodes = cluster.urls();
    let collector = collector(&nodes[1]).await?;
    let patient = SendConfig { retry_for: PATIENCE, ..to(&collector, Protocol::OtlpGrpc, 8) };
    // The day's indices are made, with their replicas: what a lost node holds is then held by another one too.
    let first = send(&patient, requests(1, 1_000, 250)).await?;
    green(&nodes[0]).await?;

    let config = SendConfig { rate: RATE.try_into().ok(), ..patient };
    let sending = tokio::spawn(async move { send(&config, requests(2, SPANS, 250)).await });
    progress(&collector, 3_000.0).await?;
    cluster = tokio::task::spawn_blocking(move || cluster.kill(1).map(|()| cluster)).await??;
    progress(&collector, 3_000.0).await?;
    collector.ready().await?;
    ensure!(!sending.is_finished(), "the node was away under load");
    cluster = tokio::task::spawn_blocking(move || cluster.start_again(1).map(|()| cluster)).await??;

    let killed = nodes[1].trim_start_matches("http://");
    // A request broke, or found nobody there, or the other nodes told first that it had gone: whichever of these comes before the others.
    let log = collector.log();
    let is_named = |line: &str| {
        serde_json::from_str::<Value>(line).is_ok_and(|line| {
            let has = |field: &str| line[field].as_str().is_some_and(|text| text.contains(killed));
            (line["message"] == "a request to the store failed" && has("node")) || has("left")
        })
    };
    ensure!(log.lines().any(is_named), "the node is named:\n{log}");
    let report = sending.await??;
    ensure!(
        first.acknowledged.spans == 1_000 && report.acknowledged.spans == SPANS,
        "senders that repeat succeed: {report}"
    );
    let accounts = Accounts::of(&collector).await?;
    ensure!(accounts.add_up() && accounts.in_flight == 0.0 && accounts.rejected == 0.0, "{accounts:?}");
    green(&nodes[0]).await?;
    acknowledged_is_found(&nodes[1], PREFIX, &[&first, &report]).await?;
    ensure!(collector.stop().await?.status.success(), "the collector drains");
    drop(cluster);
    Ok(())
}

//! Story: success means stored, whatever breaks. The store goes away and comes back, the collector is killed: the spans
//! acknowledged over the whole story are exactly findable, and nobody was told a success that was none.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use spoor_load::{Outcome, Protocol, SendConfig};
use spoor_tests::accounts::Accounts;
use spoor_tests::traffic::{keys_of, requests, send, stored_keys, to};
use spoor_tests::{Role, Spoor, eventually};
use tokio_util::sync::CancellationToken;
use xtask::servers::OpenSearch;

const PREFIX: &str = "story";

fn settings(server: &str) -> Vec<String> {
    vec![
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={PREFIX}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
        "--collector.write-timeout=2s".to_owned(),
    ]
}

async fn collector(server: &str) -> Result<Spoor> {
    let settings = settings(server);
    Spoor::start(Role::Collector, &settings.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// The server is started and stopped off the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_over_an_outage_is_exactly_what_is_found() -> Result<()> {
    let mut server = blocking(OpenSearch::start).await?;
    let url = server.url().to_owned();
    let collector = collector(&url).await?;
    collector.ready().await?;
    // Creating the day's index may take a busy machine longer than one request waits.
    let patient = to(&collector, Protocol::OtlpGrpc, 2);
    let before = send(&patient, requests(1, 4_000, 200)).await?;
    ensure!(before.acknowledged.spans == 4_000, "with the store up everything is acknowledged: {before}");

    server = blocking(move || server.stop().map(|()| server)).await?;
    for (protocol, reason) in [
        (Protocol::OtlpGrpc, "Unavailable"),
        (Protocol::OtlpHttp, "503"),
        (Protocol::JaegerGrpc, "Unavailable"),
    ] {
        refuses_with_retry_information(&collector, protocol, reason).await?;
    }

    let sending = tokio::spawn(async move { send(&patient, requests(2, 4_000, 200)).await });
    server = blocking(move || server.start_again().map(|()| server)).await?;
    let across = sending.await??;
    ensure!(across.acknowledged.spans == 4_000, "senders that repeat succeed without a restart: {across}");
    collector.ready().await?;
    let accounts = Accounts::of(&collector).await?;
    ensure!(accounts.add_up() && accounts.in_flight == 0.0 && accounts.returned > 0.0, "{accounts:?}");
    let (log, node) = (collector.log(), url.trim_start_matches("http://"));
    let is_told = |line: &str| {
        ["spans cannot be stored", node, "--es.server-urls"].iter().all(|part| line.contains(part))
    };
    ensure!(log.lines().any(is_told), "which node, and what to look at:\n{log}");

    let mut acknowledged = keys_of(&before, |outcome| *outcome == Outcome::Acknowledged);
    acknowledged.extend(keys_of(&across, |outcome| *outcome == Outcome::Acknowledged));
    let (stored, documents) = stored_keys(&url, PREFIX).await?;
    ensure!(stored == acknowledged, "{} spans acknowledged, {} found", acknowledged.len(), stored.len());
    ensure!(
        documents == stored.len(),
        "{documents} documents hold {} spans: a retry stored something twice",
        stored.len()
    );
    ensure!(collector.stop().await?.status.success(), "the collector drains");
    drop(server);
    Ok(())
}

async fn refuses_with_retry_information(collector: &Spoor, protocol: Protocol, reason: &str) -> Result<()> {
    let batch: Vec<_> = requests(3, 100, 100);
    if protocol == Protocol::OtlpHttp {
        let body = batch[0].body.clone();
        let url = format!("{}/v1/traces", collector.url("otlp-http"));
        let answer = reqwest::Client::new()
            .post(url)
            .header("content-type", "application/x-protobuf")
            .body(body)
            .send()
            .await?;
        ensure!(answer.status() == 503, "status of a write while the store is down: {}", answer.status());
        let after =
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok()).unwrap_or_default();
        ensure!(after.parse::<u32>().is_ok(), "Retry-After says when to come back: {after:?}");
        return Ok(());
    }
    let batch = if protocol == Protocol::JaegerGrpc { jaeger_requests() } else { batch };
    let once = SendConfig { retry_for: Duration::ZERO, ..to(collector, protocol, 1) };
    let report = send(&once, batch).await?;
    ensure!(report.acknowledged.spans == 0, "nothing is acknowledged while the store is down: {report}");
    ensure!(report.reasons.keys().all(|seen| seen.contains(reason)), "refused as {reason}: {report}");
    Ok(())
}

fn jaeger_requests() -> Vec<spoor_load::Request> {
    let config = spoor_load::GenerateConfig { seed: 4, ..Default::default() }.with_spans(100);
    spoor_load::Requests::new(&config, spoor_tests::traffic::now(), Protocol::JaegerGrpc).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_collector_had_acknowledged_is_found() -> Result<()> {
    let server = blocking(OpenSearch::start).await?;
    let url = server.url().to_owned();
    let victim = collector(&url).await?;
    victim.ready().await?;
    // Who is dead answers nobody: a repetition would only wait.
    let config = SendConfig { retry_for: Duration::ZERO, ..to(&victim, Protocol::OtlpGrpc, 4) };
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let load =
        tokio::spawn(async move { spoor_load::run(&config, requests(5, 200_000, 100), stopper).await });
    eventually("the collector is under load", Duration::from_secs(60), || async {
        let stored = victim.metrics().await?.sum("spoor_collector_spans_stored_total", "");
        if stored < 2_000.0 {
            bail!("{stored} spans stored");
        }
        Ok(())
    })
    .await?;
    victim.kill().await?;
    stop.cancel();
    let report = load.await??;
    // Of what was stored the last answers may not have gone out.
    ensure!(report.acknowledged.spans >= 1_000, "the load was on: {report}");

    let (stored, _) = stored_keys(&url, PREFIX).await?;
    let acknowledged = keys_of(&report, |outcome| *outcome == Outcome::Acknowledged);
    let missing = acknowledged.difference(&stored).count();
    ensure!(missing == 0, "{missing} of {} acknowledged spans are not stored", acknowledged.len());
    let offered = keys_of(&report, |_| true);
    ensure!(stored.is_subset(&offered), "nothing is stored that nobody sent");
    drop(server);
    Ok(())
}

//! Story: the store halts for 22 s while 5,000 spans a second come in. It takes connections and says nothing, which is harder
//! to notice than a closed port. Some senders repeat what was refused, some do not; whatever was acknowledged is found.

use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_load::{Protocol, Report, SendConfig};
use spoor_tests::accounts::{Accounts, acknowledged_is_found};
use spoor_tests::traffic::{requests, send, to};
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::OpenSearch;

const PREFIX: &str = "away";
const OUTAGE: Duration = Duration::from_secs(22);
const SENDERS_PATIENCE: Duration = Duration::from_secs(180);
/// Spans, and spans a second, of the senders that repeat.
const PATIENT: (u64, u64) = (40_000, 4_000);
/// The same of those that do not.
const IMPATIENT: (u64, u64) = (20_000, 1_000);

async fn collector(server: &str) -> Result<Spoor> {
    let settings = [
        format!("--es.server-urls={server}"),
        format!("--es.index-prefix={PREFIX}"),
        "--es.num-shards=1".to_owned(),
        "--es.num-replicas=0".to_owned(),
    ];
    let collector =
        Spoor::start(Role::Collector, &settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    collector.ready().await?;
    Ok(collector)
}

/// Sends in the background, at a pace.
fn load(config: SendConfig, (spans, rate): (u64, u64), seed: u64) -> tokio::task::JoinHandle<Result<Report>> {
    let config = SendConfig { rate: rate.try_into().ok(), ..config };
    tokio::spawn(async move { send(&config, requests(seed, spans, 250)).await })
}

/// Waits until more than `least` spans are stored.
async fn stored_beyond(collector: &Spoor, least: f64) -> Result<()> {
    eventually("spans are stored", Duration::from_secs(120), || async {
        let stored = Accounts::of(collector).await?.stored;
        ensure!(stored > least, "{stored} spans are stored, not more than {least}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_halts_for_22_s_under_load_loses_nothing_that_was_acknowledged() -> Result<()> {
    let server = tokio::task::spawn_blocking(OpenSearch::start).await??;
    let url = server.url().to_owned();
    let collector = collector(&url).await?;
    let patient = SendConfig { retry_for: SENDERS_PATIENCE, ..to(&collector, Protocol::OtlpGrpc, 8) };
    // Creating the day's index may take a busy machine longer than one write may; from here on a refusal comes of the outage.
    let first = send(&patient, requests(1, 1_000, 250)).await?;
    ensure!(first.acknowledged.spans == 1_000, "with the store up everything is acknowledged: {first}");

    let repeating = load(patient, PATIENT, 2);
    let impatient = SendConfig { retry_for: Duration::ZERO, ..to(&collector, Protocol::OtlpGrpc, 16) };
    let once = load(impatient, IMPATIENT, 3);
    stored_beyond(&collector, 5_000.0).await?;
    server.pause()?;
    // The length of the outage is what this story is about.
    tokio::time::sleep(OUTAGE).await;
    let at_the_end = Accounts::of(&collector).await?.stored;
    server.resume()?;
    stored_beyond(&collector, at_the_end).await?;

    let (repeating, once) = (repeating.await??, once.await??);
    ensure!(repeating.acknowledged.spans == PATIENT.0, "senders that repeat succeed: {repeating}");
    ensure!(once.refused.spans > 0 && once.unknown.spans == 0, "each request has its answer in time: {once}");
    ensure!(
        once.messages.keys().all(|message| message.contains("send again later")),
        "whoever is refused is told what to do: {once}"
    );
    let log = collector.log();
    let is_told = |line: &str| {
        ["spans cannot be stored", "the store did not answer in time"].iter().all(|part| line.contains(part))
    };
    ensure!(log.lines().any(is_told), "whoever runs the collector is told what became of the store:\n{log}");
    let accounts = Accounts::of(&collector).await?;
    ensure!(accounts.add_up() && accounts.in_flight == 0.0, "{accounts:?}");
    ensure!(accounts.rejected == 0.0 && accounts.returned > 0.0, "the outage gave spans back: {accounts:?}");
    acknowledged_is_found(&url, PREFIX, &[&first, &repeating, &once]).await?;
    collector.ready().await?;
    ensure!(collector.stop().await?.status.success(), "the collector drains");
    Ok(())
}

//! A collector under load.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_load::{GenerateConfig, Protocol, Report, Requests, SendConfig};
use spoor_proto::record::Encoding;
use spoor_tests::accounts::Accounts;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{now, to};
use spoor_tests::{Role, Spoor, eventually};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Requests under way to each collector at any time; the next one follows on each answer.
const STREAMS: u32 = 4;
/// More than a collector gets in any storm.
const ENOUGH: u64 = 100_000_000;

pub(super) struct Lane {
    pub(super) collector: Spoor,
    stop: CancellationToken,
    load: JoinHandle<Result<Vec<Report>>>,
}

impl Lane {
    /// Sends as fast as the collector answers, as long as `flows` is true.
    pub(super) async fn start(
        topic: &Topic,
        encoding: Encoding,
        seed: u64,
        patience: Duration,
        flows: watch::Receiver<bool>,
    ) -> Result<Self> {
        let mut flags = topic.producer_flags();
        flags.push(format!("--kafka.producer.encoding={encoding}"));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let collector = Spoor::start(Role::Collector, &flags).await?;
        let config = SendConfig { retry_for: patience, ..to(&collector, Protocol::OtlpGrpc, STREAMS) };
        let stop = CancellationToken::new();
        let load = tokio::spawn(send(config, seed, flows, stop.clone()));
        Ok(Self { collector, stop, load })
    }

    /// Its collector is killed under load; what became of the load.
    pub(super) async fn kill(self) -> Result<Vec<Report>> {
        self.collector.kill().await?;
        self.stop.cancel();
        self.load.await?
    }

    /// What became of its load, which ends.
    pub(super) async fn end(self) -> Result<Vec<Report>> {
        self.stop.cancel();
        let reports = self.load.await??;
        let accounts = Accounts::of(&self.collector).await?;
        ensure!(accounts.add_up() && accounts.in_flight == 0.0, "{accounts:?}");
        ensure!(accounts.rejected == 0.0, "an outage is no reason to refuse spans for good: {accounts:?}");
        ensure!(self.collector.stop().await?.status.success(), "the collector drains");
        Ok(reports)
    }

    async fn stored(&self) -> Result<f64> {
        Ok(Accounts::of(&self.collector).await?.stored)
    }

    /// Waits until so many more spans are stored than now.
    pub(super) async fn goes_on(&self, more: u32, patience: Duration) -> Result<()> {
        let before = self.stored().await?;
        eventually("the topic takes spans", patience, || async {
            let stored = self.stored().await?;
            ensure!(stored >= before + f64::from(more), "{stored} spans are stored, before it were {before}");
            Ok(())
        })
        .await
    }
}

/// One burst after another, each of other spans, until the stop.
async fn send(
    config: SendConfig,
    seed: u64,
    mut flows: watch::Receiver<bool>,
    stop: CancellationToken,
) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for burst in 0.. {
        tokio::select! {
            () = stop.cancelled() => break,
            flowing = turns(&mut flows, true) => flowing?,
        }
        let what = GenerateConfig { seed: seed.wrapping_add(burst), ..GenerateConfig::default() };
        let requests = Requests::new(&what.with_spans(ENOUGH), now(), Protocol::OtlpGrpc);
        let rest = stop.child_token();
        let sending = spoor_load::run(&config, requests, rest.clone());
        tokio::pin!(sending);
        let report = tokio::select! {
            report = &mut sending => report,
            _ = turns(&mut flows, false) => {
                rest.cancel();
                sending.await
            }
        };
        reports.push(report.context("send spans")?);
    }
    Ok(reports)
}

async fn turns(flows: &mut watch::Receiver<bool>, wanted: bool) -> Result<()> {
    flows.wait_for(|flows| *flows == wanted).await.map(drop).context("the storm goes on")
}

//! A collector under load.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_load::{GenerateConfig, Protocol, Report, Requests, SendConfig};
use spoor_tests::accounts::Accounts;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{now, to};
use spoor_tests::{Role, Spoor, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Spans a second to each collector.
const RATE: u64 = 1_000;
/// More than a collector gets in any storm.
const ENOUGH: u64 = 100_000_000;

pub(super) struct Lane {
    pub(super) collector: Spoor,
    pub(super) stop: CancellationToken,
    pub(super) load: JoinHandle<Result<Report>>,
}

impl Lane {
    pub(super) async fn start(topic: &Topic, seed: u64, patience: Duration) -> Result<Self> {
        let mut flags = topic.producer_flags();
        flags.push("--kafka.producer.encoding=otlp_proto".to_owned());
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let collector = Spoor::start(Role::Collector, &flags).await?;
        let config = SendConfig {
            rate: RATE.try_into().ok(),
            retry_for: patience,
            ..to(&collector, Protocol::OtlpGrpc, 4)
        };
        let what = GenerateConfig { seed, ..GenerateConfig::default() }.with_spans(ENOUGH);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let load = tokio::spawn(async move {
            let requests = Requests::new(&what, now(), Protocol::OtlpGrpc);
            spoor_load::run(&config, requests, stopped).await.context("send spans")
        });
        Ok(Self { collector, stop, load })
    }

    /// What became of its load, which ends.
    pub(super) async fn end(self) -> Result<Report> {
        self.stop.cancel();
        let report = self.load.await??;
        let accounts = Accounts::of(&self.collector).await?;
        ensure!(accounts.add_up() && accounts.in_flight == 0.0, "{accounts:?}");
        ensure!(accounts.rejected == 0.0, "an outage is no reason to refuse spans for good: {accounts:?}");
        ensure!(self.collector.stop().await?.status.success(), "the collector drains");
        Ok(report)
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

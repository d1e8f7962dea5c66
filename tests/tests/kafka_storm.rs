//! Story: a storm over two collectors and the broker that they write to. In an order and at moments that a seed decides, collectors are
//! killed, the broker halts, stops, is killed, and the topic gets more partitions, while both collectors are under load. At
//! the end every acknowledged span is in the topic, and none that nobody sent.
//!
//! The seed is printed; `SPOOR_STORM_SEED` sets it. `SPOOR_STORM_ROUNDS` sets how often each fault comes: once, if it does not;
//! `cargo xtask test --long` sets it to more.

use std::collections::BTreeSet;
use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use spoor_load::{GenerateConfig, Outcome, Protocol, Report, Requests, SendConfig, SpanKey};
use spoor_proto::record::Encoding;
use spoor_tests::accounts::Accounts;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{keys_of, now, to};
use spoor_tests::{Role, Spoor, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xtask::servers::Kafka;
use xtask::suite::STORM_ROUNDS;

/// Spans a second to each collector.
const RATE: u64 = 3_000;
/// More than a collector gets in any storm.
const ENOUGH: u64 = 100_000_000;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy)]
enum Fault {
    CollectorKilled,
    BrokerHalted,
    BrokerStopped,
    BrokerKilled,
    PartitionsRaised,
}

const FAULTS: [Fault; 5] = [
    Fault::CollectorKilled,
    Fault::BrokerHalted,
    Fault::BrokerStopped,
    Fault::BrokerKilled,
    Fault::PartitionsRaised,
];

fn number(variable: &str) -> Result<Option<u64>> {
    let Ok(text) = env::var(variable) else { return Ok(None) };
    text.parse().map(Some).with_context(|| format!("{variable} is {text:?}; set it to a number"))
}

/// A collector under load.
struct Lane {
    collector: Spoor,
    stop: CancellationToken,
    load: JoinHandle<Result<Report>>,
}

impl Lane {
    async fn start(topic: &Topic, seed: u64) -> Result<Self> {
        let mut flags = topic.producer_flags();
        flags.push("--kafka.producer.encoding=otlp_proto".to_owned());
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let collector = Spoor::start(Role::Collector, &flags).await?;
        let config = SendConfig {
            rate: RATE.try_into().ok(),
            retry_for: PATIENCE,
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
    async fn end(self) -> Result<(Spoor, Report)> {
        self.stop.cancel();
        Ok((self.collector, self.load.await??))
    }

    async fn stored(&self) -> Result<f64> {
        Ok(Accounts::of(&self.collector).await?.stored)
    }

    /// Waits until so many more spans are stored than now.
    async fn goes_on(&self, more: u32) -> Result<()> {
        let before = self.stored().await?;
        eventually("spans are stored", PATIENCE, || async {
            let stored = self.stored().await?;
            ensure!(stored >= before + f64::from(more), "{stored} spans are stored, before it were {before}");
            Ok(())
        })
        .await
    }
}

struct Storm {
    kafka: Kafka,
    topic: Topic,
    lanes: Vec<Lane>,
    random: fastrand::Rng,
    reports: Vec<Report>,
}

impl Storm {
    async fn start(seed: u64) -> Result<Self> {
        let kafka = tokio::task::spawn_blocking(Kafka::start).await??;
        let topic = Topic::create(kafka.brokers(), "storm", 3).await?;
        let mut storm = Self {
            kafka,
            topic,
            lanes: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            reports: Vec::new(),
        };
        for _ in 0..2 {
            storm.add_lane().await?;
        }
        Ok(storm)
    }

    async fn add_lane(&mut self) -> Result<()> {
        let seed = self.random.u64(..);
        self.lanes.push(Lane::start(&self.topic, seed).await?);
        Ok(())
    }

    async fn strike(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::CollectorKilled => {
                let lane = self.lanes.swap_remove(self.random.usize(..self.lanes.len()));
                lane.stop.cancel();
                lane.collector.kill().await?;
                self.reports.push(lane.load.await??);
                self.add_lane().await?;
            }
            Fault::BrokerHalted => {
                self.kafka.pause()?;
                // How long it halts is what this fault is about.
                tokio::time::sleep(Duration::from_millis(self.random.u64(1_000..12_000))).await;
                self.kafka.resume()?;
            }
            Fault::BrokerStopped => {
                tokio::task::block_in_place(|| self.kafka.stop())?;
                tokio::task::block_in_place(|| self.kafka.start_again())?;
            }
            Fault::BrokerKilled => {
                tokio::task::block_in_place(|| self.kafka.kill())?;
                tokio::task::block_in_place(|| self.kafka.start_again())?;
            }
            Fault::PartitionsRaised => {
                let count = self.topic.partitions() + self.random.i32(1..=2);
                self.topic.raise_partitions(count).await?;
            }
        }
        Ok(())
    }

    async fn calm(&mut self) -> Result<()> {
        for lane in &self.lanes {
            lane.goes_on(self.random.u32(500..4_000)).await?;
        }
        Ok(())
    }

    /// The load ends, and what it came to is looked at.
    async fn end(mut self) -> Result<()> {
        for lane in self.lanes.drain(..) {
            let (collector, report) = lane.end().await?;
            let accounts = Accounts::of(&collector).await?;
            ensure!(accounts.add_up() && accounts.in_flight == 0.0, "{accounts:?}");
            ensure!(
                accounts.rejected == 0.0,
                "an outage is no reason to refuse spans for good: {accounts:?}"
            );
            ensure!(collector.stop().await?.status.success(), "the collector drains");
            self.reports.push(report);
        }
        let keys = |outcome: fn(&Outcome) -> bool| -> BTreeSet<SpanKey> {
            self.reports.iter().flat_map(|report| keys_of(report, outcome)).collect()
        };
        let sure = keys(|outcome| *outcome == Outcome::Acknowledged);
        let stored = self.topic.spans(Encoding::OtlpProto).await?;
        let found = stored.keys();
        eprintln!("{} spans acknowledged, {} in {} records", sure.len(), found.len(), stored.records);
        let lost = sure.difference(&found).count();
        ensure!(lost == 0, "{lost} of {} acknowledged spans are not in the topic", sure.len());
        ensure!(found.is_subset(&keys(|_| true)), "the topic holds spans that nobody sent");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_span_is_lost_in_a_storm_over_collectors_and_broker() -> Result<()> {
    let by_clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let seed = number("SPOOR_STORM_SEED")?.unwrap_or(by_clock);
    let rounds = number(STORM_ROUNDS)?.unwrap_or(1);
    eprintln!("the storm's seed is {seed}, its rounds are {rounds}");
    let mut storm = Storm::start(seed).await?;
    storm.calm().await?;
    for _ in 0..rounds {
        let mut faults = FAULTS;
        storm.random.shuffle(&mut faults);
        for fault in faults {
            eprintln!("{fault:?}");
            storm.strike(fault).await.with_context(|| format!("seed {seed}: {fault:?}"))?;
            storm.calm().await.with_context(|| format!("seed {seed}: after {fault:?}"))?;
        }
    }
    storm.end().await.with_context(|| format!("seed {seed}"))
}

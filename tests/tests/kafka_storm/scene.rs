//! What the storm is over, and what it does.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_load::{Outcome, Report, SpanKey};
use spoor_tests::ingesting::{RecordAccounts, letters};
use spoor_tests::proxy::Proxy;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{keys_of, stored_keys};
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::{Kafka, OpenSearch};

use crate::lane::Lane;
use crate::poison;

const PATIENCE: Duration = Duration::from_secs(240);
const PREFIX: &str = "storm";

#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    CollectorKilled,
    IngesterKilled,
    BrokerHalted,
    BrokerStopped,
    BrokerKilled,
    PartitionsRaised,
    StoreHalted,
    StoreRefuses,
    Poisoned,
}

pub(super) const FAULTS: [Fault; 9] = [
    Fault::CollectorKilled,
    Fault::IngesterKilled,
    Fault::BrokerHalted,
    Fault::BrokerStopped,
    Fault::BrokerKilled,
    Fault::PartitionsRaised,
    Fault::StoreHalted,
    Fault::StoreRefuses,
    Fault::Poisoned,
];

pub(super) struct Storm {
    kafka: Kafka,
    store: OpenSearch,
    proxy: Proxy,
    topic: Topic,
    lanes: Vec<Lane>,
    ingesters: Vec<Spoor>,
    pub(super) random: fastrand::Rng,
    reports: Vec<Report>,
    /// Where poisoned records lie.
    poisoned: BTreeSet<(i32, i64)>,
    /// Spans that came into the topic past the collectors.
    beside: BTreeSet<SpanKey>,
}

impl Storm {
    pub(super) async fn start(seed: u64) -> Result<Self> {
        let (kafka, store) =
            tokio::task::spawn_blocking(|| anyhow::Ok((Kafka::start()?, OpenSearch::start()?))).await??;
        let topic = Topic::create(kafka.brokers(), PREFIX, 3).await?;
        let proxy = Proxy::before(store.url()).await?;
        let mut storm = Self {
            kafka,
            store,
            proxy,
            topic,
            lanes: Vec::new(),
            ingesters: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            reports: Vec::new(),
            poisoned: BTreeSet::new(),
            beside: BTreeSet::new(),
        };
        for _ in 0..2 {
            storm.add_ingester().await?;
            storm.add_lane().await?;
        }
        Ok(storm)
    }

    async fn add_lane(&mut self) -> Result<()> {
        let seed = self.random.u64(..);
        self.lanes.push(Lane::start(&self.topic, seed, PATIENCE).await?);
        Ok(())
    }

    async fn add_ingester(&mut self) -> Result<()> {
        let mut flags = self.topic.consumer_flags();
        flags.extend([
            "--kafka.consumer.encoding=otlp_proto".to_owned(),
            "--ingester.write-timeout=10s".to_owned(),
            format!("--es.server-urls={}", self.proxy.url()),
            format!("--es.index-prefix={PREFIX}"),
            "--es.num-shards=1".to_owned(),
            "--es.num-replicas=0".to_owned(),
        ]);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        self.ingesters.push(Spoor::start(Role::Ingester, &flags).await?);
        Ok(())
    }

    pub(super) async fn strike(&mut self, fault: Fault) -> Result<()> {
        // How long servers halt or refuse is what these faults are about.
        let pause = Duration::from_millis(self.random.u64(2_000..12_000));
        match fault {
            Fault::CollectorKilled => {
                let lane = self.lanes.swap_remove(self.random.usize(..self.lanes.len()));
                lane.stop.cancel();
                lane.collector.kill().await?;
                self.reports.push(lane.load.await??);
                self.add_lane().await?;
            }
            Fault::IngesterKilled => {
                let ingester = self.ingesters.swap_remove(self.random.usize(..self.ingesters.len()));
                ingester.kill().await?;
                self.add_ingester().await?;
            }
            Fault::BrokerHalted => {
                self.kafka.pause()?;
                tokio::time::sleep(pause).await;
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
            Fault::StoreHalted => {
                self.store.pause()?;
                tokio::time::sleep(3 * pause).await;
                self.store.resume()?;
            }
            Fault::StoreRefuses => {
                self.proxy.refuse(true);
                tokio::time::sleep(pause).await;
                self.proxy.refuse(false);
                ensure!(self.proxy.refused() > 0, "the store was asked meanwhile");
            }
            Fault::Poisoned => self.poison().await?,
        }
        Ok(())
    }

    async fn poison(&mut self) -> Result<()> {
        self.poisoned.extend(self.topic.put(&poison::records(&mut self.random)).await?);
        let (key, large) = poison::large(&mut self.random);
        self.topic.put(&[Some(large)]).await?;
        self.beside.insert(key);
        Ok(())
    }

    /// Waits until both sides of the topic go on.
    pub(super) async fn calm(&mut self) -> Result<()> {
        let before = self.records_stored().await?;
        for lane in &self.lanes {
            lane.goes_on(self.random.u32(500..4_000), PATIENCE).await?;
        }
        eventually("the store takes spans", PATIENCE, || async {
            let stored = self.records_stored().await?;
            ensure!(stored > before, "{stored} records are stored, as before");
            Ok(())
        })
        .await
    }

    async fn records_stored(&self) -> Result<f64> {
        let mut stored = 0.0;
        for ingester in &self.ingesters {
            stored += RecordAccounts::of(ingester).await?.stored;
        }
        Ok(stored)
    }

    /// The load ends, the ingesters catch up, and what it came to is looked at.
    pub(super) async fn end(mut self) -> Result<()> {
        for lane in self.lanes.drain(..) {
            self.reports.push(lane.end().await?);
        }
        eventually("the ingesters rest", PATIENCE, || async {
            let mut partitions = 0.0;
            for ingester in &self.ingesters {
                let accounts = RecordAccounts::of(ingester).await?;
                ensure!(accounts.rest() && accounts.add_up(), "{accounts:?}\n{}", ingester.log());
                partitions += accounts.partitions;
            }
            ensure!(partitions == f64::from(self.topic.partitions()), "{partitions} partitions are read");
            Ok(())
        })
        .await?;
        self.check_store().await?;
        self.check_letters().await?;
        for ingester in self.ingesters {
            ensure!(ingester.stop().await?.status.success(), "the ingester drains");
        }
        Ok(())
    }

    async fn check_store(&self) -> Result<()> {
        let keys = |outcome: fn(&Outcome) -> bool| -> BTreeSet<SpanKey> {
            self.reports.iter().flat_map(|report| keys_of(report, outcome)).collect()
        };
        let sure = keys(|outcome| *outcome == Outcome::Acknowledged);
        let (found, documents) = stored_keys(self.store.url(), PREFIX).await?;
        eprintln!("{} spans acknowledged, {documents} documents", sure.len());
        let lost = sure.difference(&found).count();
        ensure!(lost == 0, "{lost} of {} acknowledged spans are not in the store", sure.len());
        ensure!(documents == found.len(), "{documents} documents hold {} spans", found.len());
        ensure!(self.beside.is_subset(&found), "a span with a large tag is missing");
        let sent: BTreeSet<SpanKey> = keys(|_| true).union(&self.beside).copied().collect();
        ensure!(found.is_subset(&sent), "the store holds spans that nobody sent");
        Ok(())
    }

    async fn check_letters(&self) -> Result<()> {
        let letters = letters(&self.topic).await?;
        let ids: BTreeSet<&str> = letters.iter().filter_map(|letter| letter["id"].as_str()).collect();
        let name = self.topic.name();
        let poisoned: BTreeSet<String> =
            self.poisoned.iter().map(|(partition, offset)| format!("{name}/{partition}/{offset}")).collect();
        let expected: BTreeSet<&str> = poisoned.iter().map(String::as_str).collect();
        eprintln!("{} records poisoned, {} letters", expected.len(), letters.len());
        ensure!(ids == expected, "letters {ids:?}, poisoned records {expected:?}");
        ensure!(letters.len() == ids.len(), "each once");
        Ok(())
    }
}

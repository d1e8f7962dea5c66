//! What the storm is over, and what must be true of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use spoor_load::{Outcome, Report, SpanKey};
use spoor_proto::record::Encoding;
use spoor_tests::ingesting::{RecordAccounts, letters};
use spoor_tests::proxy::Proxy;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{keys_of, stored_keys};
use spoor_tests::{Role, Spoor, eventually};
use xtask::servers::{Kafka, OpenSearch};

use crate::brake::Brake;
use crate::lane::Lane;

pub(super) const PATIENCE: Duration = Duration::from_secs(240);
const PREFIX: &str = "storm";
/// Whose offsets the ingesters commit, by default.
const GROUP: &str = "jaeger-ingester";
const ENCODINGS: [Encoding; 4] =
    [Encoding::Protobuf, Encoding::Json, Encoding::OtlpProto, Encoding::OtlpJson];

pub(super) struct Storm {
    pub(super) kafka: Kafka,
    pub(super) store: OpenSearch,
    pub(super) proxy: Proxy,
    pub(super) topic: Topic,
    pub(super) encoding: Encoding,
    pub(super) lanes: Vec<Lane>,
    pub(super) ingesters: Vec<Spoor>,
    pub(super) random: fastrand::Rng,
    pub(super) reports: Vec<Report>,
    /// Where poisoned records lie.
    pub(super) poisoned: BTreeSet<(i32, i64)>,
    /// Spans that came into the topic past the collectors.
    pub(super) beside: BTreeSet<SpanKey>,
    pub(super) faults: usize,
    pub(super) brake: Brake,
    pub(super) began: Instant,
}

impl Storm {
    pub(super) async fn start(seed: u64) -> Result<Self> {
        let began = Instant::now();
        let (kafka, store) =
            tokio::task::spawn_blocking(|| anyhow::Ok((Kafka::start()?, OpenSearch::start()?))).await??;
        let topic = Topic::create(kafka.brokers(), PREFIX, 3).await?;
        let proxy = Proxy::before(store.url()).await?;
        let mut random = fastrand::Rng::with_seed(seed);
        let encoding = ENCODINGS[random.usize(..ENCODINGS.len())];
        eprintln!("records are written in {encoding}");
        let mut storm = Self {
            kafka,
            store,
            proxy,
            topic,
            encoding,
            lanes: Vec::new(),
            ingesters: Vec::new(),
            random,
            reports: Vec::new(),
            poisoned: BTreeSet::new(),
            beside: BTreeSet::new(),
            faults: 0,
            brake: Brake::start(encoding),
            began,
        };
        for _ in 0..2 {
            storm.add_ingester().await?;
            storm.add_lane().await?;
        }
        Ok(storm)
    }

    pub(super) async fn add_lane(&mut self) -> Result<()> {
        let seed = self.random.u64(..);
        let flows = self.brake.flows();
        self.lanes.push(Lane::start(&self.topic, self.encoding, seed, PATIENCE, flows).await?);
        Ok(())
    }

    pub(super) async fn add_ingester(&mut self) -> Result<()> {
        let mut flags = self.topic.consumer_flags();
        flags.extend([
            format!("--kafka.consumer.encoding={}", self.encoding),
            "--ingester.write-timeout=10s".to_owned(),
            format!("--es.server-urls={}", self.proxy.url()),
            format!("--es.index-prefix={PREFIX}"),
            "--es.num-shards=1".to_owned(),
            "--es.num-replicas=0".to_owned(),
        ]);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        self.ingesters.push(Spoor::start(Role::Ingester, &flags).await?);
        self.brake.watch(&self.ingesters);
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
            ensure!(stored > before, "{stored} records are stored, as before\n{}", self.words());
            Ok(())
        })
        .await
    }

    /// What the ingesters have to say.
    pub(super) fn words(&self) -> String {
        self.ingesters.iter().map(Spoor::log).collect::<Vec<_>>().join("\n— another one —\n")
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
            self.reports.extend(lane.end().await?);
        }
        eventually("the ingesters rest", PATIENCE, || async {
            let mut partitions = 0.0;
            for ingester in &self.ingesters {
                let accounts = RecordAccounts::of(ingester).await?;
                ensure!(accounts.rest() && accounts.add_up(), "{accounts:?}\n{}", self.words());
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
        let left = self.topic.left_by(GROUP).await?;
        ensure!(left == 0, "by the broker's word {left} offsets are not committed");
        eprintln!("{} faults in {:?}", self.faults, self.began.elapsed());
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

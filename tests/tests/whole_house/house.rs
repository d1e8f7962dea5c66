//! The installation, and what it must have come to at the end.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_load::{GenerateConfig, Protocol, Report, Requests, SendConfig};
use spoor_tests::accounts::acknowledged_is_found;
use spoor_tests::ingesting::RecordAccounts;
use spoor_tests::nginx::Nginx;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{keys_of, now, requests, send};
use spoor_tests::{Role, eventually};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xtask::servers::{Kafka, OpenSearch};

use crate::member::Member;
use crate::names::Names;
use crate::reader::Reader;

pub(super) const PATIENCE: Duration = Duration::from_secs(120);
const PREFIX: &str = "house";
const PARTITIONS: i32 = 4;
/// Spans a second through nginx, and to each agent.
const RATE: u64 = 400;
const RATE_OF_AGENT: u64 = 100;
/// More than are sent in any run.
const ENOUGH: u64 = 100_000_000;
/// Ports of all members and of nginx.
const PORTS: usize = 40;

pub(super) struct House {
    pub(super) kafka: Kafka,
    store: OpenSearch,
    pub(super) members: Vec<(Role, Member)>,
    _nginx: [Nginx; 2],
    pub(super) reader: Reader,
    stop: CancellationToken,
    loads: Vec<JoinHandle<Result<Report>>>,
    first: Report,
    _folder: TempDir,
}

impl House {
    pub(super) async fn start(seed: u64) -> Result<Self> {
        let (kafka, store) =
            tokio::task::spawn_blocking(|| anyhow::Ok((Kafka::start()?, OpenSearch::start()?))).await??;
        Topic::create(kafka.brokers(), "jaeger-spans", PARTITIONS).await?;
        let folder = tempfile::tempdir()?;
        let mut ports = xtask::servers::free_ports(PORTS)?;
        let mut names = Names::default();
        for number in 1..=3 {
            names.add(&format!("kafka-{number}:9092"), kafka.brokers().to_owned());
            let url = store.url().trim_start_matches("http://");
            names.add(&format!("opensearch-{number}:9200"), url.to_owned());
        }
        let mut members = Vec::new();
        for (role, host, count) in ROLES {
            for number in 1..=count {
                let member = Member::new(role, &format!("{host}-{number}"), &mut names, &mut ports)?;
                members.push((role, member));
            }
        }
        for (number, (role, member)) in members.iter_mut().enumerate() {
            let (settings, own) = settings(*role, &folder.path().join(format!("spool-{number}")));
            member.configure(settings, &names, folder.path(), &own).await?;
        }
        let (nginx, sender, site) = nginx(&names, &mut ports).await?;
        let to_nginx = config(sender, Protocol::OtlpGrpc, 4, RATE);
        let first = send(&to_nginx, requests(seed, 1_000, 250)).await?;
        ensure!(first.acknowledged.spans == 1_000, "a calm house takes spans: {first}");
        let mut traces: Vec<String> =
            keys_of(&first, |_| true).iter().map(|(trace, _)| trace.to_string()).collect();
        traces.dedup();
        let sent = [&first];
        eventually("the first spans are found", PATIENCE, || {
            acknowledged_is_found(store.url(), PREFIX, &sent)
        })
        .await?;
        let stop = CancellationToken::new();
        let mut loads = vec![load(to_nginx, seed.wrapping_add(1), &stop)];
        for (number, (_, agent)) in (2..).zip(members.iter().filter(|(role, _)| *role == Role::Agent)) {
            let agent = agent.process()?.address("jaeger-compact");
            let to_agent = config(agent, Protocol::JaegerCompact, 1, RATE_OF_AGENT);
            loads.push(load(to_agent, seed.wrapping_add(number), &stop));
        }
        let reader = Reader::start(site, traces);
        Ok(Self { kafka, store, members, _nginx: nginx, reader, stop, loads, first, _folder: folder })
    }

    fn of(&self, role: Role) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |(of, _)| *of == role).map(|(_, member)| member)
    }

    async fn stored(&self) -> Result<f64> {
        let mut stored = 0.0;
        for member in self.of(Role::Ingester) {
            stored += RecordAccounts::of(member.process()?).await?.stored;
        }
        Ok(stored)
    }

    /// Waits until spans come into the store and questions are answered, and looks whether any failed.
    pub(super) async fn goes_on(&self) -> Result<()> {
        let (stored, answers) = (self.stored().await?, self.reader.answers());
        eventually("the house goes on", PATIENCE, || async {
            let (now_stored, now_answers) = (self.stored().await?, self.reader.answers());
            ensure!(now_stored > stored, "{now_stored} records are stored, as before");
            ensure!(now_answers > answers + 10, "{now_answers} answers, {answers} before");
            for agent in self.of(Role::Agent) {
                let delivered =
                    agent.process()?.metrics().await?.sum("spoor_agent_spans_delivered_total", "");
                ensure!(delivered > 0.0, "an agent has delivered nothing since it started");
            }
            Ok(())
        })
        .await?;
        let failed = self.reader.failed();
        ensure!(failed.is_empty(), "questions through nginx failed: {failed:#?}");
        Ok(())
    }

    /// Waits until the agents have delivered all that they took, and looks whether they dropped any.
    async fn agents_rest(&self) -> Result<()> {
        for agent in self.of(Role::Agent) {
            eventually("an agent rests", PATIENCE, || async {
                let metrics = agent.process()?.metrics().await?;
                for holds in ["waiting", "in_flight"] {
                    let spans = metrics.sum(&format!("spoor_agent_spans_{holds}"), "");
                    ensure!(spans == 0.0, "{spans} spans are {holds}");
                }
                Ok(())
            })
            .await?;
            let dropped = agent.process()?.metrics().await?.sum("spoor_agent_spans_dropped_total", "");
            ensure!(dropped == 0.0, "an agent has dropped {dropped} spans");
        }
        Ok(())
    }

    /// The load ends, the ingesters catch up, and what was acknowledged is looked for in the store.
    pub(super) async fn end(mut self) -> Result<()> {
        self.stop.cancel();
        let mut reports = vec![std::mem::take(&mut self.first)];
        for load in self.loads.drain(..) {
            reports.push(load.await??);
        }
        self.agents_rest().await?;
        eventually("the ingesters rest", PATIENCE, || async {
            let mut partitions = 0.0;
            for member in self.of(Role::Ingester) {
                let accounts = RecordAccounts::of(member.process()?).await?;
                ensure!(accounts.rest() && accounts.add_up(), "{accounts:?}");
                partitions += accounts.partitions;
            }
            ensure!(partitions == f64::from(PARTITIONS), "{partitions} partitions are read");
            Ok(())
        })
        .await?;
        acknowledged_is_found(self.store.url(), PREFIX, &reports.iter().collect::<Vec<_>>()).await?;
        let (answers, failed) = (self.reader.answers(), self.reader.failed());
        self.reader.end().await?;
        let acknowledged: u64 = reports.iter().map(|report| report.acknowledged.spans).sum();
        eprintln!(
            "{acknowledged} spans acknowledged and found once; {answers} answers, {} failed",
            failed.len()
        );
        ensure!(failed.is_empty(), "questions through nginx failed: {failed:#?}");
        Ok(())
    }
}

/// Each role, its hosts' name in `deploy/`, and how many there are. In the order in which they start.
const ROLES: [(Role, &str, usize); 4] = [
    (Role::Collector, "collector", 3),
    (Role::Ingester, "ingester", 2),
    (Role::Query, "query", 2),
    (Role::Agent, "app", 2),
];

/// The shipped settings of a role, and what a small house with a store of one node has otherwise.
fn settings(role: Role, spool: &std::path::Path) -> (&'static str, Vec<String>) {
    let prefix = format!("--es.index-prefix={PREFIX}");
    match role {
        Role::Agent => ("agent.yaml", vec![format!("--agent.spool.directory={}", spool.display())]),
        Role::Ingester => {
            let small = ["--es.num-shards=1", "--es.num-replicas=0", "--kafka.consumer.session-timeout=6s"];
            ("ingester.yaml", small.map(str::to_owned).into_iter().chain([prefix]).collect())
        }
        Role::Query => ("query.yaml", vec![prefix]),
        Role::Collector | Role::AllInOne | Role::Retention => ("collector-kafka.yaml", Vec::new()),
    }
}

/// nginx before the collectors, without its certificate, and before the query servers: where to send to, and where to ask.
async fn nginx(names: &Names, ports: &mut Vec<u16>) -> Result<([Nginx; 2], String, String)> {
    let mut port = || ports.pop().context("a port is left");
    let otlp = port()?;
    let mut collectors = names.within("nginx/collector.conf")?;
    let listening = [
        ("4317 ssl http2", otlp),
        ("14250 ssl http2", port()?),
        ("4318 ssl", port()?),
        ("14268 ssl", port()?),
    ];
    let plain: Vec<(String, String)> = listening
        .iter()
        .map(|(shipped, port)| {
            let rest = shipped.split_once(' ').map_or("", |(_, rest)| rest).replace("ssl", "");
            (format!("listen {shipped};"), format!("listen 127.0.0.1:{port}{};", rest))
        })
        .collect();
    collectors.extend(plain.iter().map(|(shipped, here)| (shipped.as_str(), here.clone())));
    collectors.push(("ssl_certificate /etc/spoor/tls/server.crt;", String::new()));
    collectors.push(("ssl_certificate_key /etc/spoor/tls/server.key;", String::new()));
    let (http, grpc) = (port()?, port()?);
    let mut queries = names.within("nginx/query.conf")?;
    queries.push(("listen 80;", format!("listen 127.0.0.1:{http};")));
    queries.push(("listen 16685 http2;", format!("listen 127.0.0.1:{grpc} http2;")));
    let before_collectors =
        Nginx::start("collector.conf", &collectors, &listening.map(|(_, port)| port)).await?;
    let before_queries = Nginx::start("query.conf", &queries, &[http, grpc]).await?;
    let both = [before_collectors, before_queries];
    Ok((both, format!("http://127.0.0.1:{otlp}"), format!("http://127.0.0.1:{http}/jaeger")))
}

fn config(endpoint: String, protocol: Protocol, streams: u32, rate: u64) -> SendConfig {
    let defaults = SendConfig::default();
    SendConfig {
        endpoint: Some(endpoint),
        protocol,
        streams: streams.try_into().unwrap_or(defaults.streams),
        deadline: Duration::from_secs(20),
        rate: rate.try_into().ok(),
        // Nothing comes back by UDP that could tell what to send again.
        retry_for: if protocol.has_answers() { PATIENCE } else { Duration::ZERO },
        record: true,
        ..defaults
    }
}

fn load(config: SendConfig, seed: u64, stop: &CancellationToken) -> JoinHandle<Result<Report>> {
    let stop = stop.clone();
    let few = 50.try_into();
    tokio::spawn(async move {
        let defaults = GenerateConfig::default();
        let spans_per_request = few.unwrap_or(defaults.spans_per_request);
        let what = GenerateConfig { seed, spans_per_request, ..defaults }.with_spans(ENOUGH);
        let requests = Requests::new(&what, now(), config.protocol);
        spoor_load::run(&config, requests, stop).await.context("send spans")
    })
}

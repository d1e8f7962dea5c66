//! The installation, and what can be seen of it while it goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spoor_load::{Protocol, Report, SendConfig};
use spoor_tests::accounts::acknowledged_is_found;
use spoor_tests::ingesting::RecordAccounts;
use spoor_tests::topic::Topic;
use spoor_tests::traffic::{keys_of, requests, send};
use spoor_tests::{Role, eventually};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xtask::servers::{Kafka, OpenSearchCluster};

use crate::doors::{Door, Doors};
use crate::load::{config, load};
use crate::member::{Member, ROLES, settings};
use crate::monitors::Monitors;
use crate::names::Names;
use crate::operators::Operators;
use crate::reader::{self, Reader};
use crate::sdk::Applications;
use crate::yesterday;

pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// How long a node that comes back may take for its copies, under load.
const RECOVERY: Duration = Duration::from_secs(300);
pub(super) const PREFIX: &str = "house";
pub(super) const PARTITIONS: i32 = 4;
const NODES: usize = 3;
/// Spans a second through nginx, and to each agent: what a node missed it indexes when it comes back, beside all else on this machine.
const RATE: u64 = 150;
const RATE_OF_AGENT: u64 = 50;
/// Ports of all that listens.
const PORTS: usize = 60;

pub(super) struct House {
    pub(super) kafka: Kafka,
    pub(super) store: OpenSearchCluster,
    pub(super) members: Vec<(Role, Member)>,
    pub(super) doors: Doors,
    pub(super) monitors: Monitors,
    pub(super) operators: Operators,
    pub(super) reader: Reader,
    pub(super) applications: Option<Applications>,
    pub(super) stop: CancellationToken,
    pub(super) loads: Vec<JoinHandle<Result<Report>>>,
    pub(super) first: Report,
    _folder: TempDir,
}

impl House {
    pub(super) async fn start(seed: u64) -> Result<Self> {
        let (kafka, store) =
            tokio::task::spawn_blocking(|| anyhow::Ok((Kafka::start()?, OpenSearchCluster::start(NODES)?)))
                .await??;
        Topic::create(kafka.brokers(), "jaeger-spans", PARTITIONS).await?;
        let folder = tempfile::tempdir()?;
        let mut ports = xtask::servers::free_ports(PORTS)?;
        let mut names = Names::default();
        for (number, url) in (1..).zip(store.urls()) {
            names.add(&format!("kafka-{number}:9092"), kafka.brokers().to_owned());
            names.add(&format!("opensearch-{number}:9200"), url.trim_start_matches("http://").to_owned());
        }
        let members = members(&mut names, &mut ports, &folder).await?;
        // The ingesters have made the templates by which an index is made.
        yesterday::made(&store.urls()[0]).await?;
        let operators = Operators::listen().await?;
        names.add("127.0.0.1:8080", operators.address.clone());
        let doors = Doors::open(&names, &mut ports, folder.path()).await?;
        let monitors = Monitors::start(&mut names, &mut ports, folder.path()).await?;
        let (first, traces) = begin(seed, &doors, &store.urls()[0]).await?;
        let stop = CancellationToken::new();
        let agents = members.iter().filter(|(role, _)| *role == Role::Agent);
        let agents = agents.map(|(_, agent)| Ok(agent.process()?.address("jaeger-compact")));
        let agents: Vec<String> = agents.collect::<Result<_>>()?;
        let to_agent = |agent: &String| config(agent.clone(), Protocol::JaegerCompact, 1, RATE_OF_AGENT);
        let all = std::iter::once(to_nginx(&doors)).chain(agents.iter().map(to_agent));
        let loads = (1..).zip(all).map(|(number, to)| load(to, seed.wrapping_add(number), &stop)).collect();
        let applications = Some(Applications::start(&doors, &agents[0]).await?);
        eventually("all that will be asked for is found", PATIENCE, || {
            reader::all_is_found(&doors.site, &traces)
        })
        .await?;
        let reader = Reader::start(doors.site.clone(), traces);
        let house = Self {
            kafka,
            store,
            members,
            doors,
            monitors,
            operators,
            reader,
            applications,
            stop,
            loads,
            first,
            _folder: folder,
        };
        house.monitors.see(house.members.len()).await?;
        Ok(house)
    }

    pub(super) fn of(&self, role: Role) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |(of, _)| *of == role).map(|(_, member)| member)
    }

    /// The position of one of a role's processes.
    pub(super) fn one_of(&self, role: Role, random: &mut fastrand::Rng) -> Result<usize> {
        let of = (0..self.members.len()).filter(|position| self.members[*position].0 == role);
        let of: Vec<usize> = of.collect();
        ensure!(!of.is_empty(), "each role has members");
        Ok(of[random.usize(..of.len())])
    }

    /// The first process of a role, and its position.
    pub(super) fn first_of(&mut self, role: Role) -> Result<(usize, &mut Member)> {
        let mut all = self.members.iter_mut().enumerate();
        let (position, (_, member)) =
            all.find(|(_, (of, _))| *of == role).context("each role has members")?;
        Ok((position, member))
    }

    pub(super) fn member(&mut self, position: usize) -> Result<&mut Member> {
        self.members.get_mut(position).map(|(_, member)| member).context("the house has this member")
    }

    /// `kill -9` of an nginx. Before questions it stays away until one has met that.
    pub(super) async fn lose_door(&mut self, door: Door) -> Result<()> {
        if door == Door::Collectors {
            return self.doors.nginx(door).kill().await;
        }
        let refused = self.reader.refused();
        self.reader.door_goes();
        self.doors.nginx(door).kill().await?;
        eventually("a question meets no nginx", PATIENCE, || async {
            ensure!(self.reader.refused() > refused, "{refused} did, as before");
            Ok(())
        })
        .await
    }

    /// It is started again.
    pub(super) async fn open_door(&mut self, door: Door) -> Result<()> {
        self.doors.nginx(door).start_again().await?;
        if door == Door::Queries {
            self.reader.door_is_back();
        }
        Ok(())
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
            for query in self.of(Role::Query) {
                let asked = query.process()?.metrics().await?.sum("jaeger_query_requests_total", "");
                ensure!(asked > 0.0, "nginx has asked a query nothing since it started");
            }
            Ok(())
        })
        .await?;
        let failed = self.reader.failed();
        ensure!(failed.is_empty(), "questions through nginx failed: {failed:#?}");
        Ok(())
    }

    /// Waits until all copies of all shards are there: until then the loss of another node would be one too many.
    pub(super) async fn store_is_whole(&self) -> Result<()> {
        eventually("all copies of all shards are there", RECOVERY, || async {
            let health = format!("{}/_cluster/health", self.store.urls()[0]);
            let health: Value = reqwest::get(health).await?.error_for_status()?.json().await?;
            ensure!(health["status"] == "green", "{health}");
            Ok(())
        })
        .await
    }

    /// Waits until no alert is firing or on its way to.
    pub(super) async fn is_calm(&self) -> Result<()> {
        eventually("no alert is active", PATIENCE, || async {
            let alerts = self.monitors.alerts().await?;
            ensure!(alerts.iter().all(Vec::is_empty), "{alerts:#?}");
            Ok(())
        })
        .await?;
        let heard = self.operators.heard();
        ensure!(heard.is_empty(), "operators were told of {heard:?} in calm");
        Ok(())
    }
}

fn to_nginx(doors: &Doors) -> SendConfig {
    config(doors.plain.clone(), Protocol::OtlpGrpc, 4, RATE)
}

/// Sends the first spans through nginx and waits until they are found. Their traces are what is asked for later.
async fn begin(seed: u64, doors: &Doors, node: &str) -> Result<(Report, Vec<String>)> {
    let first = send(&to_nginx(doors), requests(seed, 1_000, 250)).await?;
    ensure!(first.acknowledged.spans == 1_000, "a calm house takes spans: {first}");
    let mut traces: Vec<String> =
        keys_of(&first, |_| true).iter().map(|(trace, _)| trace.to_string()).collect();
    traces.dedup();
    let sent = [&first];
    eventually("the first spans are found", PATIENCE, || acknowledged_is_found(node, PREFIX, &sent)).await?;
    Ok((first, traces))
}

/// Starts one process after the other, each with the settings of its role.
async fn members(names: &mut Names, ports: &mut Vec<u16>, folder: &TempDir) -> Result<Vec<(Role, Member)>> {
    let mut members = Vec::new();
    for (role, host, count) in ROLES {
        for number in 1..=count {
            let member = Member::new(role, &format!("{host}-{number}"), names, ports)?;
            members.push((role, member));
        }
    }
    for (number, (role, member)) in members.iter_mut().enumerate() {
        let (shipped, own) = settings(*role, &folder.path().join(format!("spool-{number}")), names);
        member.configure(shipped, names, folder.path(), &own).await?;
    }
    Ok(members)
}

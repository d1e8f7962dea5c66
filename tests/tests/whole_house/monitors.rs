//! Two Prometheus that watch the house, one that federates them, and two Alertmanagers, with the files of `deploy/`. What takes minutes
//! there takes seconds here: intervals and waits are shorter, and nothing else is changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spoor_tests::eventually;
use tokio::process::{Child, Command};

use crate::names::Names;

const PATIENCE: Duration = Duration::from_secs(60);
/// What of the shipped files is shorter here. All else that has to last, lasts as long as shipped: it cannot fire within this story
/// by being short.
const SHORTER: [(&str, &str); 6] = [
    ("scrape_interval: 15s", "scrape_interval: 2s"),
    ("evaluation_interval: 15s", "evaluation_interval: 2s"),
    ("scrape_interval: 30s", "scrape_interval: 2s"),
    ("evaluation_interval: 30s", "evaluation_interval: 2s"),
    ("for: 2m", "for: 4s"),
    ("group_wait: 30s", "group_wait: 1s"),
];

/// How many there are of what scrapes, and of what tells.
pub(super) const REPLICAS: usize = 2;
/// What each replica calls itself.
pub(super) const NAMES: [&str; REPLICAS] = ["a", "b"];

/// A program of the monitoring, running or killed. Dropped, it is killed.
struct Program {
    command: Command,
    child: Child,
    /// `HOST:PORT`.
    address: String,
}

/// An alert: its name, what it is about, and whether it is `pending` or `firing`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alert {
    pub(super) name: String,
    /// The labels `job` and `instance`; each may be empty.
    pub(super) job: String,
    pub(super) instance: String,
    pub(super) state: String,
}

/// All that watches.
pub(super) struct Monitors {
    replicas: [Program; REPLICAS],
    federation: Program,
    alertmanagers: [Program; REPLICAS],
}

impl Monitors {
    pub(super) async fn start(names: &mut Names, ports: &mut Vec<u16>, folder: &Path) -> Result<Self> {
        let mut port = || ports.pop().context("a port is left");
        let [a, b, all, first, second] = [port()?, port()?, port()?, port()?, port()?];
        let gossip = [port()?, port()?];
        for (name, port) in [
            ("prometheus-a:9090", a),
            ("prometheus-b:9090", b),
            ("alertmanager-a:9093", first),
            ("alertmanager-b:9093", second),
        ] {
            names.add(name, format!("127.0.0.1:{port}"));
        }
        let alertmanagers = [
            alertmanager(names, &folder.join("alertmanager-a"), first, gossip).await?,
            alertmanager(names, &folder.join("alertmanager-b"), second, [gossip[1], gossip[0]]).await?,
        ];
        let replicas = [
            prometheus(names, &folder.join("a"), ("replica-a.yml", "rules"), a).await?,
            prometheus(names, &folder.join("b"), ("replica-b.yml", "rules"), b).await?,
        ];
        let federation =
            prometheus(names, &folder.join("all"), ("federation.yml", "rules-federation"), all).await?;
        Ok(Self { replicas, federation, alertmanagers })
    }

    /// `kill -9` of a replica.
    pub(super) async fn kill_replica(&mut self, number: usize) -> Result<()> {
        self.replicas[number].kill().await
    }

    /// Waits until the other replica knows that this one is away, and the federating one has the figures of the other alone.
    pub(super) async fn miss_replica(&self, number: usize) -> Result<()> {
        let (gone, other) = (&self.replicas[number], &self.replicas[1 - number]);
        is_missed(other, "prometheus", gone).await?;
        eventually("the other replica alone is federated", PATIENCE, || async {
            let counts = self.federation.vector("job:spoor_up:count").await?;
            let of: BTreeSet<_> = counts.iter().filter_map(|one| one["metric"]["replica"].as_str()).collect();
            ensure!(of == BTreeSet::from([NAMES[1 - number]]), "{counts:?}");
            Ok(())
        })
        .await
    }

    /// After a kill: starts it again on what it had stored.
    pub(super) async fn start_replica(&mut self, number: usize) -> Result<()> {
        self.replicas[number].start_again().await
    }

    /// `kill -9` of an Alertmanager.
    pub(super) async fn kill_alertmanager(&mut self, number: usize) -> Result<()> {
        self.alertmanagers[number].kill().await
    }

    /// Waits until both replicas know that this one is away.
    pub(super) async fn miss_alertmanager(&self, number: usize) -> Result<()> {
        for replica in &self.replicas {
            is_missed(replica, "alertmanager", &self.alertmanagers[number]).await?;
        }
        Ok(())
    }

    /// After a kill: starts it again on what it had stored.
    pub(super) async fn start_alertmanager(&mut self, number: usize) -> Result<()> {
        self.alertmanagers[number].start_again().await
    }

    /// The alerts of one replica, pending ones too.
    pub(super) async fn alerts_of(&self, number: usize) -> Result<Vec<Alert>> {
        alerts(&self.replicas[number]).await
    }

    /// The alerts that each replica has, pending ones too.
    pub(super) async fn alerts(&self) -> Result<[Vec<Alert>; 2]> {
        Ok([self.alerts_of(0).await?, self.alerts_of(1).await?])
    }

    /// The firing alerts as the federating Prometheus knows them from each replica: the label `replica`, and the alert.
    pub(super) async fn federated(&self) -> Result<Vec<(String, Alert)>> {
        let series = self.federation.vector("ALERTS{alertstate=\"firing\"}").await?;
        let label = |one: &Value, name: &str| one["metric"][name].as_str().unwrap_or_default().to_owned();
        Ok(series.iter().map(|one| (label(one, "replica"), alert(&one["metric"], "firing"))).collect())
    }

    /// Waits until each replica scrapes every process of the house, and the federating one both of them.
    pub(super) async fn see(&self, processes: usize) -> Result<()> {
        for replica in &self.replicas {
            eventually("every process is scraped", PATIENCE, || async {
                let up = replica.vector("up{job=~\"spoor-.*|node\"} == 1").await?;
                ensure!(up.len() == processes, "{} of {processes} are: {up:?}", up.len());
                Ok(())
            })
            .await?;
        }
        eventually("both replicas are federated", PATIENCE, || async {
            let counts = self.federation.vector("job:spoor_up:count").await?;
            let replicas: BTreeSet<_> =
                counts.iter().filter_map(|one| one["metric"]["replica"].as_str()).collect();
            ensure!(replicas.len() == 2, "{counts:?}");
            Ok(())
        })
        .await
    }
}

/// Waits until a Prometheus has the alert of a program that watches and is away, on its way to firing.
async fn is_missed(by: &Program, job: &str, gone: &Program) -> Result<()> {
    eventually("what is away is missed", PATIENCE, || async {
        let alerts = alerts(by).await?;
        let of_it = |alert: &&Alert| alert.name == "MonitorDown" && alert.job == job;
        ensure!(alerts.iter().filter(of_it).any(|alert| alert.instance == gone.address), "{alerts:#?}");
        Ok(())
    })
    .await
}

impl Program {
    async fn start(mut command: Command, address: String) -> Result<Self> {
        let child = spawn(&mut command)?;
        let program = Self { command, child, address };
        program.is_ready().await?;
        Ok(program)
    }

    async fn kill(&mut self) -> Result<()> {
        ensure!(self.child.id().is_some(), "{:?} is away already", self.command);
        self.child.kill().await.with_context(|| format!("kill {:?}", self.command))
    }

    async fn start_again(&mut self) -> Result<()> {
        ensure!(self.child.id().is_none(), "{:?} still runs", self.command);
        self.child = spawn(&mut self.command)?;
        self.is_ready().await
    }

    async fn is_ready(&self) -> Result<()> {
        eventually("it is ready", PATIENCE, || async {
            reqwest::get(format!("http://{}/-/ready", self.address)).await?.error_for_status()?;
            Ok(())
        })
        .await
        .with_context(|| format!("{:?}", self.command))
    }

    async fn vector(&self, query: &str) -> Result<Vec<Value>> {
        let mut url = reqwest::Url::parse(&format!("http://{}/api/v1/query", self.address))?;
        url.query_pairs_mut().append_pair("query", query);
        let answer = reqwest::get(url).await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        answer["data"]["result"].as_array().cloned().context("an answer has a result")
    }
}

async fn alerts(replica: &Program) -> Result<Vec<Alert>> {
    let answer = reqwest::get(format!("http://{}/api/v1/alerts", replica.address)).await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    let active = answer["data"]["alerts"].as_array().context("an answer has alerts")?;
    let mut all: Vec<Alert> =
        active.iter().map(|one| alert(&one["labels"], one["state"].as_str().unwrap_or_default())).collect();
    all.sort();
    Ok(all)
}

fn alert(labels: &Value, state: &str) -> Alert {
    let label = |name: &str| labels[name].as_str().unwrap_or_default().to_owned();
    Alert {
        name: label("alertname"),
        job: label("job"),
        instance: label("instance"),
        state: state.to_owned(),
    }
}

/// A shipped file with this machine's names and shorter times.
fn shipped(names: &Names, file: &str) -> Result<String> {
    let mut text = names.shipped(file)?;
    for (long, short) in SHORTER {
        text = text.replace(long, short);
    }
    Ok(text)
}

async fn prometheus(names: &Names, folder: &Path, files: (&str, &str), port: u16) -> Result<Program> {
    let (config, rules) = files;
    std::fs::create_dir_all(folder.join(rules))?;
    let text = shipped(names, &format!("prometheus/{config}"))?;
    // There is no long-term store here, which is what the file says of this part.
    let text = text.split("# The long-term store; without one take this away.").next().unwrap_or(&text);
    std::fs::write(folder.join(config), text)?;
    for rule in std::fs::read_dir(deploy(&format!("prometheus/{rules}")))? {
        let name = rule?.file_name().into_string().ok().context("a file's name is text")?;
        std::fs::write(
            folder.join(rules).join(&name),
            shipped(names, &format!("prometheus/{rules}/{name}"))?,
        )?;
    }
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", folder.join(config).display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=error");
    Program::start(command, address).await
}

/// `gossip` are its own port for the other one, and the other one's.
async fn alertmanager(names: &Names, folder: &Path, port: u16, gossip: [u16; 2]) -> Result<Program> {
    std::fs::create_dir_all(folder)?;
    let config = folder.join("alertmanager.yml");
    std::fs::write(&config, shipped(names, "alertmanager/alertmanager.yml")?)?;
    let address = format!("127.0.0.1:{port}");
    // Debian's name is the longer one.
    let debian = Path::new("/usr/bin/prometheus-alertmanager");
    let mut command = Command::new(if debian.exists() { debian } else { Path::new("alertmanager") });
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg(format!("--cluster.listen-address=127.0.0.1:{}", gossip[0]))
        .arg(format!("--cluster.peer=127.0.0.1:{}", gossip[1]))
        .arg("--log.level=error");
    Program::start(command, address).await
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start {command:?}; `cargo xtask test` installs it on Debian or Ubuntu"))
}

fn deploy(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(folder)
}

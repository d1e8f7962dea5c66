//! A process of the house: its role, its settings from `deploy/config`, and ports that stay its own when it is started again.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use spoor_tests::{Role, Spoor};

use crate::house::PREFIX;
use crate::names::Names;
use crate::yesterday::DAYS;

/// Each role, its hosts' name in `deploy/`, and how many there are. In the order in which they start.
pub(super) const ROLES: [(Role, &str, usize); 5] = [
    (Role::Collector, "collector", 3),
    (Role::Ingester, "ingester", 2),
    (Role::Query, "query", 2),
    (Role::Retention, "retention", 1),
    (Role::Agent, "app", 2),
];

/// The shipped settings of a role, where there are some, and what a small house has otherwise.
pub(super) fn settings(role: Role, spool: &Path, names: &Names) -> (Option<&'static str>, Vec<String>) {
    let prefix = format!("--es.index-prefix={PREFIX}");
    match role {
        Role::Agent => (Some("agent.yaml"), vec![format!("--agent.spool.directory={}", spool.display())]),
        Role::Ingester => {
            let small = ["--es.num-shards=1", "--kafka.consumer.session-timeout=6s"];
            (Some("ingester.yaml"), small.map(str::to_owned).into_iter().chain([prefix]).collect())
        }
        Role::Query => (Some("query.yaml"), vec![prefix]),
        Role::Retention => {
            let store = (1..=3).filter_map(|node| names.here(&format!("opensearch-{node}:9200")));
            let store: Vec<String> = store.map(|address| format!("http://{address}")).collect();
            let own = [
                format!("--es.server-urls={}", store.join(",")),
                format!("--retention.days={DAYS}"),
                "--schedule=*/2 * * * * *".to_owned(),
            ];
            (None, own.into_iter().chain([prefix]).collect())
        }
        Role::Collector | Role::AllInOne => (Some("collector-kafka.yaml"), Vec::new()),
    }
}

/// The listeners of each role: the flag that moves it, and the port that the files in `deploy/` have for it.
fn listeners(role: Role) -> &'static [(&'static str, u16)] {
    match role {
        Role::Agent => {
            &[("processor.jaeger-compact.server-host-port", 6831), ("admin.http.host-port", 14271)]
        }
        Role::Collector => &[
            ("collector.otlp.grpc.host-port", 4317),
            ("collector.otlp.http.host-port", 4318),
            ("collector.grpc-server.host-port", 14250),
            ("collector.http-server.host-port", 14268),
            ("admin.http.host-port", 14269),
        ],
        Role::Ingester => &[("admin.http.host-port", 14270)],
        Role::Query => &[
            ("query.http-server.host-port", 16686),
            ("query.grpc-server.host-port", 16685),
            ("admin.http.host-port", 16687),
        ],
        // Where deploy/prometheus looks for retention's figures.
        Role::Retention => &[("admin.http.host-port", 9100)],
        Role::AllInOne => &[],
    }
}

/// One process, or the place where it will be again.
pub(super) struct Member {
    role: Role,
    flags: Vec<String>,
    process: Option<Spoor>,
    /// From when until when it was away.
    absences: Vec<(SystemTime, SystemTime)>,
    gone: SystemTime,
}

/// What a client has not sent yet, and what an agent gathers, may be so old.
const HELD: Duration = Duration::from_secs(5);

impl Member {
    /// Gives `host` (as `deploy/` calls it) some of these ports for its own, and tells them to `names`. Nothing runs yet.
    pub(super) fn new(role: Role, host: &str, names: &mut Names, ports: &mut Vec<u16>) -> Result<Self> {
        let mut flags = Vec::new();
        for (flag, shipped) in listeners(role) {
            let port = ports.pop().context("a port is left")?;
            flags.push(format!("--{flag}=127.0.0.1:{port}"));
            names.add(&format!("{host}:{shipped}"), format!("127.0.0.1:{port}"));
        }
        Ok(Self { role, flags, process: None, absences: Vec::new(), gone: SystemTime::now() })
    }

    /// Starts it with shipped settings, in which all names are replaced, and some of its own.
    pub(super) async fn configure(
        &mut self,
        settings: Option<&str>,
        names: &Names,
        folder: &Path,
        own: &[String],
    ) -> Result<()> {
        if let Some(settings) = settings {
            let file = folder.join(settings);
            std::fs::write(&file, names.shipped(&format!("config/{settings}"))?)?;
            self.flags.push(format!("--config-file={}", file.display()));
        }
        self.flags.extend_from_slice(own);
        self.start().await
    }

    pub(super) async fn start(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "it runs already");
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let process = Spoor::start(self.role, &flags).await?;
        process.ready().await?;
        self.process = Some(process);
        self.absences.push((self.gone, SystemTime::now()));
        Ok(())
    }

    pub(super) fn process(&self) -> Result<&Spoor> {
        self.process.as_ref().context("the process is away")
    }

    /// Whether a span that was over at this second of the epoch may have met nobody here, or somebody who was about to be killed.
    pub(super) fn may_have_missed(&self, second: f64) -> bool {
        let at = UNIX_EPOCH + Duration::from_secs_f64(second);
        self.absences.iter().any(|(gone, back)| at + HELD >= *gone && at <= *back + HELD)
    }

    /// `kill -9`.
    pub(super) async fn kill(&mut self) -> Result<()> {
        self.gone = SystemTime::now();
        self.process.take().context("the process is away")?.kill().await
    }

    /// SIGTERM; it has to end well.
    pub(super) async fn drain(&mut self) -> Result<()> {
        self.gone = SystemTime::now();
        let ended = self.process.take().context("the process is away")?.stop().await?;
        ensure!(ended.status.success(), "{:?} did not drain: {}\n{}", self.role, ended.status, ended.log);
        Ok(())
    }
}

//! The real binary as a child process, on free ports of 127.0.0.1.
//! It logs JSON lines; where its listeners really are is read from them. Dropped, it is killed.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::eventually;
use crate::log_file::LogFile;
use crate::metrics::Samples;

/// How long a start, a stop or a condition may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Every role has it.
const ADMIN_PORT: &str = "--admin.http.host-port=127.0.0.1:0";

/// What to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Collector and query together.
    AllInOne,
    /// The agent.
    Agent,
    /// The collector.
    Collector,
    /// The ingester.
    Ingester,
    /// The query role.
    Query,
    /// Retention by a schedule: `clean`.
    Retention,
}

impl Role {
    fn command(self) -> &'static [&'static str] {
        match self {
            Self::AllInOne => &["all-in-one"],
            Self::Agent => &["agent"],
            Self::Collector => &["collector"],
            Self::Ingester => &["ingester"],
            Self::Query => &["query"],
            Self::Retention => &["retention", "clean"],
        }
    }

    /// Flags that put every listener of the role, but the admin port, on a free port; the query API's comes last.
    #[must_use]
    pub fn ports(self) -> Vec<&'static str> {
        let collector = [
            "--collector.otlp.grpc.host-port=127.0.0.1:0",
            "--collector.otlp.http.host-port=127.0.0.1:0",
            "--collector.grpc-server.host-port=127.0.0.1:0",
            "--collector.http-server.host-port=127.0.0.1:0",
        ];
        let query =
            ["--query.grpc-server.host-port=127.0.0.1:0", "--query.http-server.host-port=127.0.0.1:0"];
        let agent = [
            "--processor.zipkin-compact.server-host-port=127.0.0.1:0",
            "--processor.jaeger-compact.server-host-port=127.0.0.1:0",
            "--processor.jaeger-binary.server-host-port=127.0.0.1:0",
            "--http-server.host-port=127.0.0.1:0",
        ];
        match self {
            Self::AllInOne => {
                let sampling = ["--collector.sampling.grpc.host-port=127.0.0.1:0"];
                [&agent[..], &collector[..], &sampling[..], &query[..]].concat()
            }
            Self::Agent => agent.to_vec(),
            Self::Collector => collector.to_vec(),
            Self::Ingester | Self::Retention => Vec::new(),
            Self::Query => query.to_vec(),
        }
    }
}

/// A running role.
pub struct Spoor {
    child: Child,
    log: LogFile,
}

/// How a process ended, and what it had logged.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its log.
    pub log: String,
}

/// The binary under test: `SPOOR_BIN`, else the one beside the test in the target folder.
///
/// # Errors
/// When there is none.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("SPOOR_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe().context("find the running test")?;
    let path = test.ancestors().nth(2).context("a test lies in target/PROFILE/deps")?.join("spoor");
    if !path.exists() {
        bail!("{} is not there: run `cargo build -p spoor-app` first, or `cargo xtask test`", path.display());
    }
    Ok(path)
}

impl Spoor {
    /// Starts a role and waits until its listeners are open (which may be before the store is there).
    ///
    /// # Errors
    /// When it ends or does not open its ports in time; the log is in the message.
    pub async fn start(role: Role, args: &[&str]) -> Result<Self> {
        Self::start_with(role, args, &[]).await
    }

    /// Starts a role with more in its environment.
    ///
    /// # Errors
    /// As [`Spoor::start`].
    pub async fn start_with(role: Role, args: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        let log = LogFile::new()?;
        let child = Command::new(binary()?)
            .args(role.command())
            .args(role.ports().into_iter().chain([ADMIN_PORT]).filter(|port| !is_given(port, args)))
            .arg("--log-encoding=json")
            .args(args)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.writer()?)
            .kill_on_drop(true)
            .spawn()
            .context("start spoor")?;
        let mut spoor = Self { child, log };
        // Ports that are off by default, and asked for.
        let is_more = |arg: &&&str| {
            arg.ends_with(".zipkin.host-port=127.0.0.1:0")
                || (arg.starts_with("--agent.otlp.") && arg.ends_with(".host-port=127.0.0.1:0"))
        };
        let more = args.iter().filter(is_more).count();
        spoor.wait_for_listeners(role.ports().len() + 1 + more).await?;
        Ok(spoor)
    }

    async fn wait_for_listeners(&mut self, count: usize) -> Result<()> {
        let end = tokio::time::Instant::now() + PATIENCE;
        while self.log.addresses()?.len() < count {
            if let Some(status) = self.child.try_wait()? {
                bail!("spoor ended with {status} instead of listening:\n{}", self.log());
            }
            if tokio::time::Instant::now() > end {
                bail!("spoor has not opened its {count} ports:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until the admin port says ready.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn ready(&self) -> Result<()> {
        let url = self.url("admin");
        eventually("readiness", PATIENCE, || async {
            let answer = reqwest::get(&url).await?;
            let status = answer.status();
            if !status.is_success() {
                bail!("{status}: {}", answer.text().await?);
            }
            Ok(())
        })
        .await
    }

    /// `HOST:PORT` of a listener: `admin`, `otlp-grpc`, `otlp-http`, `jaeger-grpc`, `jaeger-http`, `zipkin`, `query-http`, `query-grpc`,
    /// `zipkin-compact`, `jaeger-compact`, `jaeger-binary`, `sampling-http`, `agent-otlp-grpc`, `agent-otlp-http`.
    #[must_use]
    pub fn address(&self, listener: &str) -> String {
        self.log
            .addresses()
            .ok()
            .and_then(|mut addresses| addresses.remove(listener))
            .unwrap_or_else(|| panic!("spoor has no listener `{listener}`"))
    }

    /// `http://HOST:PORT` of a listener.
    #[must_use]
    pub fn url(&self, listener: &str) -> String {
        format!("http://{}", self.address(listener))
    }

    /// All metrics now.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn metrics(&self) -> Result<Samples> {
        let text =
            reqwest::get(format!("{}/metrics", self.url("admin"))).await?.error_for_status()?.text().await?;
        Samples::parse(&text)
    }

    /// JSON from the query API, with its status.
    ///
    /// # Errors
    /// When there is no answer or it is no JSON.
    pub async fn query(&self, path: &str) -> Result<(u16, Value)> {
        let answer = reqwest::get(format!("{}{path}", self.url("query-http"))).await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        let value = serde_json::from_str(&text)
            .with_context(|| format!("{path} answered {status} with no JSON: {text}"))?;
        Ok((status, value))
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text().unwrap_or_else(|error| format!("({error:#})"))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Sends SIGTERM; the process drains.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn terminate(&self) -> Result<()> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        kill_process(pid.context("spoor has ended already")?, Signal::TERM).context("send SIGTERM to spoor")
    }

    /// SIGTERM, then waits for the end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop(mut self) -> Result<Ended> {
        self.terminate()?;
        self.wait().await
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it does not come in time.
    pub async fn wait(&mut self) -> Result<Ended> {
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.context("spoor does not end")??;
        Ok(Ended { status, log: self.log() })
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When it is gone already.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("kill spoor")
    }
}

/// Whether the arguments give this flag a value of their own.
fn is_given(flag: &str, args: &[&str]) -> bool {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    args.iter().any(|arg| name(arg) == name(flag))
}

//! Applications with clients as they are, that send all the time: OpenTelemetry's SDK for Python by OTLP and TLS through nginx, its SDK for Node
//! by Jaeger's Thrift over HTTP and TLS through nginx, and Jaeger's own client for Python by UDP to an agent.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spoor_load::{Outcome, Report, SentRequest, SpanKey};
use spoor_tests::{node_modules, python_environment};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::doors::Doors;

/// All of them, running.
pub(super) struct Applications {
    python: Application,
    node: Application,
    by_udp: Application,
}

/// What they sent, and what came of it.
pub(super) struct Sent {
    /// By OTLP: its exporter goes on until it is told Ok.
    pub(super) python: Report,
    /// By HTTP: its exporter gives up what gets no Ok at once, which may be stored or not.
    pub(super) node: Report,
    /// By UDP: spans, and the seconds of the epoch at which each was over.
    pub(super) by_udp: Vec<(SpanKey, f64)>,
}

impl Applications {
    /// Starts them. `agent` is the `HOST:PORT` that takes compact Thrift.
    pub(super) async fn start(doors: &Doors, agent: &str) -> Result<Self> {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let script = |name: &str| scenarios.join("whole_house").join(name);
        let mut python = Command::new(interpreter(&scenarios, "python_sdk").await?);
        python.arg(script("send.py")).arg(&doors.secured).arg(&doors.authority);
        let modules = node_modules("jaeger_exporter_node", &scenarios.join("jaeger_exporter_node")).await?;
        let mut node = Command::new("node");
        node.env("NODE_PATH", modules).env("NODE_EXTRA_CA_CERTS", &doors.authority);
        node.arg(script("send.cjs")).arg(&doors.thrift);
        let (host, port) = agent.rsplit_once(':').context("HOST:PORT")?;
        let mut by_udp = Command::new(interpreter(&scenarios, "jaeger_client_python").await?);
        by_udp.arg(script("send_by_udp.py")).args([host, port]);
        Ok(Self {
            python: Application::start(python)?,
            node: Application::start(node)?,
            by_udp: Application::start(by_udp)?,
        })
    }

    /// Has them end, and tells what they sent.
    pub(super) async fn end(self) -> Result<Sent> {
        let by_udp = self.by_udp.end().await.context("Jaeger's client")?;
        let by_udp = by_udp.iter().map(|line| Ok((key(line)?, line["at"].as_f64().context("a time")?)));
        let by_udp = by_udp.collect::<Result<_>>()?;
        let node = report(&self.node.end().await.context("the SDK for Node")?)?;
        let python = report(&self.python.end().await.context("the SDK for Python")?)?;
        ensure!(
            python.requests.iter().all(|span| span.outcome == Outcome::Acknowledged),
            "the SDK for Python gave a span up"
        );
        Ok(Sent { python, node, by_udp })
    }
}

async fn interpreter(scenarios: &Path, name: &str) -> Result<PathBuf> {
    python_environment(name, &scenarios.join(name).join("requirements.txt")).await
}

/// A running application.
struct Application {
    child: Child,
    /// Collects what it prints, so that it never waits for us to read.
    printed: JoinHandle<std::io::Result<String>>,
}

impl Application {
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let mut output = child.stdout.take().context("its output is piped")?;
        let printed = tokio::spawn(async move {
            let mut text = String::new();
            output.read_to_string(&mut text).await.map(|_| text)
        });
        Ok(Self { child, printed })
    }

    /// Has it end; the lines that it has printed, which are JSON.
    async fn end(mut self) -> Result<Vec<Value>> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await?;
        let text = self.printed.await??;
        ensure!(status.success(), "the application ended with {status}");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).context(line.to_owned()))
            .collect::<Result<_>>()?;
        ensure!(!lines.is_empty(), "the application sent nothing");
        Ok(lines)
    }
}

/// A span's ids in a line.
fn key(line: &Value) -> Result<SpanKey> {
    let id = |name: &str| line[name].as_str().with_context(|| format!("a line has `{name}`: {line}"));
    Ok((id("trace")?.parse()?, id("span")?.parse()?))
}

/// Lines of spans, each with whether its export went well.
fn report(lines: &[Value]) -> Result<Report> {
    let requests = lines.iter().map(|line| {
        let outcome = match line["exported"] == true {
            true => Outcome::Acknowledged,
            false => Outcome::Unknown { reason: "the exporter failed".to_owned() },
        };
        Ok(SentRequest { spans: Arc::new([key(line)?]), outcome })
    });
    Ok(Report { requests: requests.collect::<Result<_>>()?, ..Report::default() })
}

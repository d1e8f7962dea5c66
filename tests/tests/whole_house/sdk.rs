//! An application with the OpenTelemetry SDK for Python, unmodified, that sends by TLS through nginx all the time.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spoor_load::{Outcome, Report, SentRequest, SpanKey};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// The running application.
pub(super) struct Application {
    child: Child,
    /// Collects what it prints, so that it never waits for us to read.
    printed: JoinHandle<std::io::Result<String>>,
}

impl Application {
    /// Starts it: it sends to `HOST:PORT`, whose certificate it checks against this file.
    pub(super) async fn start(endpoint: &str, authority: &Path) -> Result<Self> {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let requirements = scenarios.join("python_sdk/requirements.txt");
        let python = spoor_tests::python_environment("python_sdk", &requirements).await?;
        let mut child = Command::new(python)
            .arg(scenarios.join("whole_house/send.py"))
            .arg(endpoint)
            .arg(authority)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("run the instrumented application")?;
        let mut output = child.stdout.take().context("its output is piped")?;
        let printed = tokio::spawn(async move {
            let mut text = String::new();
            output.read_to_string(&mut text).await.map(|_| text)
        });
        Ok(Self { child, printed })
    }

    /// Has it end, and tells what it sent and what its exporter was told.
    pub(super) async fn end(mut self) -> Result<Report> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await?;
        let text = self.printed.await??;
        ensure!(status.success(), "the application ended with {status}");
        let requests = text.lines().map(|line| sent(line).with_context(|| line.to_owned()));
        Ok(Report { requests: requests.collect::<Result<_>>()?, ..Report::default() })
    }
}

/// A line that it prints: the ids of a span, and whether its export went well.
fn sent(line: &str) -> Result<SentRequest> {
    let line: Value = serde_json::from_str(line)?;
    let id = |name: &str| line[name].as_str().with_context(|| format!("a line has `{name}`"));
    let key: SpanKey = (id("trace")?.parse()?, id("span")?.parse()?);
    ensure!(line["exported"] == true, "the SDK gave a span up");
    Ok(SentRequest { spans: Arc::new([key]), outcome: Outcome::Acknowledged })
}

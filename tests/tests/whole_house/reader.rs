//! Somebody who looks at traces all the time, through nginx.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// From one question to the next.
const PACE: Duration = Duration::from_millis(50);

/// Asks one question after the other until it is told to stop.
pub(super) struct Reader {
    answers: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    asking: JoinHandle<()>,
}

impl Reader {
    /// Asks for these traces, which are stored, among other questions.
    pub(super) fn start(site: String, traces: Vec<String>) -> Self {
        let (answers, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let stop = CancellationToken::new();
        let asking = tokio::spawn({
            let (answers, failed, stop) = (answers.clone(), failed.clone(), stop.clone());
            async move {
                // People ask at their pace, and leave the machine to the others.
                let mut pace = tokio::time::interval(PACE);
                for turn in 0.. {
                    pace.tick().await;
                    if stop.is_cancelled() {
                        break;
                    }
                    match ask(&site, &traces, turn).await {
                        Ok(()) => _ = answers.fetch_add(1, Ordering::Relaxed),
                        Err(error) => {
                            failed.lock().expect("nobody panics with it").push(format!("{error:#}"));
                        }
                    }
                }
            }
        });
        Self { answers, failed, stop, asking }
    }

    /// Questions answered so far.
    pub(super) fn answers(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }

    /// Why questions failed so far.
    pub(super) fn failed(&self) -> Vec<String> {
        self.failed.lock().expect("nobody panics with it").clone()
    }

    pub(super) async fn end(self) -> Result<()> {
        self.stop.cancel();
        self.asking.await.context("the reader ends")
    }
}

/// Kinds of questions.
const KINDS: usize = 6;

/// Asks each kind of question once.
pub(super) async fn all_is_found(site: &str, traces: &[String]) -> Result<()> {
    for turn in 0..KINDS {
        ask(site, traces, turn).await?;
    }
    Ok(())
}

/// Questions of every kind in turn: what the UI and Grafana ask.
fn question(traces: &[String], turn: usize) -> String {
    let trace = &traces[turn % traces.len()];
    match turn % KINDS {
        0 => "/api/services".to_owned(),
        1 => "/api/traces?service=application&limit=5&lookback=1h".to_owned(),
        2 => format!("/api/v3/traces/{trace}"),
        3 => "/api/services/application/operations".to_owned(),
        _ => format!("/api/traces/{trace}"),
    }
}

async fn ask(site: &str, traces: &[String], turn: usize) -> Result<()> {
    let path = question(traces, turn);
    let answer = reqwest::get(format!("{site}{path}")).await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{path}: {status}: {text}");
    let answer: Value = serde_json::from_str(&text).with_context(|| path.clone())?;
    // API v1 has its answers under `data`, and says under `errors` what is missing.
    let found = answer["data"].as_array().or_else(|| answer["result"]["resourceSpans"].as_array());
    ensure!(found.is_some_and(|found| !found.is_empty()), "{path}: nothing found: {text}");
    ensure!(answer["errors"].as_array().is_none_or(Vec::is_empty), "{path}: {text:.2000}");
    Ok(())
}

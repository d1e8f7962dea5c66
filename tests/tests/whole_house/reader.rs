//! Somebody who looks at traces all the time, through nginx.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Asks one question after the other until it is told to stop.
pub(super) struct Reader {
    answers: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    asking: JoinHandle<()>,
}

impl Reader {
    /// Asks for the services and for these traces, which are stored, in turn.
    pub(super) fn start(site: String, traces: Vec<String>) -> Self {
        let (answers, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let stop = CancellationToken::new();
        let asking = tokio::spawn({
            let (answers, failed, stop) = (answers.clone(), failed.clone(), stop.clone());
            async move {
                for turn in 0.. {
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

async fn ask(site: &str, traces: &[String], turn: usize) -> Result<()> {
    let path = match turn % 3 {
        0 => "/api/services".to_owned(),
        _ => format!("/api/traces/{}", traces[turn % traces.len()]),
    };
    let answer = reqwest::get(format!("{site}{path}")).await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{path}: {status}: {text}");
    let answer: Value = serde_json::from_str(&text).with_context(|| path.clone())?;
    ensure!(answer["data"].as_array().is_some_and(|data| !data.is_empty()), "{path}: nothing found: {text}");
    Ok(())
}

//! Somebody who looks at traces all the time, through nginx.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// From one question to the next.
const PACE: Duration = Duration::from_millis(50);

/// When there was no nginx to ask: from its kill until it listened again.
#[derive(Default)]
struct Absences(Mutex<Vec<(Instant, Option<Instant>)>>);

impl Absences {
    /// Whether a question of this time met one of them.
    fn meet(&self, began: Instant, ended: Instant) -> bool {
        let all = self.0.lock().expect("nobody panics with it");
        all.iter().any(|(from, until)| *from <= ended && until.is_none_or(|until| began <= until))
    }
}

/// What became of the questions.
#[derive(Default)]
struct Record {
    answers: AtomicUsize,
    failed: Mutex<Vec<String>>,
    absences: Absences,
    /// Questions whose connection was refused or broke because there was no nginx.
    refused: AtomicUsize,
}

impl Record {
    fn note(&self, began: Instant, answered: Result<()>) {
        let Err(error) = answered else {
            _ = self.answers.fetch_add(1, Ordering::Relaxed);
            return;
        };
        // Whatever was answered, if only in part, was answered wrongly.
        let of_connection = error.downcast_ref::<reqwest::Error>().is_some();
        if of_connection && self.absences.meet(began, Instant::now()) {
            _ = self.refused.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failed.lock().expect("nobody panics with it").push(format!("{error:#}"));
        }
    }
}

/// Asks one question after the other until it is told to stop.
pub(super) struct Reader {
    record: Arc<Record>,
    stop: CancellationToken,
    asking: JoinHandle<()>,
}

impl Reader {
    /// Asks for these traces, which are stored, among other questions.
    pub(super) fn start(site: String, traces: Vec<String>) -> Self {
        let (record, stop) = (Arc::new(Record::default()), CancellationToken::new());
        let asking = tokio::spawn({
            let (record, stop) = (record.clone(), stop.clone());
            async move {
                // People ask at their pace, make up for nothing, and leave the machine to the others.
                let mut pace = tokio::time::interval(PACE);
                pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
                for turn in 0.. {
                    pace.tick().await;
                    if stop.is_cancelled() {
                        break;
                    }
                    let began = Instant::now();
                    record.note(began, ask(&site, &traces, turn).await);
                }
            }
        });
        Self { record, stop, asking }
    }

    /// Questions answered so far.
    pub(super) fn answers(&self) -> usize {
        self.record.answers.load(Ordering::Relaxed)
    }

    /// Questions that met no nginx so far.
    pub(super) fn refused(&self) -> usize {
        self.record.refused.load(Ordering::Relaxed)
    }

    /// From now on there may be no nginx.
    pub(super) fn door_goes(&self) {
        self.record.absences.0.lock().expect("nobody panics with it").push((Instant::now(), None));
    }

    /// From now on there has to be one.
    pub(super) fn door_is_back(&self) {
        let mut absences = self.record.absences.0.lock().expect("nobody panics with it");
        if let Some((_, until)) = absences.last_mut() {
            *until = Some(Instant::now());
        }
    }

    /// Why questions failed so far.
    pub(super) fn failed(&self) -> Vec<String> {
        self.record.failed.lock().expect("nobody panics with it").clone()
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

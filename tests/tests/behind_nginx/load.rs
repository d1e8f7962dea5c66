//! Clients that ask one question of every kind after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use spoor_tests::eventually;

use crate::services_by_grpc;

pub(crate) const CLIENTS: usize = 8;
/// Failures after which nginx leaves a server alone (`max_fails` of the configuration).
const MAX_FAILS: usize = 2;

/// What is asked, and where.
pub(crate) struct Questions {
    /// The UI's place, with the base path.
    pub(crate) site: String,
    pub(crate) grpc: String,
    pub(crate) traces: Vec<String>,
    /// A service with several of the traces.
    pub(crate) service: String,
}

/// Clients that go on until they are told to stop; any question that fails is an error of theirs.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    broken: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<Result<()>>>,
}

impl Load {
    pub(crate) fn start(questions: Questions) -> Self {
        let (stop, questions) = (Arc::new(AtomicBool::new(false)), Arc::new(questions));
        let (answers, broken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let client = |number: usize| {
            let (stop, questions) = (stop.clone(), questions.clone());
            let (answers, broken) = (answers.clone(), broken.clone());
            tokio::spawn(async move {
                for turn in number.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let asked = questions.ask(turn).await;
                    match asked.with_context(|| format!("question {turn} of client {number}"))? {
                        Outcome::Whole => answers.fetch_add(1, Ordering::Relaxed),
                        Outcome::Broken => broken.fetch_add(1, Ordering::Relaxed),
                    };
                }
                Ok(())
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stop, answers, broken, clients }
    }

    pub(crate) fn so_far(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }

    /// Answers that broke off when they had begun.
    pub(crate) fn broken(&self) -> usize {
        self.broken.load(Ordering::Relaxed)
    }

    /// Waits until there were so many answers more, or a client gave up.
    pub(crate) async fn answers(&self, more: usize) -> Result<()> {
        let count = self.so_far() + more;
        eventually("clients get their answers", Duration::from_secs(120), || async {
            let so_far = self.so_far();
            let ended = self.clients.iter().any(tokio::task::JoinHandle::is_finished);
            ensure!(so_far >= count || ended, "{so_far} of {count} answers");
            Ok(())
        })
        .await
    }

    pub(crate) async fn end(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await??;
        }
        Ok(())
    }
}

/// What became of a question that did not fail.
enum Outcome {
    Whole,
    /// The answer had begun, and the client saw that this is not its end.
    Broken,
}

impl Questions {
    async fn ask(&self, turn: usize) -> Result<Outcome> {
        let (trace, service) = (&self.traces[turn % self.traces.len()], &self.service);
        let times = "query.startTimeMin=2000-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z";
        let search = format!("query.serviceName={service}&query.searchDepth=10&{times}");
        let (path, there) = match turn % 7 {
            0 => ("/api/services".to_owned(), "/data/0"),
            1 => (format!("/api/traces/{trace}"), "/data/0/spans/0"),
            2 => (format!("/api/v3/traces/{trace}"), "/result/resourceSpans/0"),
            3 => (format!("/api/traces?service={service}&limit=10"), "/data/0/spans/0"),
            4 => (format!("/api/v3/traces?{search}"), "/result/resourceSpans/0"),
            5 => (format!("/api/v3/trace-summaries?{search}"), "/summaries/0/traceId"),
            _ => {
                ensure!(services_by_patient_grpc(&self.grpc).await? > 1, "services are listed by gRPC");
                return Ok(Outcome::Whole);
            }
        };
        let answer = reqwest::get(format!("{}{path}", self.site)).await?.error_for_status()?;
        let Ok(body) = answer.bytes().await else { return Ok(Outcome::Broken) };
        // One that looks whole is whole.
        let answer: Value = serde_json::from_slice(&body).with_context(|| path.clone())?;
        if answer.pointer(there).is_none() {
            bail!("{path} is answered without {there}: {answer}");
        }
        Ok(Outcome::Whole)
    }
}

/// As gRPC's clients have to: nginx keeps no question to ask another server, so that one which was under way on a server that went, or was
/// sent on a connection kept from before, is UNAVAILABLE, or INTERNAL where its answer had begun, and is asked again: as often as nginx takes to
/// notice.
async fn services_by_patient_grpc(url: &str) -> Result<usize> {
    let mut left = MAX_FAILS;
    loop {
        match services_by_grpc(url).await {
            Err(error)
                if left > 0
                    && ["Unavailable", "Internal"].iter().any(|code| error.to_string().starts_with(code)) =>
            {
                left -= 1;
            }
            answer => return answer,
        }
    }
}

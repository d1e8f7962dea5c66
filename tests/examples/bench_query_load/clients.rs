//! Clients that ask one question after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use spoor_model::UnixNanos;
use spoor_tests::asking::{Expected, Window};
use tokio::task::JoinSet;

use crate::kind::{Questions, check, url};

/// Clients at a time.
pub(crate) const CLIENTS: usize = 64;
/// One in so many answers is checked wholly; all of them have a good status and come to their end.
pub(crate) const CHECKED: usize = 16;
/// After so many questions a client hangs up on one as soon as its answer begins.
const ABANDONED: usize = 50;

/// What all clients share.
pub(crate) struct Load(Arc<Shared>);

struct Shared {
    expected: Expected,
    questions: Questions,
    window: Window,
    /// Gives each question a window of its own.
    asked: AtomicU64,
}

/// What clients saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// Until the last byte, for each kind.
    pub(crate) taken: Vec<Vec<Duration>>,
    pub(crate) abandoned: usize,
}

impl Load {
    pub(crate) fn new(expected: Expected, questions: Questions, base: UnixNanos) -> Self {
        let window = Window::until(base, Duration::from_secs(7_200));
        Self(Arc::new(Shared { expected, questions, window, asked: AtomicU64::new(0) }))
    }

    /// Asks for so long; any error ends it.
    pub(crate) async fn run(&self, api: &str, time: Duration) -> Result<Seen> {
        let end = Instant::now() + time;
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (shared, api) = (Arc::clone(&self.0), api.to_owned());
            clients.spawn(async move { shared.ask(client, &api, end).await });
        }
        let mut all = Seen { taken: vec![Vec::new(); self.0.questions.kinds()], abandoned: 0 };
        while let Some(seen) = clients.join_next().await {
            let seen = seen.context("a client broke")??;
            all.abandoned += seen.abandoned;
            for (all, taken) in all.taken.iter_mut().zip(seen.taken) {
                all.extend(taken);
            }
        }
        for (kind, taken) in all.taken.iter().enumerate() {
            ensure!(
                !taken.is_empty(),
                "nobody asked {:?}: let it run longer",
                self.0.questions.get(kind, 0).0
            );
        }
        Ok(all)
    }
}

impl Seen {
    pub(crate) fn answers(&self) -> usize {
        self.taken.iter().map(Vec::len).sum()
    }
}

impl Shared {
    /// One client: kinds in turns, from a place of its own on.
    async fn ask(&self, client: usize, api: &str, end: Instant) -> Result<Seen> {
        let http = reqwest::Client::new();
        let kinds = self.questions.kinds();
        let mut seen = Seen { taken: vec![Vec::new(); kinds], abandoned: 0 };
        for number in client.. {
            if Instant::now() >= end {
                break;
            }
            let kind = number % kinds;
            let (asked, question) = self.questions.get(kind, number * CLIENTS / kinds + client);
            let window = self.window.later(self.asked.fetch_add(1, Ordering::Relaxed));
            let url = url(asked, question, api, window)?;
            let about = || format!("{asked:?}: {url}");
            let started = Instant::now();
            let answer = http.get(url.clone()).send().await.with_context(about)?;
            let status = answer.status();
            if number % ABANDONED == ABANDONED - 1 {
                ensure!(status.is_success(), "{}: {status}", about());
                seen.abandoned += 1;
                continue;
            }
            let answer = answer.bytes().await.with_context(about)?;
            let text = || String::from_utf8_lossy(&answer[..answer.len().min(500)]).into_owned();
            ensure!(status.is_success(), "{}: {status}: {}", about(), text());
            seen.taken[kind].push(started.elapsed());
            if number % CHECKED == 0 {
                check(asked, question, &answer, &self.expected).with_context(about)?;
            }
        }
        Ok(seen)
    }
}

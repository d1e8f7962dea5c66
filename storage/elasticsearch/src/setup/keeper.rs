//! The task behind [`super::Setup`]: prepares the store, then sees to it that it stays prepared.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::doors::Doors;
use super::look::{self, AHEAD, Findings};
use super::reach;
use super::{Away, Checked, Plan, Readiness, STEP_TIMEOUT, SetupMetrics, install};
use crate::client::{Client, Error, Server};
use crate::index::now;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The preparation and what it has found so far.
pub(super) struct Keeper {
    pub(super) client: Arc<Client>,
    pub(super) plan: Plan,
    pub(super) doors: Doors,
    pub(super) checked: watch::Sender<Checked>,
    pub(super) wanted: Arc<Notify>,
    /// A question failed.
    pub(super) doubted: Arc<Notify>,
    pub(super) metrics: SetupMetrics,
    pub(super) findings: Findings,
    /// When everything was looked at, and the indices to come that were thought of.
    pub(super) looked: Option<(Instant, Vec<String>)>,
    /// When aliases and remote clusters were looked at.
    pub(super) reached: Option<Instant>,
}

impl Keeper {
    /// Works until it is dropped.
    pub(super) async fn run(mut self) {
        let mut server = self.prepare().await;
        loop {
            self.rest(self.pause()).await;
            let began = Instant::now();
            let (mut away, mut silent) = (None, None);
            match self.check(server).await {
                Ok(found) => server = found,
                Err(error) => {
                    if look::is_silent(&error) {
                        let before = self.checked.borrow().silent.as_ref().map(|silent| silent.since);
                        silent = Some(Away { since: before.unwrap_or(began), reason: error.to_string() });
                    }
                    if look::is_away(&error) {
                        away = Some(error.to_string());
                    } else {
                        tracing::debug!(%error, "the store could not be looked at");
                    }
                }
            }
            self.checked.send_replace(Checked { began, away, silent });
        }
    }

    /// Until somebody wants a look, at most that long. Those who are told to wait come again and again, and get one in a while.
    async fn rest(&mut self, longest: Duration) {
        let shortest = if self.doors.is_ready() { Duration::ZERO } else { FIRST_PAUSE.min(longest) };
        tokio::time::sleep(shortest).await;
        tokio::select! {
            () = self.wanted.notified() => {}
            () = self.doubted.notified(), if reach::is_wanted(&self.plan) => {
                // However many questions fail, looks are that far apart.
                let since = self.reached.map_or(FIRST_PAUSE, |at| at.elapsed());
                tokio::time::sleep(FIRST_PAUSE.saturating_sub(since)).await;
                self.reached = None;
            }
            () = tokio::time::sleep(longest.saturating_sub(shortest)) => {}
        }
    }

    fn pause(&self) -> Duration {
        let pace = &self.plan.pace;
        let is_silent = self.checked.borrow().silent.is_some();
        if is_silent || !self.findings.to_come.is_empty() || !self.doors.is_ready() {
            pace.in_trouble
        } else if self.plan.templates.is_some() || reach::is_wanted(&self.plan) {
            pace.routine
        } else {
            pace.whole
        }
    }

    /// Tries until the store is prepared.
    async fn prepare(&mut self) -> Server {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            match self.prepare_once().await {
                Ok(server) => {
                    self.checked.send_replace(Checked { began, away: None, silent: None });
                    return server;
                }
                Err(error) => self.tell(&Readiness::NotReady(error.to_string())),
            }
            self.rest(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn prepare_once(&mut self) -> Result<Server, Error> {
        let server = match self.plan.known {
            Some(server) => server,
            None => self.client.detect(Instant::now() + STEP_TIMEOUT).await?,
        };
        let Plan { families, templates, .. } = &self.plan;
        let Some(config) = templates else {
            if reach::is_wanted(&self.plan) {
                self.reach().await?;
            }
            // A reader makes no indices: what it finds of them is for the log, and so is what it cannot look at.
            self.tell(&Readiness::Ready(server));
            if let Err(error) = self.look(server).await {
                tracing::debug!(%error, "the store could not be looked at");
            }
            return Ok(server);
        };
        if config.create {
            install::templates(&self.client, server, families, config).await?;
        }
        self.look(server).await?;
        Ok(server)
    }

    /// Looks at the little that can have changed, or at everything when it is time.
    async fn check(&mut self, server: Server) -> Result<Server, Error> {
        let Plan { families, templates, pace, .. } = &self.plan;
        if let Some(config) = templates {
            let names = if config.create {
                install::names(server, families, config)
            } else {
                self.findings.templates.clone()
            };
            if !look::are_there(&self.client, &names, pace.quick).await? {
                tracing::warn!(?names, "index templates are gone; was the store wiped?");
                // Writers wait for them. It may be another server now.
                self.tell(&Readiness::Starting);
                return Ok(self.prepare().await);
            }
        }
        let whole = !self.findings.to_come.is_empty()
            || self
                .looked
                .as_ref()
                .is_none_or(|(at, indices)| at.elapsed() >= pace.whole || *indices != self.indices_to_come());
        if whole {
            self.look(server).await?;
        } else if self.is_time_to_reach() {
            self.reach().await?;
            self.tell(&self.doors.prepared());
        }
        Ok(server)
    }

    fn is_time_to_reach(&self) -> bool {
        let is_old = self.reached.is_none_or(|at| at.elapsed() >= self.plan.pace.routine);
        reach::is_wanted(&self.plan) && (is_old || !self.doors.is_ready())
    }

    /// Looks at aliases and remote clusters, and logs what has changed.
    async fn reach(&mut self) -> Result<(), Error> {
        let found = reach::look(&self.client, &self.plan).await?;
        let before = std::mem::replace(&mut self.findings.reach, found);
        self.reached = Some(Instant::now());
        let now = &self.findings.reach;
        let troubles = |of: &reach::Reach| [&of.writing[..], &of.reading[..], &of.passed_over[..]].concat();
        let (told, troubles) = (troubles(&before), troubles(now));
        for trouble in troubles.iter().filter(|trouble| !told.contains(trouble)) {
            tracing::warn!("{trouble}");
        }
        if troubles.is_empty() && !told.is_empty() {
            tracing::info!("all aliases and remote clusters are there again");
        }
        for unseen in now.unseen.iter().filter(|unseen| !before.unseen.contains(unseen)) {
            tracing::warn!("whether aliases and remote clusters are there could not be looked at: {unseen}");
        }
        Ok(())
    }

    fn indices_to_come(&self) -> Vec<String> {
        let moment = now().saturating_add(AHEAD);
        self.plan.families.iter().map(|family| family.index_to_come(moment)).collect()
    }

    /// Looks at everything and tells what has changed.
    async fn look(&mut self, server: Server) -> Result<(), Error> {
        let mut findings = Findings::default();
        let Plan { families, templates, .. } = &self.plan;
        if let Some(config) = templates {
            look::at_indices_to_come(&self.client, server, families, config, &mut findings).await?;
        }
        look::at_indices_there(&self.client, families, &mut findings).await?;
        if reach::is_wanted(&self.plan) {
            self.reach().await?;
        }
        findings.reach = self.findings.reach.clone();
        self.looked = Some((Instant::now(), self.indices_to_come()));
        self.metrics.unfit_templates.set(findings.to_come.len().try_into().unwrap_or(i64::MAX));
        self.metrics.unfit_indices.set(findings.there.len().try_into().unwrap_or(i64::MAX));
        self.log_news(&findings);
        let imminent = findings.imminent.join("; ");
        self.findings = findings;
        self.tell(&if imminent.is_empty() {
            Readiness::Ready(server)
        } else {
            Readiness::NotReady(imminent)
        });
        Ok(())
    }

    /// What was found before is not told again.
    fn log_news(&self, findings: &Findings) {
        let before = &self.findings;
        for trouble in findings.to_come.iter().filter(|trouble| !before.to_come.contains(trouble)) {
            tracing::error!("{trouble}");
        }
        if findings.to_come.is_empty() && !before.to_come.is_empty() {
            tracing::info!("new indices will have fitting templates again");
        }
        for (index, misfit) in findings.there.iter().filter(|(index, _)| !before.there.contains_key(*index)) {
            tracing::warn!(
                "the index {index} was made without a fitting template: {misfit}; copy its documents into a new index (_reindex) and \
                 delete it, or wait until it is out of the window that is read"
            );
        }
        for unseen in findings.unseen.iter().filter(|unseen| !before.unseen.contains(unseen)) {
            tracing::warn!("whether the store's indices fit could not be looked at: {unseen}");
        }
    }

    /// Tells what was found; the same again is not news.
    fn tell(&self, prepared: &Readiness) {
        if self.doors.prepared() != *prepared {
            match prepared {
                Readiness::Ready(server) => tracing::info!(%server, "the store is prepared"),
                Readiness::NotReady(reason) => {
                    tracing::warn!(error = %reason, "the store is not ready; trying again")
                }
                Readiness::Starting => {}
            }
        }
        self.doors.tell(prepared, &self.findings.reach);
    }
}

//! What the house must have come to at the end.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use spoor_load::{Outcome, Report, SentRequest};
use spoor_tests::accounts::acknowledged_is_found;
use spoor_tests::ingesting::RecordAccounts;
use spoor_tests::traffic::keys_of;
use spoor_tests::{Role, eventually};

use crate::house::{House, PARTITIONS, PATIENCE, PREFIX};
use crate::member::Member;
use crate::sdk::Sent;
use crate::yesterday;

/// Spans that came by UDP. Nobody acknowledges them: those that met an agent which was there and stayed have to be found all the same.
fn by_udp(sent: &Sent, agent: &Member) -> Report {
    let requests = sent.by_udp.iter().map(|(key, second)| {
        let outcome = match agent.may_have_missed(*second) {
            true => Outcome::Unknown { reason: "the agent was away".to_owned() },
            false => Outcome::Acknowledged,
        };
        SentRequest { spans: Arc::new([*key]), outcome }
    });
    Report { requests: requests.collect(), ..Report::default() }
}

fn acknowledged(report: &Report) -> usize {
    keys_of(report, |outcome| *outcome == Outcome::Acknowledged).len()
}

impl House {
    /// Waits until the agents have delivered all that they took, and looks whether they dropped any.
    async fn agents_rest(&self) -> Result<()> {
        for agent in self.of(Role::Agent) {
            eventually("an agent rests", PATIENCE, || async {
                let metrics = agent.process()?.metrics().await?;
                for holds in ["waiting", "in_flight"] {
                    let spans = metrics.sum(&format!("spoor_agent_spans_{holds}"), "");
                    ensure!(spans == 0.0, "{spans} spans are {holds}");
                }
                Ok(())
            })
            .await?;
            let dropped = agent.process()?.metrics().await?.sum("spoor_agent_spans_dropped_total", "");
            ensure!(dropped == 0.0, "an agent has dropped {dropped} spans");
        }
        Ok(())
    }

    /// Waits until the ingesters have stored all that lies in the topic.
    async fn ingesters_rest(&self) -> Result<()> {
        eventually("the ingesters rest", PATIENCE, || async {
            let mut partitions = 0.0;
            for member in self.of(Role::Ingester) {
                let accounts = RecordAccounts::of(member.process()?).await?;
                ensure!(accounts.rest() && accounts.add_up(), "{accounts:?}\n{}", member.process()?.log());
                partitions += accounts.partitions;
            }
            ensure!(partitions == f64::from(PARTITIONS), "{partitions} partitions are read");
            Ok(())
        })
        .await
    }

    /// The load ends, the ingesters catch up, and what was acknowledged is looked for in the store.
    pub(super) async fn end(mut self) -> Result<()> {
        self.stop.cancel();
        let mut reports = vec![std::mem::take(&mut self.first)];
        for load in self.loads.drain(..) {
            reports.push(load.await??);
        }
        let applications = self.applications.take().context("the applications run")?;
        let sent = applications.end().await?;
        let (_, agent) = self.first_of(Role::Agent)?;
        let by_udp = by_udp(&sent, agent);
        self.agents_rest().await?;
        self.ingesters_rest().await?;
        let (clients, missed) = ([sent.python, sent.node, by_udp], sent.by_udp.len());
        let [python, node, udp] = clients.each_ref().map(acknowledged);
        let given_up = clients[1].requests.len() - node;
        ensure!(
            node > given_up && udp > missed / 2,
            "{node} by Node, {given_up} given up; {udp} of {missed} by UDP"
        );
        reports.extend(clients);
        let store = &self.store.urls()[0];
        let reports: Vec<&Report> = reports.iter().collect();
        // What comes by UDP may still be on its way.
        eventually("all is found", PATIENCE, || acknowledged_is_found(store, PREFIX, &reports)).await?;
        yesterday::is_cleaned(store).await?;
        let all: usize = reports.iter().map(|report| acknowledged(report)).sum();
        eprintln!(
            "{all} spans acknowledged and found once: {python} by OpenTelemetry's SDK for Python, {node} by that for Node, which gave {given_up} up, \
             {udp} by Jaeger's client by UDP, {} more while its agent was away",
            missed - udp
        );
        let (answers, failed, refused) = (self.reader.answers(), self.reader.failed(), self.reader.refused());
        self.reader.end().await?;
        eprintln!("{answers} answers, {} failed, {refused} met no nginx", failed.len());
        ensure!(failed.is_empty(), "questions through nginx failed: {failed:#?}");
        Ok(())
    }
}

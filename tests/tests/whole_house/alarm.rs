//! Processes stay away until it is told, and nothing else is told.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spoor_tests::{Role, eventually};

use crate::house::House;
use crate::monitors::{Alert, NAMES, REPLICAS};

const PATIENCE: Duration = Duration::from_secs(90);
/// Roles of which one process stays away: of two each, so that fewer than two are left.
const AWAY: [Role; 2] = [Role::Query, Role::Ingester];

/// What has to fire while one query server and one ingester are away: name, job.
fn expected() -> BTreeSet<(&'static str, &'static str)> {
    let jobs = ["spoor-query", "spoor-ingester"];
    jobs.into_iter().flat_map(|job| [("SpoorTargetDown", job), ("SpoorTooFewReplicas", job)]).collect()
}

fn firing(alerts: &[Alert]) -> BTreeSet<(&str, &str)> {
    let firing = alerts.iter().filter(|alert| alert.state == "firing");
    firing.map(|alert| (alert.name.as_str(), alert.job.as_str())).collect()
}

/// One query server and one ingester go, and of those that watch one Prometheus and one Alertmanager. The other Prometheus and the one above
/// have the alerts of it and no others, the operators are told, questions are answered all the while; with the watching ones back, both have
/// the alerts; and with the processes back it is over.
pub(super) async fn is_raised_and_ends(house: &mut House, random: &mut fastrand::Rng) -> Result<()> {
    let (blind, mute) = (random.usize(..REPLICAS), random.usize(..REPLICAS));
    house.monitors.kill_replica(blind).await?;
    house.monitors.kill_alertmanager(mute).await?;
    let mut away = Vec::new();
    for role in AWAY {
        let (position, member) = house.first_of(role)?;
        member.drain().await?;
        away.push(position);
    }
    let seeing = 1 - blind;
    fires(house, &[seeing]).await.context("with one Prometheus and one Alertmanager")?;
    eventually("the operators are told", PATIENCE, || async { heard_exactly(house) }).await?;
    house.monitors.start_replica(blind).await?;
    house.monitors.start_alertmanager(mute).await?;
    fires(house, &[0, 1]).await.context("with all of them again")?;
    for position in away {
        house.member(position)?.start().await?;
    }
    eventually("the alerts end", PATIENCE, || async {
        for alerts in house.monitors.alerts().await? {
            ensure!(firing(&alerts).is_empty(), "{alerts:#?}");
        }
        Ok(())
    })
    .await?;
    house.goes_on().await?;
    let heard = house.operators.heard();
    eprintln!("alerts told to operators, and how often: {heard:?}");
    heard_exactly(house)
}

/// Waits until these replicas fire what they have to, and the federating Prometheus has it from each of them.
async fn fires(house: &House, replicas: &[usize]) -> Result<()> {
    for number in replicas {
        eventually("a replica fires what it has to", PATIENCE, || async {
            let alerts = house.monitors.alerts_of(*number).await?;
            ensure!(firing(&alerts) == expected(), "{alerts:#?}");
            Ok(())
        })
        .await?;
        eventually("its alerts are federated", PATIENCE, || async {
            let federated = house.monitors.federated().await?;
            let own = federated.iter().filter(|(of, _)| of == NAMES[*number]);
            let own: Vec<Alert> = own.map(|(_, alert)| alert.clone()).collect();
            ensure!(firing(&own) == expected(), "of {}: {federated:#?}", NAMES[*number]);
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// The operators were told of what has to fire, of the Prometheus that could not be federated, and of nothing else since the house stands: a
/// fault before that lasted raises the same.
fn heard_exactly(house: &House) -> Result<()> {
    let heard = house.operators.heard();
    let heard: BTreeSet<&str> = heard.keys().map(String::as_str).collect();
    let mut expected: BTreeSet<&str> = expected().into_iter().map(|(name, _)| name).collect();
    expected.insert("FederationSourceDown");
    ensure!(heard == expected, "operators were told of {heard:?}");
    Ok(())
}

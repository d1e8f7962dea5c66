//! Processes stay away until it is told, and nothing else is told.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use spoor_tests::{Role, eventually};

use crate::house::House;
use crate::monitors::Alert;

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

/// One query server and one ingester go. Both Prometheus and the one above them have the alerts of it and no others, the operators are
/// told, questions are answered all the while; and with the processes back it is over.
pub(super) async fn is_raised_and_ends(house: &mut House) -> Result<()> {
    let mut away = Vec::new();
    for role in AWAY {
        let (position, member) = house.first_of(role)?;
        member.drain().await?;
        away.push(position);
    }
    eventually("both replicas fire what they have to", PATIENCE, || async {
        for alerts in house.monitors.alerts().await? {
            ensure!(firing(&alerts) == expected(), "{alerts:#?}");
        }
        Ok(())
    })
    .await?;
    eventually("the alerts of both are federated", PATIENCE, || async {
        let federated = house.monitors.federated().await?;
        for replica in ["a", "b"] {
            let of: Vec<Alert> =
                federated.iter().filter(|(of, _)| of == replica).map(|(_, alert)| alert.clone()).collect();
            ensure!(firing(&of) == expected(), "of {replica}: {federated:#?}");
        }
        Ok(())
    })
    .await?;
    eventually("the operators are told", PATIENCE, || async { heard_exactly(house) }).await?;
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

/// The operators were told of what has to fire, and of nothing else since the house stands: a fault before that lasted raises the same.
fn heard_exactly(house: &House) -> Result<()> {
    let heard = house.operators.heard();
    let heard: BTreeSet<&str> = heard.keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = expected().into_iter().map(|(name, _)| name).collect();
    ensure!(heard == expected, "operators were told of {heard:?}");
    Ok(())
}

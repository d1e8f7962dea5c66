//! What goes away, and comes back.

use anyhow::{Context, Result};
use spoor_tests::Role;
use tokio::task::block_in_place;

use crate::doors::Door;
use crate::house::House;
use crate::monitors::REPLICAS;

/// One thing that happens to the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// `kill -9` of one process of a role.
    Killed(Role),
    /// SIGTERM to one process of a role, as in a rolling upgrade.
    Drained(Role),
    /// `kill -9` of one of the store's nodes.
    NodeKilled,
    /// The broker stops and starts.
    KafkaStopped,
    /// Both nginx take their configuration anew.
    NginxReloaded,
    /// `kill -9` of one of them.
    NginxKilled(Door),
    /// `kill -9` of one of the two Prometheus that scrape.
    PrometheusKilled,
    /// `kill -9` of one of the Alertmanagers.
    AlertmanagerKilled,
}

/// Every fault once.
pub(super) const FAULTS: [Fault; 17] = [
    Fault::Killed(Role::Agent),
    Fault::Killed(Role::Collector),
    Fault::Killed(Role::Ingester),
    Fault::Killed(Role::Query),
    Fault::Killed(Role::Retention),
    Fault::Drained(Role::Agent),
    Fault::Drained(Role::Collector),
    Fault::Drained(Role::Ingester),
    Fault::Drained(Role::Query),
    Fault::Drained(Role::Retention),
    Fault::NodeKilled,
    Fault::KafkaStopped,
    Fault::NginxReloaded,
    Fault::NginxKilled(Door::Collectors),
    Fault::NginxKilled(Door::Queries),
    Fault::PrometheusKilled,
    Fault::AlertmanagerKilled,
];

impl Fault {
    /// What of the house it is about. Two processes of a role of two are no pair: nobody would be left.
    fn place(self) -> String {
        match self {
            Self::Killed(role) | Self::Drained(role) => format!("{role:?}"),
            Self::NginxReloaded | Self::NginxKilled(_) => "nginx".to_owned(),
            other => format!("{other:?}"),
        }
    }
}

/// So many pairs of faults in different places.
pub(super) fn pairs(random: &mut fastrand::Rng, count: usize) -> Vec<[Fault; 2]> {
    let mut pairs = Vec::with_capacity(count);
    while pairs.len() < count {
        let pair = [FAULTS[random.usize(..FAULTS.len())], FAULTS[random.usize(..FAULTS.len())]];
        if pair[0].place() != pair[1].place() {
            pairs.push(pair);
        }
    }
    pairs
}

/// What is away, and has to be brought back; in this order, where it is more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Away {
    Nothing,
    // First of all: nobody comes in without it, and senders do not wait for as long as a node may take.
    Nginx(Door),
    Prometheus(usize),
    Alertmanager(usize),
    // Before its clients: an ingester that starts is ready when it can read the topic.
    Kafka,
    Member(usize),
    Node(usize),
}

/// Lets one of what the fault is about go.
pub(super) async fn strike(house: &mut House, fault: Fault, random: &mut fastrand::Rng) -> Result<Away> {
    match fault {
        Fault::Killed(role) => {
            let chosen = house.one_of(role, random)?;
            house.member(chosen)?.kill().await?;
            Ok(Away::Member(chosen))
        }
        Fault::Drained(role) => {
            let chosen = house.one_of(role, random)?;
            house.member(chosen)?.drain().await?;
            Ok(Away::Member(chosen))
        }
        Fault::NodeKilled => {
            let chosen = random.usize(..house.store.urls().len());
            block_in_place(|| house.store.kill(chosen))?;
            Ok(Away::Node(chosen))
        }
        Fault::KafkaStopped => {
            block_in_place(|| house.kafka.stop())?;
            Ok(Away::Kafka)
        }
        Fault::NginxReloaded => {
            house.doors.reload()?;
            Ok(Away::Nothing)
        }
        Fault::NginxKilled(door) => {
            house.lose_door(door).await?;
            Ok(Away::Nginx(door))
        }
        Fault::PrometheusKilled => {
            let chosen = random.usize(..REPLICAS);
            house.monitors.kill_replica(chosen).await?;
            Ok(Away::Prometheus(chosen))
        }
        Fault::AlertmanagerKilled => {
            let chosen = random.usize(..REPLICAS);
            house.monitors.kill_alertmanager(chosen).await?;
            Ok(Away::Alertmanager(chosen))
        }
    }
}

/// Brings it back.
pub(super) async fn mend(house: &mut House, away: Away) -> Result<()> {
    match away {
        Away::Nginx(door) => house.open_door(door).await,
        Away::Prometheus(chosen) => {
            house.monitors.miss_replica(chosen).await?;
            house.monitors.start_replica(chosen).await
        }
        Away::Alertmanager(chosen) => {
            house.monitors.miss_alertmanager(chosen).await?;
            house.monitors.start_alertmanager(chosen).await
        }
        Away::Member(chosen) => house.member(chosen)?.start().await,
        Away::Node(chosen) => {
            block_in_place(|| house.store.start_again(chosen)).context("the node comes back")?;
            house.store_is_whole().await
        }
        Away::Kafka => block_in_place(|| house.kafka.start_again()),
        Away::Nothing => Ok(()),
    }
}

#[test]
fn the_broker_comes_back_before_those_who_wait_for_it() {
    let mut away = [Away::Member(3), Away::Node(0), Away::Kafka, Away::Nginx(Door::Queries)];
    away.sort();
    assert_eq!(away, [Away::Nginx(Door::Queries), Away::Kafka, Away::Member(3), Away::Node(0)]);
}

#[test]
fn pairs_are_of_two_places() {
    for pair in pairs(&mut fastrand::Rng::with_seed(7), 200) {
        assert_ne!(pair[0].place(), pair[1].place());
    }
}

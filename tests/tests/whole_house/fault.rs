//! What goes away, and comes back.

use anyhow::{Context, Result};
use spoor_tests::Role;
use tokio::task::block_in_place;

use crate::house::House;

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
}

/// Every fault once.
pub(super) const FAULTS: [Fault; 13] = [
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
];

impl Fault {
    /// What of the house it is about. Two processes of a role of two are no pair: nobody would be left.
    fn place(self) -> String {
        match self {
            Self::Killed(role) | Self::Drained(role) => format!("{role:?}"),
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

/// What is away, and has to be brought back.
pub(super) enum Away {
    Member(usize),
    Node(usize),
    Kafka,
    Nothing,
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
    }
}

/// Brings it back.
pub(super) async fn mend(house: &mut House, away: Away) -> Result<()> {
    match away {
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
fn pairs_are_of_two_places() {
    for pair in pairs(&mut fastrand::Rng::with_seed(7), 200) {
        assert_ne!(pair[0].place(), pair[1].place());
    }
}

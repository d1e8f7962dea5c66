//! What can go wrong, and which of it goes wrong at once.

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    CollectorKilled,
    IngesterKilled,
    BrokerHalted,
    BrokerStopped,
    BrokerKilled,
    PartitionsRaised,
    StoreHalted,
    StoreRefuses,
    Poisoned,
}

use Fault::{
    BrokerHalted, BrokerKilled, BrokerStopped, CollectorKilled, IngesterKilled, PartitionsRaised, Poisoned,
    StoreHalted, StoreRefuses,
};

pub(super) const FAULTS: [Fault; 9] = [
    CollectorKilled,
    IngesterKilled,
    BrokerHalted,
    BrokerStopped,
    BrokerKilled,
    PartitionsRaised,
    StoreHalted,
    StoreRefuses,
    Poisoned,
];

impl Fault {
    /// Whether the broker answers nobody while it lasts.
    pub(super) fn takes_the_broker_away(self) -> bool {
        matches!(self, BrokerHalted | BrokerStopped | BrokerKilled)
    }

    /// Whether it is over as soon as it has come.
    fn is_short(self) -> bool {
        matches!(self, PartitionsRaised | Poisoned)
    }

    /// Whether the other one can come while this one lasts: one broker does not halt and end at once.
    fn may_overlap(self, other: Self) -> bool {
        !(self.takes_the_broker_away() && other.takes_the_broker_away())
    }
}

/// The faults of a round, each once, in an order that the seed decides: alone, or two of which the second comes while the first lasts. There
/// is at least one such pair.
pub(super) fn round(random: &mut fastrand::Rng) -> Vec<Vec<Fault>> {
    let mut left = FAULTS.to_vec();
    random.shuffle(&mut left);
    let mut blows: Vec<Vec<Fault>> = Vec::new();
    while let Some(fault) = left.pop() {
        let is_to_be_pair = blows.is_empty() || random.bool();
        let partner = left.iter().position(|other| fault.may_overlap(*other)).filter(|_| is_to_be_pair);
        let mut blow: Vec<Fault> = [fault].into_iter().chain(partner.map(|at| left.remove(at))).collect();
        // What is over at once comes second, else there were nothing to overlap with.
        blow.sort_by_key(|fault| fault.is_short());
        blows.push(blow);
    }
    blows
}

#[test]
fn a_round_has_every_fault_once_and_two_at_once_at_least_once() {
    for seed in 0..1_000 {
        let blows = round(&mut fastrand::Rng::with_seed(seed));
        let all: Vec<Fault> = blows.iter().flatten().copied().collect();
        assert_eq!(all.len(), FAULTS.len(), "seed {seed}: {blows:?}");
        assert!(FAULTS.iter().all(|fault| all.contains(fault)), "seed {seed}: {blows:?}");
        let pairs = || blows.iter().filter_map(|blow| <[Fault; 2]>::try_from(blow.as_slice()).ok());
        assert!(pairs().next().is_some(), "seed {seed}: {blows:?}");
        assert!(pairs().all(|[first, second]| first.may_overlap(second)), "seed {seed}: {blows:?}");
        assert!(blows.iter().all(|blow| blow.len() <= 2), "seed {seed}: {blows:?}");
    }
}

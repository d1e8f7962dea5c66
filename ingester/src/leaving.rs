//! Which records are no longer to be waited for, because their partitions go to another member or the role ends.

use std::collections::HashSet;

use spoor_topic::{Claim, Held};
use tokio::sync::watch;

/// What the deliveries look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leaving {
    everything: bool,
    partitions: HashSet<Held>,
}

impl Leaving {
    /// Whether nobody waits for this record any more.
    pub(crate) fn concerns(&self, claim: &Claim) -> bool {
        let held = Held { partition: claim.place.partition, generation: claim.generation };
        self.everything || self.partitions.contains(&held)
    }
}

/// Where the role says so.
#[derive(Debug)]
pub(crate) struct Notice(watch::Sender<Leaving>);

impl Notice {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Leaving::default()))
    }

    /// For one delivery.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Leaving> {
        self.0.subscribe()
    }

    /// These are about to go, or have gone.
    pub(crate) fn partitions_go(&self, partitions: &[Held]) {
        self.0.send_modify(|leaving| leaving.partitions.extend(partitions));
    }

    /// These have gone. What still runs for them may look later, so that they are remembered until their next holding has gone as well.
    pub(crate) fn partitions_are_gone(&self, gone: &[Held]) {
        let is_replaced = |held: &Held| {
            gone.iter().any(|gone| gone.partition == held.partition && gone.generation > held.generation)
        };
        self.0.send_modify(|leaving| {
            leaving.partitions.retain(|held| !is_replaced(held));
            leaving.partitions.extend(gone);
        });
    }

    /// The role ends.
    pub(crate) fn all_go(&self) {
        self.0.send_modify(|leaving| leaving.everything = true);
    }
}

//! A group: who its members are, which partition is whose, what is committed.

use std::collections::BTreeMap;
use std::time::Instant;

use super::log::Log;
use super::member::Member;
use super::number;
use crate::Start;

/// The members share the partitions evenly; one that has too many gives some up, and keeps the others meanwhile.
#[derive(Default)]
pub(super) struct Group {
    committed: BTreeMap<i32, i64>,
    pub(super) members: BTreeMap<u64, Member>,
    owners: BTreeMap<i32, u64>,
    last_member: u64,
}

impl Group {
    pub(super) fn committed(&self, partition: i32) -> Option<i64> {
        self.committed.get(&partition).copied()
    }

    pub(super) fn join(&mut self, member: Member) -> u64 {
        self.last_member += 1;
        self.members.insert(self.last_member, member);
        self.last_member
    }

    /// The member is gone, and with it its holdings.
    pub(super) fn leave(&mut self, id: u64) {
        self.members.remove(&id);
        self.owners.retain(|_, owner| *owner != id);
    }

    /// The member is taken for dead: its partitions go without a warning. It does not know that it is out before it asks again.
    pub(super) fn expel(&mut self, id: u64) {
        self.owners.retain(|_, owner| *owner != id);
        if let Some(member) = self.members.get_mut(&id) {
            member.lose_all();
        }
    }

    /// Keeps what the members have settled.
    pub(super) fn commit(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        self.committed.extend(member.commit());
    }

    /// Everything that is due: partitions that are free go on to whoever has too few.
    pub(super) fn settle_down(&mut self, logs: &[Log], now: Instant) {
        for (id, member) in &mut self.members {
            for partition in member.release_what_is_due(now, &mut self.committed) {
                if self.owners.get(&partition) == Some(id) {
                    self.owners.remove(&partition);
                }
            }
        }
        let quotas = self.quotas(logs.len());
        for (&id, &quota) in &quotas {
            self.give_up_beyond(id, quota, now);
        }
        for partition in 0..number(logs.len()) {
            if !self.owners.contains_key(&partition)
                && let Some((&id, _)) = quotas.iter().find(|(id, quota)| self.share_of(**id) < **quota)
            {
                self.assign(partition, id, logs);
            }
        }
    }

    /// What the members are still to be told.
    pub(super) fn pending_events(&self) -> usize {
        self.members.values().map(Member::pending_events).sum()
    }

    /// When something is due without anything happening before.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.members.values().filter_map(Member::next_due).min()
    }

    /// Those that have most keep most, so that as little as possible moves.
    fn quotas(&self, partitions: usize) -> BTreeMap<u64, usize> {
        let mut members: Vec<u64> =
            self.members.iter().filter(|(_, member)| member.wants_partitions()).map(|(id, _)| *id).collect();
        members.sort_by_key(|id| std::cmp::Reverse(self.share_of(*id)));
        let count = members.len().max(1);
        let (each, more) = (partitions / count, partitions % count);
        let quota = |(index, id): (usize, u64)| (id, each + usize::from(index < more));
        members.into_iter().enumerate().map(quota).collect()
    }

    fn share_of(&self, id: u64) -> usize {
        self.owners.values().filter(|owner| **owner == id).count()
    }

    fn give_up_beyond(&mut self, id: u64, quota: usize, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let own: Vec<i32> =
            self.owners.iter().filter(|(_, owner)| **owner == id).map(|(partition, _)| *partition).collect();
        let (leaving, staying): (Vec<i32>, Vec<i32>) =
            own.into_iter().partition(|&partition| member.is_revoking(partition));
        let excess = (staying.len() + leaving.len()).saturating_sub(quota).saturating_sub(leaving.len());
        let surplus = &staying[staying.len() - excess.min(staying.len())..];
        member.revoke(surplus, now);
    }

    fn assign(&mut self, partition: i32, id: u64, logs: &[Log]) {
        let committed = self.committed(partition);
        let Some(member) = self.members.get_mut(&id) else { return };
        let log = usize::try_from(partition).ok().and_then(|index| logs.get(index));
        let Some(log) = log else { return };
        let start = committed.unwrap_or_else(|| match member.start() {
            Start::Earliest => log.start(),
            Start::Latest => log.end(),
        });
        member.hold(partition, start, committed);
        self.owners.insert(partition, id);
    }
}

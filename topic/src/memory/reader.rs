//! The door out of a topic in memory.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use super::group::Group;
use super::member::Member;
use super::{Membership, Shared, State};
use crate::{Claim, Event, Fate, ReadError, ReaderStatus, TopicReader, Unreachable};

/// A member of a group that reads a topic in memory.
pub struct MemoryReader {
    shared: Arc<Shared>,
    group: String,
    id: u64,
}

/// What a reader finds when it looks.
enum Found {
    Event(Event),
    Closed,
    Nothing { look_again: Option<Instant> },
}

impl MemoryReader {
    pub(super) fn join(shared: Arc<Shared>, membership: Membership) -> Self {
        let group = membership.group.clone();
        let id = shared
            .change(|state| state.groups.entry(group.clone()).or_default().join(Member::new(membership)));
        Self { shared, group, id }
    }

    /// The group takes this member for dead, as after a session that timed out: its partitions go without a warning. It
    /// joins again by itself.
    pub fn be_taken_for_dead(&self) {
        self.shared.change(|state| self.group(state).map(|group| group.expel(self.id)));
    }

    fn group<'s>(&self, state: &'s mut State) -> Option<&'s mut Group> {
        state.groups.get_mut(&self.group)
    }

    fn look(&self, state: &mut State) -> Found {
        let State { logs, groups, down, .. } = state;
        let Some(group) = groups.get_mut(&self.group) else { return Found::Closed };
        if down.is_none() {
            group.commit(self.id);
            group.settle_down(logs, Instant::now());
        }
        let look_again = group.next_due().filter(|_| down.is_none());
        let Some(member) = group.members.get_mut(&self.id) else { return Found::Closed };
        if let Some(event) = member.next_event() {
            return Found::Event(event);
        }
        let records = if down.is_none() { member.read(logs) } else { Vec::new() };
        if records.is_empty() { Found::Nothing { look_again } } else { Found::Event(Event::Records(records)) }
    }

    /// Waits until `look` finds what it wants.
    async fn wait_for<T>(&self, look: impl Fn(&mut State) -> Result<T, Option<Instant>> + Send) -> T {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            // A look may release a partition that another member waits for.
            let look_again = match self.shared.look(&look) {
                Ok(found) => return found,
                Err(look_again) => look_again,
            };
            let due = async {
                match look_again {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { () = changed => {} () = due => {} }
        }
    }
}

impl Shared {
    fn look<T>(&self, look: impl Fn(&mut State) -> Result<T, Option<Instant>>) -> Result<T, Option<Instant>> {
        let mut state = self.lock();
        let events = |state: &State| -> usize { state.groups.values().map(Group::pending_events).sum() };
        let before = events(&state);
        let found = look(&mut state);
        if events(&state) > before || found.is_ok() {
            drop(state);
            self.changed.notify_waiters();
        }
        found
    }
}

#[async_trait]
impl TopicReader for MemoryReader {
    async fn next(&self) -> Result<Option<Event>, ReadError> {
        let look = |state: &mut State| match self.look(state) {
            Found::Event(event) => Ok(Some(event)),
            Found::Closed => Ok(None),
            Found::Nothing { look_again } => Err(look_again),
        };
        Ok(self.wait_for(look).await)
    }

    fn settle(&self, claims: &[Claim], fate: Fate) {
        self.shared.change(|state| {
            let is_up = state.down.is_none();
            let Some(group) = self.group(state) else { return };
            if let Some(member) = group.members.get_mut(&self.id) {
                member.settle(claims, fate);
            }
            if is_up {
                group.commit(self.id);
            }
        });
    }

    fn pause(&self, partition: i32) {
        self.shared.change(|state| {
            let member = self.group(state).and_then(|group| group.members.get_mut(&self.id));
            member.map(|member| member.set_paused(partition, true))
        });
    }

    fn resume(&self, partition: i32) {
        self.shared.change(|state| {
            let member = self.group(state).and_then(|group| group.members.get_mut(&self.id));
            member.map(|member| member.set_paused(partition, false))
        });
    }

    fn status(&self) -> ReaderStatus {
        let state = self.shared.lock();
        let member = state.groups.get(&self.group).and_then(|group| group.members.get(&self.id));
        member.map(|member| member.status(&state.logs)).unwrap_or_default()
    }

    fn reachable(&self) -> Result<(), Unreachable> {
        self.shared.lock().reachable()
    }

    async fn close(&self, deadline: Instant) -> Result<(), ReadError> {
        self.shared.change(|state| {
            let member = self.group(state).and_then(|group| group.members.get_mut(&self.id));
            member.map(|member| member.close(deadline))
        });
        self.wait_for(|state| {
            let State { logs, groups, .. } = state;
            let Some(group) = groups.get_mut(&self.group) else { return Ok(()) };
            group.settle_down(logs, Instant::now());
            if group.members.get(&self.id).is_none_or(Member::holds_nothing) {
                group.leave(self.id);
                group.settle_down(logs, Instant::now());
                return Ok(());
            }
            Err(Some(deadline))
        })
        .await;
        Ok(())
    }
}

impl Drop for MemoryReader {
    fn drop(&mut self) {
        self.shared.change(|state| self.group(state).map(|group| group.leave(self.id)));
    }
}

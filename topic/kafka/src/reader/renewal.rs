//! A member that the library keeps out of its group, and how it comes in again.
//!
//! What makes it so (librdkafka 2.12): the group asks for partitions, the role is still busy with them, and meanwhile the topic gets more
//! partitions. The library then joins the group again at once, without waiting for what it asked for, and never comes to terms with
//! that: it takes part in no later rebalance, is expelled in the end, and reads on without being able to commit.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;

use super::context::{ReaderContext, Rebalance, give_up, is_cooperative};
use super::desk::Desk;
use super::worker::Worker;
use crate::config::ConsumerConnection;
use crate::stalls::Stalls;
use crate::{SettingsError, client_config};

/// How long the brokers may call us no member before that is more than a rebalance on its way.
const EXPELLED: Duration = Duration::from_secs(10);

/// How the group is joined, the first time and again.
pub(super) struct Entry(ClientConfig);

impl Entry {
    /// With these settings.
    pub(super) fn by(config: ClientConfig) -> Self {
        Self(config)
    }

    /// A consumer that joins the group.
    pub(super) fn consumer(
        &self,
        desk: &Arc<Desk>,
        topic: &str,
    ) -> Result<Arc<BaseConsumer<ReaderContext>>, SettingsError> {
        let refused = |error: &KafkaError| client_config::refused(error, ConsumerConnection::PREFIX);
        let context = ReaderContext::new(Arc::clone(desk), topic);
        let mut consumer: BaseConsumer<ReaderContext> =
            self.0.create_with_context(context).map_err(|error| refused(&error))?;
        let waker = Arc::clone(desk);
        consumer.set_nonempty_callback(move || waker.wake());
        consumer.subscribe(&[topic]).map_err(|error| refused(&error))?;
        Ok(Arc::new(consumer))
    }
}

/// What is known of our standing in the group.
#[derive(Debug, Default)]
pub(super) struct Membership {
    /// Something that the group asked for was overtaken by the next thing before it was done.
    overtaken: bool,
    /// Since when the brokers call us no member, without the library taking our partitions away.
    expelled: Option<Instant>,
}

impl Membership {
    /// The group wishes something; whether something that it asked for is not done yet.
    pub(super) fn wished(&mut self, is_busy: bool) {
        self.overtaken |= is_busy;
        self.expelled = None;
    }

    /// A commit was answered; whether we were called no member.
    pub(super) fn answered(&mut self, is_no_member: bool) {
        self.expelled = is_no_member.then(|| self.expelled.unwrap_or_else(Instant::now));
    }

    /// Why the group has to be joined anew, if it has.
    fn trouble(&self) -> Option<&'static str> {
        if self.overtaken {
            Some("the topic or the group changed while partitions were being given up")
        } else if self.expelled.is_some_and(|since| since.elapsed() >= EXPELLED) {
            Some("the brokers do not know us as a member any more")
        } else {
            None
        }
    }
}

impl Worker {
    /// The group wishes this next.
    pub(super) fn note_wish(&mut self, wish: Rebalance) {
        let asks_for = |wish: &Rebalance| matches!(wish, Rebalance::Revoke { lost: false, .. });
        let is_busy = !self.is_closing && (self.leaving.is_some() || self.pending.iter().any(asks_for));
        // Where all partitions are asked for at once, the library remembers nothing of it.
        self.membership.wished(is_busy && is_cooperative(&self.consumer));
        self.pending.push_back(wish);
    }

    /// Leaves the group and joins it as a new member, when nothing else helps.
    pub(super) fn renew_when_needed(&mut self) {
        let Some(trouble) = self.membership.trouble().filter(|_| !self.is_closing) else { return };
        let consumer = match self.entry.consumer(&self.desk, &self.topic) {
            Ok(consumer) => consumer,
            Err(error) => {
                tracing::error!("join the group of topic {} anew: {error}; it is tried again", self.topic);
                return;
            }
        };
        tracing::warn!("read topic {}: {trouble}; the group is left and joined anew", self.topic);
        let held = self.desk.lock().book.held();
        if let Err(error) = self.commit_now(&held) {
            tracing::warn!("{error}; what was stored since will be read again");
        }
        let partitions: Vec<i32> = held.iter().map(|held| held.partition).collect();
        self.stop_delivery(&partitions);
        self.put_down(&partitions, true);
        self.desk.lock().renewals += 1;
        self.pending.clear();
        self.leaving = None;
        self.membership = Membership::default();
        self.stalls = Stalls::default();
        let old = std::mem::replace(&mut self.consumer, consumer);
        // It says farewell in its own time.
        let spawned = thread::Builder::new().name("kafka-farewell".to_owned()).spawn(move || drop(old));
        if let Err(error) = spawned {
            tracing::debug!("no thread for the farewell, which was said here: {error}");
        }
    }

    /// Lets go of all partitions, which are these, in the book and in the library, and answers the group no more.
    pub(super) fn put_down(&mut self, partitions: &[i32], lost: bool) {
        self.close_accounts(partitions, lost);
        self.shelf.clear();
        self.consumer.context().notes().leaving = true;
        let left = self.consumer.assignment().and_then(|all| give_up(&self.consumer, &all));
        if let Err(error) = left {
            tracing::debug!(target: "librdkafka", "leave the group: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_is_no_member_for_long_has_to_join_anew_and_one_whose_commits_succeed_or_whom_the_group_asks_has_not()
     {
        let long_ago = Instant::now().checked_sub(EXPELLED);
        let expelled = || Membership { overtaken: false, expelled: long_ago };
        assert!(expelled().trouble().is_some());
        let mut subject = expelled();
        subject.answered(true);
        assert!(subject.trouble().is_some(), "it has lasted since");
        subject.answered(false);
        assert!(subject.trouble().is_none());
        let mut subject = expelled();
        subject.wished(false);
        assert!(subject.trouble().is_none());
        subject.answered(true);
        assert!(subject.trouble().is_none(), "that is new");
    }
}

//! Whether a topic that cannot be written to is one that waiting alone does not bring.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

/// Brokers that make topics by themselves say for a moment that there is none, and take their time on a busy machine.
const MAKING: Duration = Duration::from_secs(10);

/// What the brokers said of the topic when they were asked last.
#[derive(Debug, Default)]
pub(super) struct Absence(Mutex<State>);

#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// It is there, or nothing is known.
    #[default]
    Unknown,
    /// There is none, and they have said so since then.
    Missing { since: Instant },
    /// We may not have it, or nobody may by that name.
    Forbidden,
}

impl Absence {
    /// The brokers have answered: the topic is there.
    pub(super) fn is_there(&self) {
        self.set(State::Unknown);
    }

    /// The brokers have answered with this code.
    pub(super) fn refused(&self, code: RDKafkaErrorCode, now: Instant) {
        use RDKafkaErrorCode as Code;
        self.set(match code {
            code if is_forbidden(code) => State::Forbidden,
            Code::UnknownTopicOrPartition | Code::UnknownTopic => match self.get() {
                missing @ State::Missing { .. } => missing,
                State::Unknown | State::Forbidden => State::Missing { since: now },
            },
            _ => State::Unknown,
        });
    }

    /// Whether it takes a person to bring the topic.
    pub(super) fn is_lasting(&self, now: Instant) -> bool {
        match self.get() {
            State::Unknown => false,
            State::Missing { since } => now.saturating_duration_since(since) >= MAKING,
            State::Forbidden => true,
        }
    }

    fn get(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Whether the brokers' rules keep us from it.
pub(super) fn is_forbidden(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed | Code::InvalidTopic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_stays_missing_or_is_forbidden_takes_a_person() {
        let (absence, start) = (Absence::default(), Instant::now());
        assert!(!absence.is_lasting(start + MAKING), "nothing is known");
        absence.refused(RDKafkaErrorCode::UnknownTopicOrPartition, start);
        absence.refused(RDKafkaErrorCode::UnknownTopicOrPartition, start + MAKING / 2);
        assert!(!absence.is_lasting(start + MAKING / 2), "the brokers may be making it");
        assert!(absence.is_lasting(start + MAKING), "since it was missed first");
        absence.refused(RDKafkaErrorCode::LeaderNotAvailable, start + MAKING);
        assert!(!absence.is_lasting(start + 2 * MAKING), "it is being made");
        absence.refused(RDKafkaErrorCode::TopicAuthorizationFailed, start);
        assert!(absence.is_lasting(start));
        absence.is_there();
        assert!(!absence.is_lasting(start + MAKING));
    }
}

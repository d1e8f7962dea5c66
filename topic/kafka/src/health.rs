//! Whether the brokers can be reached, told once when that changes; and the library's own log, as ours.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use spoor_topic::Unreachable;

/// How long another reason for the same outage is kept to ourselves: each connection fails in its own words, in turn, all the time.
const TOLD_FOR: Duration = Duration::from_secs(30);

/// What is known of the brokers.
#[derive(Debug)]
pub(crate) struct Health {
    /// "write topic jaeger-spans at 127.0.0.1:9092", for the log.
    work: String,
    state: Mutex<Option<Down>>,
    /// What a broker's connection failed of last.
    last_failure: Mutex<String>,
}

/// The brokers cannot be reached.
#[derive(Debug)]
struct Down {
    unreachable: Unreachable,
    /// The reason is the cause, not only its consequence.
    is_cause: bool,
    /// When it was last told in the log; never yet, when nothing is known.
    told: Option<Instant>,
}

impl Health {
    /// Nothing is known yet, which counts as unreachable.
    pub(crate) fn unknown(work: String) -> Self {
        let unreachable = Unreachable { since: Instant::now(), reason: "no broker has answered yet".into() };
        Self {
            work,
            state: Mutex::new(Some(Down { unreachable, is_cause: false, told: None })),
            last_failure: Mutex::default(),
        }
    }

    pub(crate) fn reachable(&self) -> Result<(), Unreachable> {
        self.lock().as_ref().map_or(Ok(()), |down| Err(down.unreachable.clone()))
    }

    /// One broker's connection failed; others may do.
    pub(crate) fn note_failure(&self, text: &str) {
        text.clone_into(&mut self.last_failure.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What a broker's connection failed of last; may be empty.
    pub(crate) fn last_failure(&self) -> String {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the cause of an outage is known.
    pub(crate) fn knows_why(&self) -> bool {
        self.lock().as_ref().is_some_and(|down| down.is_cause)
    }

    pub(crate) fn is_up(&self) {
        let before = self.lock().take();
        if before.is_some() {
            tracing::info!("{}: it can be reached", self.work);
        }
    }

    /// The brokers cannot be reached; why is not known better than that.
    pub(crate) fn is_down(&self, reason: &str) {
        self.set(reason, false);
    }

    /// The brokers cannot be reached, and this is the cause.
    pub(crate) fn is_down_because(&self, reason: &str) {
        self.set(reason, true);
    }

    fn set(&self, reason: &str, is_cause: bool) {
        let mut state = self.lock();
        if state.as_ref().is_some_and(|down| *down.unreachable.reason == *reason && down.told.is_some()) {
            return;
        }
        let is_news = |down: &Down| {
            (is_cause && !down.is_cause) || down.told.is_none_or(|told| told.elapsed() >= TOLD_FOR)
        };
        let told = if state.as_ref().is_none_or(is_news) {
            tracing::warn!("{}: {reason}", self.work);
            Some(Instant::now())
        } else {
            tracing::debug!("{}: {reason}", self.work);
            state.as_ref().and_then(|down| down.told)
        };
        let since = state.as_ref().map_or_else(Instant::now, |down| down.unreachable.since);
        *state = Some(Down { unreachable: Unreachable { since, reason: reason.into() }, is_cause, told });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Down>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line of librdkafka's log. What it calls an error is one for it, not for us: it goes on trying, and we tell what comes of it.
pub(crate) fn library_log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        // Comes with every attempt to connect; `Health` tells once.
        RDKafkaLogLevel::Error if matches!(facility, "FAIL" | "ERROR") => {
            tracing::debug!(target: "librdkafka", "{facility}: {message}");
        }
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", "{facility}: {message}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", "{facility}: {message}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", "{facility}: {message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", "{facility}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_reasons_of_an_outage_are_kept_and_told_once_unless_one_is_the_cause() {
        let health = Health::unknown("read".to_owned());
        let told = || health.lock().as_ref().and_then(|down| down.told);
        let reason = || health.reachable().unwrap_err().reason.to_string();
        assert_eq!(told(), None);
        health.is_down("refused by a");
        let first = told();
        assert!(first.is_some());
        health.is_down("refused by b");
        assert_eq!((told(), reason()), (first, "refused by b".to_owned()), "known, and not told");
        health.is_down_because("the password is wrong");
        assert!(told() > first, "that is news");
        health.is_up();
        assert_eq!(health.reachable(), Ok(()));
        health.is_down("refused by a");
        assert!(told() > first, "another outage");
    }
}

//! Whether the brokers can be reached, told once when that changes; and the library's own log, as ours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rdkafka::config::RDKafkaLogLevel;
use spoor_topic::Unreachable;

/// What is known of the brokers.
#[derive(Debug)]
pub(crate) struct Health {
    /// "write topic jaeger-spans at 127.0.0.1:9092", for the log.
    work: String,
    state: Mutex<Option<Unreachable>>,
}

impl Health {
    /// Nothing is known yet, which counts as unreachable.
    pub(crate) fn unknown(work: String) -> Self {
        let unreachable = Unreachable { since: Instant::now(), reason: "no broker has answered yet".into() };
        Self { work, state: Mutex::new(Some(unreachable)) }
    }

    pub(crate) fn reachable(&self) -> Result<(), Unreachable> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    pub(crate) fn is_up(&self) {
        let before = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        if before.is_some() {
            tracing::info!("{}: it can be reached", self.work);
        }
    }

    pub(crate) fn is_down(&self, reason: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let reason: Arc<str> = reason.into();
        match state.as_mut() {
            Some(unreachable) if unreachable.reason == reason => {}
            Some(unreachable) => {
                tracing::warn!("{}: {reason}", self.work);
                unreachable.reason = reason;
            }
            None => {
                tracing::warn!("{}: {reason}", self.work);
                *state = Some(Unreachable { since: Instant::now(), reason });
            }
        }
    }
}

/// A line of librdkafka's log. What it calls an error is one for it, not for us: it goes on trying, and we tell what comes of it.
pub(crate) fn library_log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
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

//! Is the process alive, is it ready for work, and if not, why not.
//! Roles report through a [`Health`]; the admin port reads it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use time::OffsetDateTime;

/// Shared by all who know something of the process's readiness.
#[derive(Clone)]
pub(crate) struct Health {
    state: Arc<Mutex<State>>,
}

struct State {
    /// Part → why it is not ready. Empty means ready.
    waiting_for: BTreeMap<&'static str, String>,
    since: Option<(OffsetDateTime, Instant)>,
}

/// What the admin port tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    /// Since when it is ready for work, and for how long; `None` while it is not.
    pub(crate) up: Option<(OffsetDateTime, std::time::Duration)>,
    /// Part → why not.
    pub(crate) reasons: BTreeMap<&'static str, String>,
}

impl Health {
    /// Not ready until `part` (and whoever else reports) says so.
    pub(crate) fn waiting_for(part: &'static str, reason: &str) -> Self {
        let state = State { waiting_for: BTreeMap::from([(part, reason.to_owned())]), since: None };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// `part` works (`None`) or does not, and why.
    pub(crate) fn report(&self, part: &'static str, problem: Option<String>) {
        let mut state = self.state();
        let was_ready = state.waiting_for.is_empty();
        match problem {
            None => state.waiting_for.remove(part),
            Some(reason) => state.waiting_for.insert(part, reason),
        };
        let ready = state.waiting_for.is_empty();
        if ready && !was_ready {
            state.since = Some((OffsetDateTime::now_utc(), Instant::now()));
        }
    }

    /// The state now.
    pub(crate) fn now(&self) -> Report {
        let state = self.state();
        let up =
            state.since.filter(|_| state.waiting_for.is_empty()).map(|(at, started)| (at, started.elapsed()));
        Report { up, reasons: state.waiting_for.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the health lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_part_is() {
        let health = Health::waiting_for("receivers", "starting");
        health.report("store", Some("no answer from http://127.0.0.1:9200".to_owned()));
        health.report("receivers", None);
        assert!(health.now().up.is_none());
        assert_eq!(health.now().reasons.keys().copied().collect::<Vec<_>>(), ["store"]);
        health.report("store", None);
        assert!(health.now().up.is_some());
        health.report("drain", Some("stopping".to_owned()));
        assert!(health.now().up.is_none());
    }
}

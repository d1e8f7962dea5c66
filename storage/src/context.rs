//! What a request brings along besides its spans or its question: tenant, deadline, credentials.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spoor_model::TimeRange;
use spoor_tracer::OwnSpan;

use crate::{AnswerRoom, ReadError};

/// Whose data it is. The default tenant is the empty name: an installation without tenancy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name; empty without tenancy.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl From<Arc<str>> for Tenant {
    fn from(name: Arc<str>) -> Self {
        Self(name)
    }
}

/// A bearer token that the caller sent and that a store may be asked to accept. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Arc<str>);

impl Credentials {
    /// Wraps the token.
    #[must_use]
    pub fn bearer(token: &str) -> Self {
        Self(token.into())
    }

    /// The token, for the header that carries it and nowhere else.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// Goes with every call through a door.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Whose data.
    pub tenant: Tenant,
    /// When the caller stops waiting; whoever works for the call stops then too.
    pub deadline: Instant,
    /// What the caller showed to prove who it is, if it is to be passed on.
    pub credentials: Option<Credentials>,
    /// Between which moments the spans to be written were received, where that was not just now: spans from a topic were received when
    /// their records were written. Stores that file by the time of receipt go by it, so that a span is filed the same however late and
    /// however often it is written.
    pub received: Option<TimeRange>,
    /// Which question the reads under it are parts of. Stores that keep several copies of everything, of which one may know of a span a
    /// little later than another, ask the same copies in all parts of a question: what its first part found, the next finds too.
    pub question: Option<u64>,
    /// Where readers say what an answer takes while it comes and that it is cut, if somebody wants to know.
    pub room: Option<Arc<dyn AnswerRoom>>,
    /// The span in which the process records the request that is served, if it records any: requests to a store are children of it.
    pub own_span: OwnSpan,
}

impl RequestContext {
    /// As [`RequestContext::with_timeout`], for a question of its own that is asked in several parts.
    #[must_use]
    pub fn for_question(timeout: Duration) -> Self {
        Self { question: Some(fastrand::u64(..)), ..Self::with_timeout(timeout) }
    }

    /// For the default tenant, without credentials, with so much time from now on.
    #[must_use]
    pub fn with_timeout(timeout: Duration) -> Self {
        let now = Instant::now();
        Self::until(now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(86_400)))
    }

    /// For the default tenant, without credentials, until this moment.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self {
            tenant: Tenant::default(),
            deadline,
            credentials: None,
            received: None,
            question: None,
            room: None,
            own_span: OwnSpan::default(),
        }
    }

    /// Says that the answer takes so many bytes from now on.
    ///
    /// # Errors
    /// When there is no room for them: the reader gives up with this error.
    pub fn takes(&self, bytes: usize) -> Result<(), ReadError> {
        self.room.as_ref().map_or(Ok(()), |room| room.takes(bytes))
    }

    /// Says that a bound left out some of what belongs to the answer.
    pub fn is_cut(&self) {
        if let Some(room) = &self.room {
            room.is_cut();
        }
    }

    /// Time left; zero when the deadline has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

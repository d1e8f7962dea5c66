//! Traces that a search found, and of which the store knows nothing when it is asked for them: the copy of a shard that knew them has
//! gone in between, and the one in its place makes them visible with its next refresh. Or they were deleted meanwhile, which nobody can
//! tell from it at once.

use std::time::{Duration, Instant};

use spoor_storage::RequestContext;

/// Longer than a copy takes to its next refresh, which is a second by default.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(200);

/// How long a search has waited for what it found. Its parts wait together.
#[derive(Debug, Default)]
pub(super) struct Late {
    until: Option<Instant>,
}

impl Late {
    /// The positions of the answers that are `nothing`, for which it is time to ask again; none when nothing is missing, or when it
    /// has been long enough: half of the caller's time is left to all that follows.
    pub(super) async fn missing<T>(
        &mut self,
        context: &RequestContext,
        answers: &[T],
        nothing: fn(&T) -> bool,
    ) -> Vec<usize> {
        let missing: Vec<usize> = (0..answers.len()).filter(|&at| nothing(&answers[at])).collect();
        if missing.is_empty() || self.waits(context).await { missing } else { Vec::new() }
    }

    /// Waits for a moment, unless it has been long enough.
    async fn waits(&mut self, context: &RequestContext) -> bool {
        let at_most = LONG_ENOUGH.min(context.remaining() / 2);
        let until = *self.until.get_or_insert_with(|| Instant::now() + at_most);
        let next = Instant::now() + PAUSE;
        if next > until {
            return false;
        }
        tokio::time::sleep_until(next.into()).await;
        true
    }
}

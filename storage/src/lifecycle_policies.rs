//! [`LifecyclePolicies`]: rules by which the store itself goes on to the next index of a series and deletes old ones.

use async_trait::async_trait;

use crate::{RecordError, RequestContext};

/// What a policy is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleRules {
    /// Before the names of all indices.
    pub prefix: String,
    /// When a series goes on to its next index: a JSON object with at least one condition, in the words of a rollover (`max_age`).
    pub roll_over: String,
    /// Days from when it was followed by another to when an index is deleted.
    pub keeps_days: u32,
}

/// Where a policy is not as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Keys, joined by dots.
    pub place: String,
    /// What is there, as JSON; none where nothing is.
    pub is: Option<String>,
    /// What is wanted there, as JSON; none where nothing is to be.
    pub wanted: Option<String>,
}

/// A policy that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPolicy {
    /// It bears the mark of what was written through this door.
    pub is_ours: bool,
    /// None when it does what the rules say.
    pub differences: Vec<Difference>,
    /// Sequence number and primary term, by which a change in between is noticed, where the store has them.
    pub version: Option<(u64, u64)>,
}

/// Looks at policies and writes them.
///
/// **Deadline**: as [`crate::SpanReader`].
#[async_trait]
pub trait LifecyclePolicies: Send + Sync + 'static {
    /// The policy of that name, compared with the rules; nothing when there is none. Rules that the store has no words for are refused.
    async fn find_policy(
        &self,
        context: &RequestContext,
        name: &str,
        rules: &LifecycleRules,
    ) -> Result<Option<FoundPolicy>, RecordError>;

    /// Writes the policy, in the place of the one that was found, if one was.
    async fn write_policy(
        &self,
        context: &RequestContext,
        name: &str,
        rules: &LifecycleRules,
        found: Option<&FoundPolicy>,
    ) -> Result<(), RecordError>;
}

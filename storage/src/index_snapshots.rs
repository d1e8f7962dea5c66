//! [`IndexSnapshots`]: copies of indices in a repository of the store's, for whoever removes indices that are to be had back.

use async_trait::async_trait;

use crate::{RecordError, RequestContext};

/// What has become of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotState {
    /// The store is at it.
    UnderWay,
    /// It holds these indices, whole.
    Done(Vec<String>),
    /// It ended without holding all that was asked for; why, in the store's words.
    Failed(String),
}

/// Copies indices, by work that the store does by itself, whatever becomes of who asked for it.
///
/// **Deadline**: as [`crate::SpanReader`].
#[async_trait]
pub trait IndexSnapshots: Send + Sync + 'static {
    /// Begins a snapshot of these indices, none of which holds a wildcard, and of nothing else. One that is not there is an error. After an error
    /// the work may have begun.
    async fn begin_snapshot(
        &self,
        context: &RequestContext,
        repository: &str,
        name: &str,
        indices: &[String],
    ) -> Result<(), RecordError>;

    /// What has become of it; nothing when the store knows of none.
    async fn snapshot_state(
        &self,
        context: &RequestContext,
        repository: &str,
        name: &str,
    ) -> Result<Option<SnapshotState>, RecordError>;
}

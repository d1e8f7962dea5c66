//! [`SpanEraser`]: single spans out of indices that others share, for whoever decides which have had their time.

use std::fmt;

use async_trait::async_trait;
use spoor_model::{TraceId, UnixNanos};

use crate::{IndexAdmin, RecordError, RequestContext};

/// Which spans: those for which everything that is said holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doomed {
    /// Of this service, exactly.
    pub service: Option<String>,
    /// Of this operation, exactly.
    pub operation: Option<String>,
    /// With each of these tags: keys and values as a search has them, without expressions.
    pub tags: Vec<(String, String)>,
    /// Of one of these traces; of any when there is none.
    pub trace_ids: Vec<TraceId>,
    /// Started before this moment.
    pub before: Option<UnixNanos>,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Spans a second at most, in the mean; none is as fast as the store can.
    pub per_second: Option<u32>,
    /// Parts of an index that are worked on at a time; none leaves it to the store.
    pub slices: Option<u32>,
}

/// What the store calls a piece of work that it does by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskId(pub String);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far the work is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether it has ended.
    pub is_over: bool,
    /// Spans that it found when it began.
    pub total: u64,
    /// Spans that are gone by it.
    pub deleted: u64,
    /// Spans that changed meanwhile and stay therefore.
    pub conflicts: u64,
    /// What made it end early, in the store's words.
    pub failure: Option<String>,
}

/// Counts spans and removes them, by work that the store does by itself, whatever becomes of who asked for it.
///
/// **Deadline**: as [`crate::SpanReader`].
#[async_trait]
pub trait SpanEraser: IndexAdmin {
    /// How many spans of the index are meant. `settled` has what was written a moment ago counted as well, which is a little work for the store.
    async fn count(
        &self,
        context: &RequestContext,
        index: &str,
        doomed: &Doomed,
        settled: bool,
    ) -> Result<u64, RecordError>;

    /// Begins to remove them. `mark` finds the work again. After an error the work may have begun.
    async fn begin(
        &self,
        context: &RequestContext,
        index: &str,
        doomed: &Doomed,
        pace: Pace,
        mark: &str,
    ) -> Result<TaskId, RecordError>;

    /// Work under way that has this mark.
    async fn under_way(&self, context: &RequestContext, mark: &str) -> Result<Vec<TaskId>, RecordError>;

    /// How far the work is; nothing when the store knows of no such work, as after the restart of a node.
    async fn progress(
        &self,
        context: &RequestContext,
        task: &TaskId,
    ) -> Result<Option<Progress>, RecordError>;

    /// Gives back the disk space of what was removed from the index, where that is worth it.
    async fn expunge(&self, context: &RequestContext, index: &str) -> Result<(), RecordError>;
}

//! [`SamplingStore`]: the door to what adaptive sampling remembers.

use async_trait::async_trait;
use spoor_model::{SamplingProbabilities, Throughput, TimeRange, UnixNanos};

use crate::{ReadError, RecordError, RequestContext};

/// Keeps traffic counts of all collectors and the probabilities that their leader calculates from them.
///
/// **Ok means durable**, and what was written is found at the latest after the store's refresh interval.
///
/// **Once.** One store (one process) that writes the same operation again with the same moment replaces what it wrote: a repeated
/// write counts nothing twice. What different processes write always adds up.
///
/// **Whole or an error**, **deadline**: as [`crate::SpanReader`].
#[async_trait]
pub trait SamplingStore: Send + Sync + 'static {
    /// Stores what this process saw in the interval that ended at `at`. After an error some of it is stored; all of it may be
    /// written again.
    async fn write_throughput(
        &self,
        context: &RequestContext,
        at: UnixNanos,
        seen: &[Throughput],
    ) -> Result<(), RecordError>;

    /// What all processes saw with moments in the range, to the millisecond and both ends included, in the order of moments.
    /// Nothing is added up.
    async fn throughput(
        &self,
        context: &RequestContext,
        range: TimeRange,
    ) -> Result<Vec<Throughput>, ReadError>;

    /// Stores what was calculated at `at`.
    async fn write_probabilities(
        &self,
        context: &RequestContext,
        at: UnixNanos,
        probabilities: &SamplingProbabilities,
    ) -> Result<(), RecordError>;

    /// The probabilities with the latest moment within the time that the store looks back, and that moment to the millisecond; of several
    /// of one millisecond, any.
    async fn latest_probabilities(
        &self,
        context: &RequestContext,
    ) -> Result<Option<(UnixNanos, SamplingProbabilities)>, ReadError>;
}

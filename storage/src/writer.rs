//! [`SpanWriter`]: the door in.

use async_trait::async_trait;
use spoor_model::{SpanBatch, SpanId, TraceId};

use crate::{RequestContext, WriteError};

/// Stores spans.
///
/// **Ok means durable.** `write` answers `Ok` only when every span of the batch is either stored so that it survives a crash
/// of this process (and of the store, as far as the store promises that), or named in [`Written::rejected`] with the reason
/// why the store will never take it. Nothing is answered from a buffer.
///
/// **Once.** A span's identity in the store follows from its content: writing the same span again, after an error, a timeout
/// or a replay, changes nothing.
///
/// **One attempt.** A writer tries each span once and tells the outcome; repeating belongs to the wrapper
/// `spoor_storage::write::RetryingWriter`. A failed attempt settles what it could ([`WriteError::settled`]).
///
/// **Bounded.** A writer holds no more than its configuration allows; without room it answers
/// [`crate::WriteErrorKind::Busy`] instead of queueing without end.
///
/// **Deadline.** It answers by [`RequestContext::deadline`], if need be with [`crate::WriteErrorKind::DeadlineExceeded`].
///
/// Dropping the future leaves each span stored or not, never half; who must know awaits the answer.
///
/// An empty batch is stored trivially. The order of spans means nothing.
#[async_trait]
pub trait SpanWriter: Send + Sync + 'static {
    /// Stores the batch; see the trait for what `Ok` promises.
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError>;
}

#[async_trait]
impl<W: SpanWriter + ?Sized> SpanWriter for std::sync::Arc<W> {
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        (**self).write(context, batch).await
    }
}

/// What became of a batch. `stored + rejected.len()` is the number of spans settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Spans stored now, or found stored already.
    pub stored: usize,
    /// Spans that the store will never take.
    pub rejected: Vec<Rejection>,
}

/// A span that the store refuses for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Position in the batch.
    pub index: usize,
    /// Its trace.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
    /// Why, for the sender to read; bounded in length.
    pub reason: String,
}

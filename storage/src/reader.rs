//! [`SpanReader`]: the door out.

use async_trait::async_trait;
use futures::stream::BoxStream;
use spoor_model::{Operation, OperationQuery, SpanBatch, TraceLookup, TraceQuery};

use crate::{Capabilities, ReadError, RequestContext};

/// Spans on their way out.
///
/// Each item holds at least one span, all of one trace; the parts of a trace follow one another, never mixed with another
/// trace's. An error ends the stream: what came before it is true but not the whole answer.
pub type SpanStream<'a> = BoxStream<'a, Result<SpanBatch, ReadError>>;

/// Reads spans.
///
/// **Whole or an error.** An answer is complete as of some moment not before the call, or it is an error; a failed shard, a
/// lost page or a time-out never makes it shorter silently.
///
/// **What was acknowledged is found**, at the latest after the store's refresh interval (Elasticsearch: 1 s).
///
/// **Dropping** a future or a stream stops the work behind it.
///
/// **Deadline.** Every call and every item of a stream comes by [`RequestContext::deadline`] or is an error.
#[async_trait]
pub trait SpanReader: Send + Sync + 'static {
    /// What this store can do beyond the least.
    fn capabilities(&self) -> Capabilities;

    /// Names of the services seen within the retention that the reader looks at, sorted, each once.
    async fn services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError>;

    /// Operations of a service, sorted, each (name, kind) once; an unknown service has none.
    async fn operations(
        &self,
        context: &RequestContext,
        query: &OperationQuery,
    ) -> Result<Vec<Operation>, ReadError>;

    /// All spans of one trace, ordered by start; an unknown trace is an empty stream. The lookup's hint never hides spans.
    async fn trace<'a>(
        &'a self,
        context: &RequestContext,
        lookup: &TraceLookup,
    ) -> Result<SpanStream<'a>, ReadError>;

    /// The newest traces (by the latest start of a matching span) with a span that satisfies the query, newest first, at
    /// most `query.limit` of them, each whole. A tag value is compared with the text form of the attribute's value; what
    /// else a value may mean (a pattern, say) is the store's to document.
    async fn find_traces<'a>(
        &'a self,
        context: &RequestContext,
        query: &TraceQuery,
    ) -> Result<SpanStream<'a>, ReadError>;
}

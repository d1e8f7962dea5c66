//! [`SpanReader`]: the door out.

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use spoor_model::{
    FoundTrace, Operation, OperationQuery, SpanBatch, TimeRange, TraceId, TraceLookup, TraceQuery,
    TraceSummary, TraceSummaryBuilder,
};

use crate::{Capabilities, ReadError, RequestContext, Tenant};

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

    /// Whose spans there are, in no order: for work that nobody asked for and that is to be done for each tenant. A store that does
    /// not keep tenants apart has one, the default tenant.
    async fn tenants(&self, _context: &RequestContext) -> Result<Vec<Tenant>, ReadError> {
        Ok(vec![Tenant::default()])
    }

    /// Names of the services seen within the retention that the reader looks at, sorted, each once; no more than
    /// [`crate::ListBound`] takes.
    async fn services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError>;

    /// Operations of a service, sorted, each (name, kind) once; an unknown service has none. An operation of which the store
    /// knows no kind has [`spoor_model::SpanKind::Unspecified`] and is named in the answer for any kind.
    /// No more than [`crate::ListBound`] takes.
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

    /// The newest traces with a span that satisfies the query, in the order of [`FoundTrace`], at most `query.limit` of
    /// them, each whole or at least up to `query.enough_spans`. A tag value is compared with the text form of the
    /// attribute's value; what else a value may mean (a pattern, say) is the store's to document.
    async fn find_traces<'a>(
        &'a self,
        context: &RequestContext,
        query: &TraceQuery,
    ) -> Result<SpanStream<'a>, ReadError>;

    /// Where the traces stand that [`SpanReader::find_traces`] would find, without reading them. With `after`, the page that
    /// begins behind that place: as long as nothing is written, pages that follow one another name every trace once. A
    /// trace that comes meanwhile is named where it belongs or, when that is before `after`, not at all; one that grows
    /// meanwhile may move to a place before `after`, too.
    async fn find_trace_ids(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        after: Option<FoundTrace>,
    ) -> Result<Vec<FoundTrace>, ReadError>;

    /// The traces that stand at these places, in this order, as [`SpanReader::find_traces`] gives the traces that it finds for
    /// `query`, which is the query that found the places. A trace that has gone meanwhile is left out.
    async fn found_traces<'a>(
        &'a self,
        context: &RequestContext,
        query: &TraceQuery,
        places: &[FoundTrace],
    ) -> Result<SpanStream<'a>, ReadError> {
        let (context, hint) = (context.clone(), Some(query.start));
        let ids: Vec<TraceId> = places.iter().map(|place| place.trace_id).collect();
        let traces = stream::iter(ids).then(move |trace_id| {
            let context = context.clone();
            async move { self.trace(&context, &TraceLookup { trace_id, hint }).await }
        });
        Ok(traces.try_flatten().boxed())
    }

    /// Summaries of these traces, in this order; an unknown trace has none. `around` is where in time the spans were found:
    /// a hint, as in a lookup. What they say is what the whole traces say, however a store makes them.
    async fn summaries(
        &self,
        context: &RequestContext,
        trace_ids: &[TraceId],
        around: TimeRange,
    ) -> Result<Vec<TraceSummary>, ReadError> {
        let mut summaries = Vec::with_capacity(trace_ids.len());
        for &trace_id in trace_ids {
            let lookup = TraceLookup { trace_id, hint: Some(around) };
            summaries.extend(summed_up(self.trace(context, &lookup).await?).await?);
        }
        Ok(summaries)
    }
}

/// The summary of a trace that is read to its end; none of an unknown one.
///
/// # Errors
/// Those of the stream.
pub async fn summed_up(mut spans: SpanStream<'_>) -> Result<Option<TraceSummary>, ReadError> {
    let mut summary = TraceSummaryBuilder::default();
    while let Some(batch) = spans.try_next().await? {
        summary.add(&batch);
    }
    Ok(summary.finish())
}

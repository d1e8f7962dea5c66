//! Searches page by page, newest first exactly: the places of a page are found first, then what stands at them is read. A page
//! says behind which place the next one begins; nothing is remembered from one page to the next.

use futures::StreamExt;
use spoor_model::{FoundTrace, TraceId, TraceQuery, TraceSummary};
use spoor_storage::{ReadError, RequestContext};

use super::collect::{Collector, Want};
use super::slow::Shape;
use super::{Room, Service, Traces};
use crate::metrics::Operation;

/// A page of traces.
pub(crate) struct TracesPage {
    /// The traces, with the room they need.
    pub(crate) found: Traces,
    /// The last place of the page, if there are places behind it.
    pub(crate) next: Option<FoundTrace>,
}

/// A page of summaries.
pub(crate) struct SummariesPage {
    /// The summaries, in the order of the places.
    pub(crate) summaries: Vec<TraceSummary>,
    /// The last place of the page, if there are places behind it.
    pub(crate) next: Option<FoundTrace>,
    /// Until when there is room for them.
    pub(crate) room: Room,
}

impl Service {
    /// The newest traces behind `after` that satisfy the query, at most `query.limit`, each whole but for the limits, adjusted
    /// unless `raw`. A page that has no room for all its traces ends before them: they come with the next one.
    pub(crate) async fn page_of_traces(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        mut after: Option<FoundTrace>,
        raw: bool,
    ) -> Result<TracesPage, ReadError> {
        let operation = Operation::find_traces;
        let mut watch = self.slow.watch(Shape::Search { operation, query, raw });
        let turn = self.turn().await?;
        let (collector, next) = loop {
            let (places, next) = watch.asking(self.places(context, query, after)).await?;
            let (collector, last) = watch.asking(self.read_places(context, query, &places)).await?;
            let last = places.iter().find(|place| Some(place.trace_id) == last).copied();
            let next = if collector.omitted { last.or(next) } else { next };
            // All traces of a page may have gone between finding and reading them. That is no end: others stand behind them.
            if collector.traces() > 0 || collector.omitted || next.is_none() {
                break (collector, next);
            }
            after = next;
        };
        let found = self.answer(context, collector, turn, Vec::new(), raw).await?;
        watch.answered(&found);
        Ok(TracesPage { found, next })
    }

    /// What stands at these places, and the last trace that was taken.
    async fn read_places(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        places: &[FoundTrace],
    ) -> Result<(Collector, Option<TraceId>), ReadError> {
        // One more than is taken tells a trace that is cut from one that is as long as the limit.
        let enough_spans = query.enough_spans.min(self.search.trace_spans.saturating_add(1));
        let query = TraceQuery { enough_spans, ..query.clone() };
        let mut collector = Collector::new(self.search, self.no_bytes()?);
        let collected = async {
            let mut last = None;
            let mut parts = self.stores.reader.found_traces(context, &query, places).await?;
            while let Some(part) = parts.next().await {
                let part = part?;
                let trace_id = part.span(0).map(|span| span.trace_id());
                if collector.push(part).map_err(|full| self.no_room(&full))? == Want::Nothing {
                    break;
                }
                last = trace_id.or(last);
            }
            collector.end_trace();
            Ok((collector, last))
        };
        let traces = |(collector, _): &(Collector, Option<TraceId>)| collector.traces();
        self.measured(Operation::find_traces, context, traces, collected).await
    }

    /// Summaries of the newest traces behind `after` that satisfy the query, at most `query.limit`.
    pub(crate) async fn page_of_summaries(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        after: Option<FoundTrace>,
    ) -> Result<SummariesPage, ReadError> {
        let operation = Operation::find_trace_summaries;
        let mut watch = self.slow.watch(Shape::Search { operation, query, raw: false });
        let mut room = self.room().await?;
        let (places, next) = watch.asking(self.places(context, query, after)).await?;
        let ids: Vec<TraceId> = places.iter().map(|place| place.trace_id).collect();
        let summaries = if ids.is_empty() {
            Vec::new()
        } else {
            let summaries = self.stores.reader.summaries(context, &ids, query.start);
            watch.asking(self.measured(operation, context, Vec::len, summaries)).await?
        };
        self.resize(&mut room, summaries.iter().map(memory_bytes).sum())?;
        watch.summed_up(summaries.len(), &room);
        room.end_turn();
        Ok(SummariesPage { summaries, next, room })
    }

    /// The places of a page, and its last one if there are places behind it.
    async fn places(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        after: Option<FoundTrace>,
    ) -> Result<(Vec<FoundTrace>, Option<FoundTrace>), ReadError> {
        let with_one_more = TraceQuery { limit: query.limit.saturating_add(1), ..query.clone() };
        let places = self.stores.reader.find_trace_ids(context, &with_one_more, after);
        let mut places = self.measured(Operation::find_trace_ids, context, Vec::len, places).await?;
        let has_more = places.len() > query.limit;
        places.truncate(query.limit);
        let next = places.last().copied().filter(|_| has_more);
        Ok((places, next))
    }
}

/// Roughly what a summary holds, in bytes.
fn memory_bytes(summary: &TraceSummary) -> usize {
    let root = summary.root.as_ref().map_or(0, |root| root.service.len() + root.operation.len());
    let services = summary.services.iter().map(|service| size_of_val(service) + service.service.len());
    size_of::<TraceSummary>() + root + services.sum::<usize>()
}

//! The suite itself: stores that break the contract in one way fail the claim about it. An excused claim passes exactly
//! when it fails, so excuses say here which claim must notice.

use async_trait::async_trait;
use futures::StreamExt;
use prometheus_client::registry::Registry;
use spoor_model::{
    FoundTrace, Operation, OperationQuery, RootSpan, SpanBatch, TimeRange, TraceId, TraceLookup, TraceQuery,
    TraceSummary,
};
use spoor_storage::conformance::{Fixture, check, places, reading, searching, summaries, writing};
use spoor_storage::memory::{Config, MemoryStore};
use spoor_storage::{
    Capabilities, ReadError, RequestContext, SpanReader, SpanStream, SpanWriter, WriteError, Written,
};

/// One way to break the contract.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// Acknowledges all spans, stores all but the last of a batch.
    LosesTheLastSpan,
    /// Makes each write's spans different from those before.
    StoresTwice,
    /// Gives the spans of a trace backwards.
    Backwards,
    /// Gives the first item of a stream only.
    CutsStreams,
    /// Filters by the hint.
    TrustsHints,
    /// Finds no more than one trace.
    FindsOne,
    /// Begins every page at the newest trace.
    RepeatsPages,
    /// Knows a root of every trace.
    FirstSpanIsRoot,
}

struct Flawed {
    store: MemoryStore,
    flaw: Flaw,
    excuse: (&'static str, &'static str),
    writes: std::sync::atomic::AtomicU32,
}

fn flawed(flaw: Flaw, noticed_by: &'static str) -> Flawed {
    let store = MemoryStore::new(&Config::default(), &mut Registry::default());
    Flawed { store, flaw, excuse: (noticed_by, "it has the flaw"), writes: 0.into() }
}

impl Fixture for Flawed {
    fn writer(&self) -> &dyn SpanWriter {
        self
    }

    fn reader(&self) -> &dyn SpanReader {
        self
    }

    fn excused(&self) -> &[(&'static str, &'static str)] {
        std::slice::from_ref(&self.excuse)
    }
}

#[async_trait]
impl SpanWriter for Flawed {
    async fn write(&self, context: &RequestContext, batch: &SpanBatch) -> Result<Written, WriteError> {
        let mut changed = batch.clone();
        let number = self.writes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if self.flaw == Flaw::LosesTheLastSpan {
            changed.retain_spans(|index, _| index + 1 < batch.len());
        }
        if self.flaw == Flaw::StoresTwice {
            for index in 0..batch.len() {
                changed.span_row_mut(index).expect("within the batch").flags = number;
            }
        }
        self.store.write(context, &changed).await?;
        Ok(Written { stored: batch.len(), rejected: Vec::new() })
    }
}

#[async_trait]
impl SpanReader for Flawed {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError> {
        self.store.services(context).await
    }

    async fn operations(
        &self,
        context: &RequestContext,
        query: &OperationQuery,
    ) -> Result<Vec<Operation>, ReadError> {
        self.store.operations(context, query).await
    }

    async fn trace<'a>(
        &'a self,
        context: &RequestContext,
        lookup: &TraceLookup,
    ) -> Result<SpanStream<'a>, ReadError> {
        let stream = self.store.trace(context, lookup).await?;
        let hint = lookup.hint;
        Ok(match self.flaw {
            Flaw::CutsStreams => stream.take(1).boxed(),
            Flaw::Backwards => {
                stream.map(|item| item.map(|batch| batch.select((0..batch.len()).rev()))).boxed()
            }
            Flaw::TrustsHints => stream
                .map(move |item| {
                    item.map(|mut batch| {
                        batch.retain_spans(|_, row| hint.is_none_or(|hint| row.start <= hint.end));
                        batch
                    })
                })
                .boxed(),
            _ => stream,
        })
    }

    async fn find_traces<'a>(
        &'a self,
        context: &RequestContext,
        query: &TraceQuery,
    ) -> Result<SpanStream<'a>, ReadError> {
        let limit = if self.flaw == Flaw::FindsOne { 1 } else { query.limit };
        self.store.find_traces(context, &TraceQuery { limit, ..query.clone() }).await
    }

    async fn find_trace_ids(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        after: Option<FoundTrace>,
    ) -> Result<Vec<FoundTrace>, ReadError> {
        let after = if self.flaw == Flaw::RepeatsPages { None } else { after };
        self.store.find_trace_ids(context, query, after).await
    }

    async fn summaries(
        &self,
        context: &RequestContext,
        trace_ids: &[TraceId],
        around: TimeRange,
    ) -> Result<Vec<TraceSummary>, ReadError> {
        let mut summaries = self.store.summaries(context, trace_ids, around).await?;
        if self.flaw == Flaw::FirstSpanIsRoot {
            for summary in &mut summaries {
                summary.root.get_or_insert_with(|| RootSpan {
                    service: "shop".into(),
                    operation: "GET /cart".into(),
                });
            }
        }
        Ok(summaries)
    }
}

#[tokio::test]
async fn a_lost_span() {
    let name = "what_was_acknowledged_is_found_whole";
    let store = flawed(Flaw::LosesTheLastSpan, name);
    check(name, &store, writing::what_was_acknowledged_is_found_whole(&store)).await;
}

#[tokio::test]
async fn a_span_stored_twice() {
    let name = "writing_the_same_again_stores_nothing_twice";
    let store = flawed(Flaw::StoresTwice, name);
    check(name, &store, writing::writing_the_same_again_stores_nothing_twice(&store)).await;
}

#[tokio::test]
async fn spans_in_the_wrong_order() {
    let name = "a_trace_comes_back_in_order_of_start_times";
    let store = flawed(Flaw::Backwards, name);
    check(name, &store, reading::a_trace_comes_back_in_order_of_start_times(&store)).await;
}

#[tokio::test]
async fn a_lost_page() {
    let name = "a_large_trace_of_one_start_time_comes_back_whole";
    let store = flawed(Flaw::CutsStreams, name);
    check(name, &store, reading::a_large_trace_of_one_start_time_comes_back_whole(&store)).await;
}

#[tokio::test]
async fn a_hint_taken_for_a_filter() {
    let name = "the_hint_never_hides_spans";
    let store = flawed(Flaw::TrustsHints, name);
    check(name, &store, reading::the_hint_never_hides_spans(&store)).await;
}

#[tokio::test]
async fn a_limit_of_its_own() {
    let name = "the_limit_keeps_the_newest_traces_newest_first";
    let store = flawed(Flaw::FindsOne, name);
    check(name, &store, searching::the_limit_keeps_the_newest_traces_newest_first(&store)).await;
}

#[tokio::test]
async fn a_page_given_again() {
    let name = "pages_of_trace_ids_name_every_trace_once";
    let store = flawed(Flaw::RepeatsPages, name);
    check(name, &store, places::pages_of_trace_ids_name_every_trace_once(&store)).await;
}

#[tokio::test]
async fn a_root_that_is_none() {
    let name = "a_trace_without_a_root_has_a_summary_without_one";
    let store = flawed(Flaw::FirstSpanIsRoot, name);
    check(name, &store, summaries::a_trace_without_a_root_has_a_summary_without_one(&store)).await;
}

#[tokio::test]
#[should_panic(expected = "take back the excuse")]
async fn an_excuse_that_is_not_needed() {
    let name = "an_empty_batch_is_stored_trivially";
    let store = flawed(Flaw::None, name);
    check(name, &store, writing::an_empty_batch_is_stored_trivially(&store)).await;
}

#[tokio::test]
#[should_panic(expected = "every span is stored once")]
async fn a_failure_that_nobody_excuses() {
    let store = flawed(Flaw::None, "another claim");
    check("claim", &store, async { panic!("every span is stored once") }).await;
}

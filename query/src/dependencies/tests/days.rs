//! Claims about which traces are a day's, read from the store in memory and from one that has to be asked by service.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use spoor_model::{FoundTrace, Operation, OperationQuery, ServiceCalls, TimeRange, TraceLookup, TraceQuery};
use spoor_storage::memory::{self, MemoryStore};
use spoor_storage::{
    Capabilities, DependencyStore, ReadError, RequestContext, SpanReader, SpanStream, SpanWriter, Tenant,
};

use super::*;
use crate::dependencies::{Day, DayCount, recount};

const DAY: &str = "2026-03-01";

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(&memory::Config::default(), &mut Registry::default()))
}

fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(60))
}

fn day() -> Day {
    DAY.parse().unwrap()
}

fn end_of_day() -> UnixNanos {
    day().midnight().saturating_add(Duration::from_secs(86_400))
}

/// A moment of the day, or of a later one.
fn at(seconds: u64) -> UnixNanos {
    day().midnight().saturating_add(Duration::from_secs(seconds))
}

fn call(parent: &str, child: &str, call_count: u64) -> ServiceCalls {
    ServiceCalls { parent: parent.to_owned(), child: child.to_owned(), call_count }
}

/// A trace in which `a` calls `b` and `b` calls `c`, begun at that second, each call some seconds later.
fn trace(id: u128, second: u64, each_takes: u64) -> SpanBatch {
    let span = |span_id, parent, service, number| Span {
        trace: id,
        id: span_id,
        parent,
        service,
        start: at(second + number * each_takes),
        ..SPAN
    };
    batch(&[span(1, 0, "a", 0), span(2, 1, "b", 1), span(3, 2, "c", 2)])
}

async fn write(store: &MemoryStore, batch: &SpanBatch) {
    let written = store.write(&context(), batch).await.unwrap();
    assert!(written.rejected.is_empty());
}

async fn links(store: &MemoryStore) -> Vec<(String, String, u64)> {
    let range = TimeRange { start: day().midnight(), end: day().midnight() };
    let links = store.dependencies(&context(), range).await.unwrap();
    links.into_iter().map(|link| (link.parent, link.child, link.call_count)).collect()
}

#[test]
fn days_are_read_and_written_as_dates() {
    assert_eq!(day().to_string(), DAY);
    assert_eq!(day().before().to_string(), "2026-02-28");
    assert_eq!(Day::of(at(86_399)), day());
    for text in ["2026-3-1", "yesterday", "2026-02-30", "1969-12-31", "", "2026-03-01T00:00:00Z"] {
        assert!(text.parse::<Day>().is_err(), "{text}");
    }
}

/// More traces than a page has.
#[tokio::test]
async fn all_traces_of_a_day_count_once_each_and_no_others() {
    let store = store();
    for number in 0..1_200 {
        write(&store, &trace(number + 1, 60 + 7 * u64::try_from(number).unwrap(), 1)).await;
    }
    write(&store, &trace(5_001, 86_399, 10)).await; // goes on after midnight
    write(&store, &trace(5_002, 86_400, 1)).await; // begins at the next midnight
    let first_days = DayCount {
        traces: 1_201,
        spans: 3_603,
        cut: 0,
        calls: vec![call("a", "b", 1_201), call("b", "c", 1_201)],
    };
    let counted =
        recount(store.as_ref(), store.as_ref(), &Tenant::default(), day(), end_of_day()).await.unwrap();
    assert_eq!(counted, first_days);
    assert_eq!(links(&store).await, [("a".into(), "b".into(), 1_201), ("b".into(), "c".into(), 1_201)]);
    let next = Day::of(at(86_400));
    let counted =
        recount(store.as_ref(), store.as_ref(), &Tenant::default(), next, at(200_000)).await.unwrap();
    assert_eq!(
        (counted.traces, counted.spans),
        (1, 3),
        "the one that began the day before is not this day's"
    );
}

#[tokio::test]
async fn a_day_counted_again_counts_what_came_meanwhile_and_nothing_twice() {
    let store = store();
    write(&store, &trace(1, 60, 1)).await;
    for _ in 0..2 {
        recount(store.as_ref(), store.as_ref(), &Tenant::default(), day(), end_of_day()).await.unwrap();
        assert_eq!(links(&store).await, [("a".into(), "b".into(), 1), ("b".into(), "c".into(), 1)]);
    }
    write(&store, &trace(2, 120, 1)).await;
    recount(store.as_ref(), store.as_ref(), &Tenant::default(), day(), end_of_day()).await.unwrap();
    assert_eq!(links(&store).await, [("a".into(), "b".into(), 2), ("b".into(), "c".into(), 2)]);
}

#[tokio::test]
async fn what_starts_after_the_count_began_waits_for_the_next() {
    let store = store();
    write(&store, &trace(1, 60, 1)).await;
    write(&store, &trace(2, 120, 1)).await;
    let counted = recount(store.as_ref(), store.as_ref(), &Tenant::default(), day(), at(100)).await.unwrap();
    assert_eq!(counted.traces, 1);
}

#[tokio::test]
async fn a_day_without_traces_leaves_its_report_alone() {
    let (full, empty) = (store(), store());
    write(&full, &trace(1, 60, 1)).await;
    recount(full.as_ref(), full.as_ref(), &Tenant::default(), day(), end_of_day()).await.unwrap();
    let counted =
        recount(empty.as_ref(), full.as_ref(), &Tenant::default(), day(), end_of_day()).await.unwrap();
    assert_eq!(counted, DayCount::default());
    assert_eq!(links(&full).await.len(), 2);
}

/// A store that cannot be searched without a service.
struct ByService(Arc<MemoryStore>);

#[async_trait]
impl SpanReader for ByService {
    fn capabilities(&self) -> Capabilities {
        Capabilities { search_without_service: false, ..self.0.capabilities() }
    }

    async fn services(&self, context: &RequestContext) -> Result<Vec<String>, ReadError> {
        self.0.services(context).await
    }

    async fn operations(
        &self,
        context: &RequestContext,
        query: &OperationQuery,
    ) -> Result<Vec<Operation>, ReadError> {
        self.0.operations(context, query).await
    }

    async fn trace<'a>(
        &'a self,
        context: &RequestContext,
        lookup: &TraceLookup,
    ) -> Result<SpanStream<'a>, ReadError> {
        self.0.trace(context, lookup).await
    }

    async fn find_traces<'a>(
        &'a self,
        context: &RequestContext,
        query: &TraceQuery,
    ) -> Result<SpanStream<'a>, ReadError> {
        self.0.find_traces(context, query).await
    }

    async fn find_trace_ids(
        &self,
        context: &RequestContext,
        query: &TraceQuery,
        after: Option<FoundTrace>,
    ) -> Result<Vec<FoundTrace>, ReadError> {
        assert!(query.service.is_some(), "this store has to be asked by service");
        self.0.find_trace_ids(context, query, after).await
    }
}

#[tokio::test]
async fn a_store_that_is_asked_by_service_counts_the_same() {
    let store = store();
    for (number, second) in [(1, 60), (2, 120), (3, 86_398), (4, 86_400)] {
        write(&store, &trace(number, second, 1)).await;
    }
    let by_service = ByService(store.clone());
    for day in [day(), Day::of(at(86_400))] {
        let expected =
            recount(store.as_ref(), store.as_ref(), &Tenant::default(), day, at(200_000)).await.unwrap();
        let counted =
            recount(&by_service, store.as_ref(), &Tenant::default(), day, at(200_000)).await.unwrap();
        assert_eq!(counted, expected);
        assert!(counted.traces > 0);
    }
}

//! Claims about summaries: they say what the whole traces say.

use std::time::Duration;

use spoor_model::{
    RootSpan, ServiceSummary, StatusCode, TimeRange, TraceId, TraceLookup, TraceSummary, UnixNanos, ValueView,
};

use super::{Fixture, Sample, SampleLink, context, some_minutes_ago, store_samples, trace_id};
use crate::summed_up;

async fn summaries(store: &dyn Fixture, ids: &[TraceId], around: UnixNanos) -> Vec<TraceSummary> {
    let around = TimeRange { start: around, end: around.saturating_add(Duration::from_secs(60)) };
    store.reader().summaries(&context(), ids, around).await.expect("the traces are summed up")
}

/// The summary of the trace as it is read.
async fn of_whole_trace(store: &dyn Fixture, trace_id: TraceId) -> Option<TraceSummary> {
    let context = context();
    let lookup = TraceLookup { trace_id, hint: None };
    let spans = store.reader().trace(&context, &lookup).await.expect("the trace can be asked for");
    summed_up(spans).await.expect("the trace comes whole")
}

fn service(service: &str, spans: u64, failed_spans: u64) -> ServiceSummary {
    ServiceSummary { service: service.to_owned(), spans, failed_spans }
}

fn root(service: &str, operation: &str) -> Option<RootSpan> {
    Some(RootSpan { service: service.to_owned(), operation: operation.to_owned() })
}

/// The summary as the store tells it: without orphans where it does not count them.
fn as_told_by(found: &TraceSummary, mut summary: TraceSummary) -> TraceSummary {
    summary.orphan_spans = summary.orphan_spans.filter(|_| found.orphan_spans.is_some());
    summary
}

/// Root, times, counts of spans and of failures, in all and for each service.
pub async fn a_summary_says_what_the_whole_trace_says(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let at = |micros| base.saturating_add(Duration::from_micros(micros));
    let child =
        |id, micros, service| Sample { parent: 1, service, ..Sample::new(trace_id(1), id, at(micros)) };
    let failed = |sample: Sample<'static>| Sample { status: StatusCode::Error, ..sample };
    let samples = [
        // A clock that goes behind: the root is not the earliest span.
        Sample { name: "GET /", duration: Duration::from_micros(500), ..Sample::new(trace_id(1), 1, at(10)) },
        child(2, 0, "stock"),
        failed(child(3, 20, "stock")),
        Sample { duration: Duration::from_secs(2), ..child(4, 30, "cart") },
        child(5, 40, "cart").with("error", ValueView::Bool(true)),
        child(6, 50, "cart").with("error", ValueView::Bool(false)),
        Sample { resource: vec![("error", ValueView::Bool(true))], ..child(7, 60, "shop") },
        Sample { status: StatusCode::Ok, ..child(8, 70, "shop") },
        failed(child(9, 80, "stock")).with("error", ValueView::Bool(true)),
    ];
    store_samples(store, &samples).await;
    let expected = TraceSummary {
        trace_id: trace_id(1),
        root: root("shop", "GET /"),
        start: base,
        end: at(30).saturating_add(Duration::from_secs(2)),
        spans: 9,
        failed_spans: 3,
        orphan_spans: Some(0),
        services: vec![service("cart", 3, 1), service("shop", 3, 0), service("stock", 3, 2)],
    };
    let found = summaries(store, &[trace_id(1)], base).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0], as_told_by(&found[0], expected.clone()));
    assert_eq!(of_whole_trace(store, trace_id(1)).await, Some(expected));
}

/// Each trace by itself, in the order asked for, unknown ones left out, ids of 64 bits and 50 others among them.
pub async fn summaries_come_in_the_order_asked_for(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let short = TraceId(0xabc);
    let mut ids: Vec<TraceId> = (0..50).map(|number| trace_id(number * 17 % 50)).collect();
    ids.insert(3, short);
    let samples: Vec<_> = ids
        .iter()
        .zip(1..)
        .flat_map(|(&id, number)| (1..=number % 4 + 1).map(move |span| Sample::new(id, span, base)))
        .collect();
    store_samples(store, &samples).await;
    let mut asked = ids.clone();
    asked.insert(10, trace_id(999));
    let found = summaries(store, &asked, base).await;
    assert_eq!(found.iter().map(|summary| summary.trace_id).collect::<Vec<_>>(), ids);
    let counts: Vec<u64> = found.iter().map(|summary| summary.spans).collect();
    assert_eq!(counts, (1..=51).map(|number| number % 4 + 1).collect::<Vec<u64>>());
    assert_eq!(summaries(store, &[], base).await, []);
    assert_eq!(summaries(store, &[trace_id(999)], base).await, []);
}

/// Spans that name a parent which is not in the trace, each of them; a store that does not count them says so.
pub async fn orphans_are_counted_or_not_told(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let span = |id, parent| Sample { parent, ..Sample::new(trace_id(1), id, base) };
    // The child comes before its parent, and a span is its own parent.
    store_samples(store, &[span(2, 1), span(3, 77), span(4, 77), span(5, 78), span(6, 6), span(1, 0)]).await;
    let found = summaries(store, &[trace_id(1)], base).await;
    assert!(matches!(found[0].orphan_spans, None | Some(3)), "{found:?}");
    let whole = of_whole_trace(store, trace_id(1)).await.expect("the trace is there");
    assert_eq!((whole.orphan_spans, whole.spans), (Some(3), 6));
}

/// Spans whose parents are elsewhere: no span is taken for the root in its place.
pub async fn a_trace_without_a_root_has_a_summary_without_one(store: &dyn Fixture) {
    let base = some_minutes_ago();
    store_samples(store, &[Sample { parent: 77, ..Sample::new(trace_id(1), 1, base) }]).await;
    let found = summaries(store, &[trace_id(1)], base).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].root.as_ref(), found[0].spans), (None, 1));
}

/// Of several spans without a parent the earliest is the root, and a link makes nobody a child.
pub async fn the_earliest_span_without_a_parent_is_the_root(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let link =
        SampleLink { trace_id: trace_id(2), span_id: 1, kind: spoor_model::ReferenceKind::FollowsFrom };
    let samples = [
        Sample { name: "late", ..Sample::new(trace_id(1), 1, base.saturating_add(Duration::from_micros(9))) },
        Sample { name: "early", links: vec![link], ..Sample::new(trace_id(1), 2, base) },
        Sample { name: "first of two", ..Sample::new(trace_id(2), 1, base) },
        Sample { name: "second of two", ..Sample::new(trace_id(2), 2, base) },
    ];
    store_samples(store, &samples).await;
    // A root whose clock is ahead: it starts after 30 children.
    let later = |micros| base.saturating_add(Duration::from_micros(micros));
    let children = (2..32).map(|id| Sample { parent: 1, ..Sample::new(trace_id(3), id, later(id)) });
    let late = Sample { name: "late root", ..Sample::new(trace_id(3), 1, later(100)) };
    store_samples(store, &children.chain([late]).collect::<Vec<_>>()).await;
    let found = summaries(store, &[1, 2, 3].map(trace_id), base).await;
    let roots: Vec<_> = found.iter().map(|summary| summary.root.clone()).collect();
    assert_eq!(roots, [root("shop", "early"), root("shop", "first of two"), root("shop", "late root")]);
}

//! Claims about the store's bounds; what every store promises is claimed by the contract suite.

use std::time::Duration;

use futures::TryStreamExt;
use spoor_model::{
    ResourceRow, ScopeRow, SpanBatchBuilder, SpanId, SpanRow, TimeRange, TraceId, UnixNanos, ValueView,
};

use super::*;
use crate::Tenant;

const MEBIBYTE: u64 = 1 << 20;

fn open(max_traces: usize, max_bytes: u64) -> MemoryStore {
    let config = Config { max_traces, max_bytes: ByteSize(max_bytes) };
    MemoryStore::new(&config, &mut Registry::default())
}

fn context() -> RequestContext {
    RequestContext::with_timeout(Duration::from_secs(60))
}

/// Spans of service `svc-<trace>`, each with a payload.
fn batch(spans: &[(u128, u64)], payload: usize) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let payload = "x".repeat(payload);
    for &(trace_id, span_id) in spans {
        let service = Some(builder.text(&format!("svc-{trace_id}")));
        let resource = builder.push_resource(ResourceRow { service, ..ResourceRow::default() });
        let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        let attributes = builder.attributes([("payload", ValueView::Str(&payload))]);
        let name = builder.text("work");
        builder.push_span(SpanRow {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
            start: UnixNanos(span_id),
            scope,
            name,
            attributes,
            ..SpanRow::default()
        });
    }
    builder.finish().unwrap()
}

async fn write(store: &MemoryStore, spans: &[(u128, u64)], payload: usize) -> Written {
    store.write(&context(), &batch(spans, payload)).await.unwrap()
}

async fn span_ids(store: &MemoryStore, context: &RequestContext, trace_id: u128) -> Vec<u64> {
    let lookup = TraceLookup { trace_id: TraceId(trace_id), hint: None };
    let batches: Vec<SpanBatch> = store.trace(context, &lookup).await.unwrap().try_collect().await.unwrap();
    batches.iter().flat_map(SpanBatch::spans).map(|span| span.span_id().0).collect()
}

fn any_query() -> TraceQuery {
    TraceQuery {
        service: None,
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: UnixNanos::ZERO, end: UnixNanos::MAX },
        duration_min: None,
        duration_max: None,
        limit: 100,
        enough_spans: usize::MAX,
        filter: None,
    }
}

#[tokio::test]
async fn drops_whole_the_trace_that_has_not_grown_for_the_longest_time() {
    let store = open(2, MEBIBYTE);
    write(&store, &[(1, 1), (1, 2)], 1).await;
    write(&store, &[(2, 1), (2, 2), (2, 3)], 1).await;
    write(&store, &[(1, 3)], 1).await;
    write(&store, &[(3, 1)], 1).await;
    assert_eq!(span_ids(&store, &context(), 1).await, [1, 2, 3]);
    assert_eq!(span_ids(&store, &context(), 2).await, [0; 0]);
    assert_eq!(span_ids(&store, &context(), 3).await, [1]);
    assert_eq!(store.services(&context()).await.unwrap(), ["svc-1", "svc-3"]);
    let metrics = &store.metrics;
    assert_eq!((metrics.evicted_traces.get(), metrics.evicted_spans.get()), (1, 3));
    assert_eq!((metrics.traces.get(), metrics.spans.get()), (2, 4));
}

#[tokio::test]
async fn a_span_written_again_does_not_make_its_trace_younger() {
    let store = open(2, MEBIBYTE);
    for trace in [1, 2, 1, 3] {
        write(&store, &[(trace, 1)], 1).await;
    }
    assert_eq!(store.services(&context()).await.unwrap(), ["svc-2", "svc-3"]);
}

#[tokio::test]
async fn stays_within_its_bytes_and_accounts_for_every_span() {
    let store = open(0, MEBIBYTE);
    let mut stored = 0;
    for trace in 0..300 {
        stored += write(&store, &[(trace, 1), (trace, 2)], 5_000).await.stored as u64;
        assert!(u64::try_from(store.metrics.bytes.get()).unwrap() <= MEBIBYTE);
    }
    let held = u64::try_from(store.metrics.spans.get()).unwrap();
    assert_eq!(stored, 600);
    assert_eq!(held + store.metrics.evicted_spans.get(), stored);
    assert!((100..200).contains(&held), "about 1 MiB of spans of 5 KB each: {held}");
    assert_eq!(span_ids(&store, &context(), 299).await, [1, 2]);
}

#[tokio::test]
async fn rejects_by_name_the_spans_of_a_trace_that_needs_all_room_for_itself() {
    let store = open(0, MEBIBYTE);
    write(&store, &[(1, 1)], 600_000).await;
    let written = write(&store, &[(2, 1), (1, 2), (2, 2)], 600_000).await;
    assert_eq!(written.stored, 0);
    assert_eq!(written.rejected.iter().map(|rejection| rejection.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((written.rejected[1].trace_id, written.rejected[1].span_id), (TraceId(1), SpanId(2)));
    assert!(written.rejected[1].reason.contains("1MiB of --memory.max-bytes"));
    assert_eq!(store.metrics.rejected_spans.get(), 3);
    assert_eq!(span_ids(&store, &context(), 1).await, [1], "what was held stays");

    let written = write(&store, &[(1, 3), (3, 1)], 500_000).await;
    assert_eq!((written.stored, written.rejected.len()), (1, 1), "another trace has room");
    assert_eq!(span_ids(&store, &context(), 3).await, [1]);
}

#[tokio::test]
async fn a_few_spans_do_not_keep_their_request_in_memory() {
    let store = open(0, 64 * MEBIBYTE);
    let mut large = SpanBatchBuilder::with_source(vec![b'x'; 10 << 20].into()).unwrap();
    let name = large.source_text(5..15);
    let encoded = large.source_bytes(0..1_000_000);
    let resource = large.push_resource(ResourceRow::default());
    let scope = large.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    large.push_span(SpanRow { trace_id: TraceId(1), scope, name, encoded, ..SpanRow::default() });
    store.write(&context(), &large.finish().unwrap()).await.unwrap();
    assert!(store.metrics.bytes.get() < 4_000, "{} bytes", store.metrics.bytes.get());
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let store = open(0, MEBIBYTE);
    let of = |name| RequestContext { tenant: Tenant::new(name), ..context() };
    store.write(&of("red"), &batch(&[(1, 1)], 1)).await.unwrap();
    store.write(&of("blue"), &batch(&[(1, 2), (2, 1)], 1)).await.unwrap();
    assert_eq!(span_ids(&store, &of("red"), 1).await, [1]);
    assert_eq!(span_ids(&store, &of("blue"), 1).await, [2]);
    assert_eq!(span_ids(&store, &context(), 1).await, [0; 0]);
    assert_eq!(store.services(&of("red")).await.unwrap(), ["svc-1"]);
    let found: Vec<SpanBatch> =
        store.find_traces(&of("red"), &any_query()).await.unwrap().try_collect().await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_stream_gives_the_trace_as_it_was_though_it_is_dropped_meanwhile() {
    let store = open(1, MEBIBYTE);
    write(&store, &[(1, 1), (1, 2)], 1).await;
    let context = context();
    let lookup = TraceLookup { trace_id: TraceId(1), hint: None };
    let stream = store.trace(&context, &lookup).await.unwrap();
    write(&store, &[(1, 3)], 1).await;
    write(&store, &[(2, 1)], 1).await;
    let batches: Vec<SpanBatch> = stream.try_collect().await.unwrap();
    assert_eq!(batches.iter().map(SpanBatch::len).sum::<usize>(), 2);
}

#[tokio::test]
async fn a_stream_ends_with_an_error_at_the_deadline() {
    let store = open(0, MEBIBYTE);
    write(&store, &[(1, 1)], 1).await;
    let short = RequestContext::with_timeout(Duration::from_secs(2));
    let mut stream = store.find_traces(&short, &any_query()).await.unwrap();
    while !short.remaining().is_zero() {
        tokio::task::yield_now().await;
    }
    assert_eq!(stream.try_next().await.unwrap_err().kind, ReadErrorKind::DeadlineExceeded);
    assert!(stream.try_next().await.unwrap().is_none(), "an error ends the stream");
}

#[tokio::test]
async fn the_error_tag_takes_the_truths_that_jaegers_ui_sends() {
    let store = open(0, MEBIBYTE);
    write(&store, &[(1, 1)], 1).await;
    let found = async |value: &str| {
        let tags = vec![("error".to_owned(), value.to_owned())];
        let query = TraceQuery { tags, ..any_query() };
        let batches: Vec<SpanBatch> =
            store.find_traces(&context(), &query).await.unwrap().try_collect().await.unwrap();
        batches.len()
    };
    assert_eq!((found("false").await, found("F").await, found("true").await), (1, 1, 0));
    assert_eq!(found("timeout").await, 0);
}

#[tokio::test]
async fn counts_under_the_names_that_are_documented() {
    let mut registry = Registry::default();
    let store = MemoryStore::new(&Config::default(), &mut registry);
    write(&store, &[(1, 1)], 1).await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in ["spoor_memory_traces 1", "spoor_memory_spans 1", "spoor_memory_evicted_traces_total 0"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.contains("spoor_memory_bytes "), "{text}");
}

#[tokio::test]
async fn a_list_of_names_ends_at_its_bound() {
    let store = open(200_000, 1_000 * MEBIBYTE);
    let services: Vec<(u128, u64)> = (1..=100_001).map(|trace| (trace, 1)).collect();
    write(&store, &services, 0).await;
    assert_eq!(store.services(&context()).await.unwrap().len(), 100_000);
}

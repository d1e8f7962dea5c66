//! The compact layout beside Jaeger's on a real server: one trace in both, one search over both, and what only the compact one can.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use spoor_model::{
    LinkRow, ResourceRow, ScopeRow, SpanBatch, SpanBatchBuilder, SpanId, SpanKind, SpanRow, StatusCode,
    TimeRange, TraceId, TraceLookup, TraceQuery, UnixNanos, ValueView,
};
use spoor_storage::conformance::{Fixture, Sample, batch_of, context, trace_id};
use spoor_storage::{MetricsReader, SpanReader, SpanWriter};
use spoor_storage_elasticsearch::{ElasticsearchStore, Layout};
use support::{OwnStore, config, of_that_minute, request, write_all};

/// A store of Jaeger's layout, and another on the same indices that writes the compact one.
fn both() -> (OwnStore, ElasticsearchStore) {
    let jaeger = OwnStore::open_with(|config| config.indices.max_doc_count = 5);
    let mut compact = config(&jaeger.prefix);
    compact.layout.layout = Layout::Compact;
    let compact = ElasticsearchStore::open(&compact, &mut Registry::default()).unwrap();
    (jaeger, compact)
}

fn compact_store() -> OwnStore {
    OwnStore::open_with(|config| config.layout.layout = Layout::Compact)
}

async fn trace(reader: &dyn SpanReader, trace_id: TraceId) -> Vec<SpanBatch> {
    let lookup = TraceLookup { trace_id, hint: None };
    reader.trace(&context(), &lookup).await.unwrap().try_collect().await.unwrap()
}

/// Ids of the traces that are found with these tags, in the order they came.
async fn found(store: &OwnStore, tags: &[(&str, &str)], limit: usize) -> Vec<TraceId> {
    let hour = Duration::from_secs(3_600);
    let query = TraceQuery {
        service: Some("shop".to_owned()),
        operation: Some("GET /cart".to_owned()),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        start: TimeRange { start: store.base.saturating_sub(hour), end: store.base.saturating_add(hour) },
        duration_min: Some(Duration::from_millis(1)),
        duration_max: None,
        limit,
        enough_spans: usize::MAX,
        filter: None,
    };
    let parts: Vec<SpanBatch> =
        store.reader().find_traces(&context(), &query).await.unwrap().try_collect().await.unwrap();
    let mut ids: Vec<TraceId> = parts.iter().map(|part| part.span(0).unwrap().trace_id()).collect();
    ids.dedup();
    ids
}

/// Ids of spans as the pages have them.
fn ids(pages: &[SpanBatch]) -> Vec<u64> {
    pages.iter().flat_map(|page| page.spans().map(|span| span.span_id().0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_lies_in_both_layouts_is_read_as_one_in_order() {
    let (store, compact) = both();
    let at = |span: u64| {
        let start = store.base.saturating_add(Duration::from_micros(span / 2));
        Sample { parent: span / 2, ..Sample::new(trace_id(1), span, start) }
            .with("k", ValueView::Int(span.cast_signed()))
    };
    let (odd, even): (Vec<_>, Vec<_>) = (1..=40).map(at).partition(|sample| sample.span_id % 2 == 1);
    write_all(store.writer(), &batch_of(&odd)).await;
    write_all(&*compact.writer(), &batch_of(&even)).await;
    assert_eq!((store.count("jaeger-span"), store.count("spoor-span")), (20, 20));
    for reader in [store.reader(), &*compact.reader()] {
        let pages = trace(reader, trace_id(1)).await;
        assert!(pages.len() > 1 || pages[0].len() == 40);
        assert_eq!(ids(&pages), (1..=40).collect::<Vec<_>>());
        for span in pages.iter().flat_map(SpanBatch::spans) {
            assert_eq!(span.attributes().get("k"), Some(ValueView::Int(span.span_id().0.cast_signed())));
            assert_eq!(span.parent_span_id().0, span.span_id().0 / 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_search_finds_both_layouts_newest_first() {
    let (store, compact) = both();
    let at = |number: u64| {
        let start = store.base.saturating_add(Duration::from_millis(number));
        Sample::new(trace_id(number), 1, start).with("parity", ValueView::Bool(number.is_multiple_of(2)))
    };
    for number in 1..=8_u64 {
        let writer = compact.writer();
        let writer: &dyn SpanWriter = if number % 3 == 0 { store.writer() } else { &*writer };
        write_all(writer, &batch_of(&[at(number)])).await;
    }
    store.refresh();
    let all: Vec<TraceId> = (1..=8).rev().map(trace_id).collect();
    assert_eq!(found(&store, &[], 100).await, all);
    assert_eq!(found(&store, &[], 3).await, all[..3]);
    assert_eq!(found(&store, &[("parity", "true")], 100).await, [8, 6, 4, 2].map(trace_id));
    assert_eq!(found(&store, &[("parity", "t.*")], 100).await, [8, 6, 4, 2].map(trace_id));
    assert_eq!(found(&store, &[("error", "false")], 100).await, all);
    assert_eq!(store.reader().services(&context()).await.unwrap(), ["shop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_and_summaries_count_the_spans_of_both_layouts_once() {
    let (store, compact) = both();
    let of = |span: u64, status| Sample {
        kind: SpanKind::Server,
        status,
        ..Sample::new(trace_id(1), span, store.base)
    };
    write_all(store.writer(), &batch_of(&[of(1, StatusCode::Error), of(2, StatusCode::Unset)])).await;
    write_all(&*compact.writer(), &batch_of(&[of(3, StatusCode::Error), of(4, StatusCode::Error)])).await;
    store.refresh();
    let question = of_that_minute("shop", store.base);
    let metrics = store.store.span_metrics();
    let rates = metrics.call_rates(&context(), &question).await.unwrap();
    assert_eq!(rates[0].points[0].value, Some(4.0 / 60.0));
    let failed = metrics.error_rates(&context(), &question).await.unwrap();
    assert_eq!(failed[0].points[0].value, Some(0.75));
    let around = TimeRange { start: UnixNanos::ZERO, end: UnixNanos::MAX };
    let summaries = store.reader().summaries(&context(), &[trace_id(1)], around).await.unwrap();
    let told: Vec<_> = summaries.iter().map(|summary| (summary.spans, summary.failed_spans)).collect();
    assert_eq!(told, [(4, 3)]);
}

/// A span with attributes in places that Jaeger's documents do not have, and times that they cut off.
fn rich(base: UnixNanos) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new();
    let service = Some(builder.text("shop"));
    let schema_url = builder.text("https://schema/1");
    let resource = builder.push_resource(ResourceRow {
        service,
        schema_url,
        dropped_attributes: 1,
        ..Default::default()
    });
    let attributes = builder.attributes([("library", ValueView::Str("cold"))]);
    let scope =
        builder.push_scope(ScopeRow { resource, attributes, dropped_attributes: 2, ..Default::default() });
    let attributes = builder.attributes([("joined", ValueView::Int(3))]);
    let mark = builder.links_mark();
    let trace_state = builder.text("x=y");
    let (trace, span) = (trace_id(9), SpanId(9));
    builder.push_link(LinkRow {
        trace_id: trace,
        span_id: span,
        trace_state,
        attributes,
        flags: 1,
        ..Default::default()
    });
    let links = builder.links_since(mark);
    let list = builder.list([ValueView::Int(1), ValueView::Bytes(b"\xff"), ValueView::Double(1.0)]);
    let mark = builder.attributes_mark();
    let key = builder.text("list");
    builder.push_attribute(key, list);
    let attributes = builder.attributes_since(mark);
    let name = builder.text("GET /cart");
    let (start, end) = (UnixNanos(base.0 + 123), UnixNanos(base.0 + 5_000_456));
    let (trace_id, span_id) = (trace_id(1), SpanId(1));
    builder.push_span(SpanRow {
        trace_id,
        span_id,
        scope,
        name,
        start,
        end,
        attributes,
        links,
        dropped_events: 7,
        ..Default::default()
    });
    builder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jaegers_layout_loses_comes_back_from_the_compact_one_and_is_found() {
    let store = compact_store();
    let batch = rich(store.base);
    write_all(store.writer(), &batch).await;
    store.refresh();
    let pages = trace(store.reader(), trace_id(1)).await;
    assert_eq!(pages[0].span(0), batch.span(0));
    for (key, value) in [("library", "cold"), ("joined", "3"), ("list", r#"[1,"/w==",1]"#)] {
        assert_eq!(found(&store, &[(key, value)], 5).await, [trace_id(1)], "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_over_256_characters_and_expressions_are_found() {
    let store = compact_store();
    let (long, other) = ("é".repeat(300), "é".repeat(301));
    let sample = |trace, text| Sample::new(trace_id(trace), 1, store.base).with("sql", ValueView::Str(text));
    write_all(store.writer(), &batch_of(&[sample(1, &long), sample(2, &other), sample(3, "select 1")])).await;
    write_all(
        store.writer(),
        &batch_of(&[Sample::new(trace_id(4), 1, store.base).with("code", ValueView::Int(-503))]),
    )
    .await;
    store.refresh();
    assert_eq!(found(&store, &[("sql", &long)], 5).await, [trace_id(1)]);
    assert_eq!(found(&store, &[("sql", &other)], 5).await, [trace_id(2)]);
    assert_eq!(found(&store, &[("sql", "sel.*[0-9]")], 5).await, [trace_id(3)]);
    assert_eq!(found(&store, &[("code", "-5..")], 5).await, [trace_id(4)]);
    assert_eq!(found(&store, &[("code", "-503")], 5).await, [trace_id(4)]);
    assert_eq!(found(&store, &[("code", "503")], 5).await, Vec::<TraceId>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_compared_as_numbers_by_a_range_of_tokens() {
    let store = compact_store();
    let of =
        |span: i64, value| Sample::new(trace_id(1), span.cast_unsigned(), store.base).with("size", value);
    let numbers = [9, 80, 499, 500, 503, -17, -500];
    let mut samples: Vec<_> =
        (1..).zip(numbers).map(|(span, number)| of(span, ValueView::Int(number))).collect();
    samples.push(of(8, ValueView::Double(500.5)));
    samples.push(of(9, ValueView::Str("900")));
    write_all(store.writer(), &batch_of(&samples)).await;
    store.refresh();
    let count = |range: Value| {
        let query = json!({ "query": { "range": { "span.a": range } } });
        request("GET", &format!("/{}-spoor-span-*/_count", store.prefix), Some(&query))["count"].clone()
    };
    assert_eq!(count(json!({ "gte": "size#d500", "lt": "size#{" })), 3, ">= 500");
    assert_eq!(count(json!({ "gt": "size#d500.0", "lt": "size#{" })), 2, "> 500");
    assert_eq!(count(json!({ "gte": "size#A", "lt": "size#b0" })), 2, "< 0");
    assert_eq!(count(json!({ "gte": "size#A", "lte": "size#X82:" })), 2, "<= -17");
    assert_eq!(count(json!({ "gt": "size#X82:", "lte": "size#d499.0" })), 3, "> -17, <= 499");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compact_index_grows_no_fields_and_its_spans_are_one_document_of_the_engine_each() {
    let store = compact_store();
    let keys: Vec<String> = (0..2_000).map(|key| format!("key.{key}")).collect();
    let samples: Vec<_> = (1..)
        .zip(keys.chunks(20))
        .map(|(span, keys)| {
            let attributes = keys.iter().map(|key| (key.as_str(), ValueView::Str("v"))).collect();
            Sample { attributes, ..Sample::new(trace_id(1), span, store.base) }
        })
        .collect();
    write_all(store.writer(), &batch_of(&samples)).await;
    assert_eq!(store.count("spoor-span"), 100);
    let stats = request("GET", &format!("/{}-spoor-span-*/_stats/docs", store.prefix), None);
    assert_eq!(stats["_all"]["primaries"]["docs"]["count"], 100, "nested documents would be counted");
    let mapping = request("GET", &format!("/{}-spoor-span-*/_mapping", store.prefix), None).to_string();
    assert!(!mapping.contains("key."), "{mapping}");
}

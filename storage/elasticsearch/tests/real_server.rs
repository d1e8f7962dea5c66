//! What only a real server can show: large traces, refused documents, old documents, indices and templates as they come to be.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use futures::TryStreamExt;
use serde_json::json;
use spoor_model::{OperationQuery, SpanBatch, TimeRange, TraceLookup, TraceQuery, UnixNanos, ValueView};
use spoor_storage::conformance::{Fixture, Sample, batch_of, context, trace_id};
use spoor_storage::{ReadError, ReadErrorKind, SpanReader, WriteErrorKind};
use spoor_storage_elasticsearch::ElasticsearchStore;
use support::{OwnStore, config, request};

/// Today's index of spans, by the time of its spans.
fn span_index(store: &OwnStore) -> String {
    let day = time::OffsetDateTime::from_unix_timestamp_nanos(store.base.0.into()).unwrap().date();
    format!("{}-jaeger-span-{day}", store.prefix)
}

async fn write_all(store: &OwnStore, batch: &SpanBatch) {
    support::write_all(store.writer(), batch).await;
}

async fn trace(store: &OwnStore, number: u64) -> Result<Vec<SpanBatch>, ReadError> {
    trace_by(store.reader(), number).await
}

async fn trace_by(reader: &dyn SpanReader, number: u64) -> Result<Vec<SpanBatch>, ReadError> {
    let lookup = TraceLookup { trace_id: trace_id(number), hint: None };
    reader.trace(&context(), &lookup).await?.try_collect().await
}

/// The last four digits of every span's name, sorted.
fn names(pages: &[SpanBatch]) -> Vec<u64> {
    let mut names: Vec<u64> =
        pages.iter().flat_map(|page| page.spans().map(|span| span.name().parse().unwrap())).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_25000_spans_with_thousands_in_one_microsecond_comes_back_whole() {
    let store = OwnStore::open();
    let base = store.base;
    let names_made: Vec<String> = (0..25_000).map(|number: u64| number.to_string()).collect();
    // 9,000 in the first microsecond, 9,000 in the second, the rest spread out.
    let start = |number: u64| UnixNanos(base.0 + 1_000 * (number / 9_000).max(number.saturating_sub(18_000)));
    let samples: Vec<_> = (0..25_000)
        .map(|number| Sample {
            name: &names_made[usize::try_from(number).unwrap()],
            ..Sample::new(trace_id(1), number + 1, start(number))
        })
        .collect();
    for part in samples.chunks(5_000) {
        write_all(&store, &batch_of(part)).await;
    }
    assert_eq!(store.count("span"), 25_000);
    // In pages that grow, and in small ones, of which many end amid spans of one microsecond.
    let mut small = config(&store.prefix);
    small.indices.max_doc_count = 2_000;
    let small = ElasticsearchStore::open(&small, &mut prometheus_client::registry::Registry::default());
    for (reader, edges) in [(store.store.reader(), 2), (small.unwrap().reader(), 10)] {
        let pages = trace_by(&*reader, 1).await.unwrap();
        assert!(pages.len() > edges, "{} pages", pages.len());
        assert_eq!(names(&pages), (0..25_000).collect::<Vec<_>>());
        let starts: Vec<_> = pages.iter().flat_map(|page| page.spans().map(|span| span.start())).collect();
        assert!(starts.is_sorted());
    }
    let query = TraceQuery {
        service: Some("shop".to_owned()),
        operation: Some("77".to_owned()),
        tags: Vec::new(),
        start: TimeRange { start: base, end: UnixNanos(base.0 + 1_000_000_000) },
        duration_min: None,
        duration_max: None,
        limit: 5,
        enough_spans: usize::MAX,
        filter: None,
    };
    let found: Vec<_> =
        store.reader().find_traces(&context(), &query).await.unwrap().try_collect().await.unwrap();
    assert_eq!(names(&found), (0..25_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_cannot_be_told_apart_are_all_read_or_the_answer_is_an_error() {
    let store = OwnStore::open();
    let names_made: Vec<String> = (0..10_001).map(|number: u64| number.to_string()).collect();
    let same = |trace, count: usize| -> Vec<Sample<'_>> {
        let one = |name| Sample { name, ..Sample::new(trace_id(trace), 1, store.base) };
        names_made[..count].iter().map(|name| one(name.as_str())).collect()
    };
    write_all(&store, &batch_of(&same(1, 2_500))).await;
    store.refresh();
    assert_eq!(names(&trace(&store, 1).await.unwrap()), (0..2_500).collect::<Vec<_>>());
    for part in same(2, 10_001).chunks(5_000) {
        write_all(&store, &batch_of(part)).await;
    }
    store.refresh();
    assert_eq!(trace(&store, 2).await.unwrap_err().kind, ReadErrorKind::Incomplete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_the_mapping_refuses_is_named_and_the_others_are_stored() {
    let store = OwnStore::open();
    // An index that somebody made by hand, where a field is no keyword.
    let mapping =
        json!({ "mappings": { "properties": { "tag": { "properties": { "error": { "type": "long" } } } } } });
    let mut ready = store.store.readiness();
    ready.wait_for(|state| matches!(state, spoor_storage_elasticsearch::Readiness::Ready(_))).await.unwrap();
    let made = request("PUT", &format!("/{}", span_index(&store)), Some(&mapping));
    assert_eq!(made["acknowledged"], true, "{made}");
    let base = store.base;
    let samples = [
        Sample::new(trace_id(1), 1, base),
        Sample::new(trace_id(1), 2, base).with("error", ValueView::Str("poison")),
        Sample::new(trace_id(1), 3, base).with("error", ValueView::Int(5)),
    ];
    let written = store.writer().write(&context(), &batch_of(&samples)).await.unwrap();
    assert_eq!((written.stored, written.rejected.len()), (2, 1));
    let rejection = &written.rejected[0];
    assert_eq!((rejection.index, rejection.span_id.0, rejection.trace_id), (1, 2, trace_id(1)));
    assert!(rejection.reason.contains("tag.error") && rejection.reason.len() < 300, "{}", rejection.reason);
    assert_eq!(store.count("span"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_takes_no_writes_is_a_matter_of_the_store() {
    let store = OwnStore::open();
    let batch = batch_of(&[Sample::new(trace_id(1), 1, store.base)]);
    write_all(&store, &batch).await;
    let block = |on: bool| json!({ "index.blocks.write": on });
    let settings = format!("/{}/_settings", span_index(&store));
    request("PUT", &settings, Some(&block(true)));
    let again = batch_of(&[Sample::new(trace_id(1), 2, store.base)]);
    let error = store.writer().write(&context(), &again).await.unwrap_err();
    assert_eq!((error.kind, error.unfinished.as_slice()), (WriteErrorKind::Unavailable, [0].as_slice()));
    assert!(error.to_string().contains("cluster_block_exception"), "{error}");
    request("PUT", &settings, Some(&block(false)));
    write_all(&store, &again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_written_once_a_day_and_again_by_another_process() {
    let store = OwnStore::open();
    let base = store.base;
    let of = |span, name| Sample { name, ..Sample::new(trace_id(1), span, base) };
    let two_days_ago = UnixNanos(base.0 - 2 * 86_400_000_000_000);
    let batch = batch_of(&[of(1, "a"), of(2, "b"), of(3, "a"), Sample { start: two_days_ago, ..of(4, "a") }]);
    write_all(&store, &batch).await;
    write_all(&store, &batch).await;
    assert_eq!((store.count("span"), store.count("service")), (4, 6), "each pair alone and with its kind");
    let other = ElasticsearchStore::open(
        &config(&store.prefix),
        &mut prometheus_client::registry::Registry::default(),
    );
    let other = other.unwrap();
    support::write_all(&*other.writer(), &batch).await;
    assert_eq!((store.count("span"), store.count("service")), (4, 6), "each pair alone and with its kind");
    let named = Sample { service: "test-service", name: "test-operation", ..of(5, "") };
    write_all(&store, &batch_of(&[named])).await;
    let id = format!("/{}/_doc/cb42af354c445afb", span_index(&store).replace("-span-", "-service-"));
    assert_eq!(request("GET", &id, None)["found"], true, "the id is Jaeger's");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_names_than_fit_in_one_answer_are_all_listed() {
    let store = OwnStore::open_with(|config| config.indices.max_doc_count = 7);
    let names_made: Vec<String> = (0..40).map(|number| format!("operation {number:02}")).collect();
    let samples: Vec<_> = names_made
        .iter()
        .zip(1..)
        .map(|(name, span)| Sample { name, service: name, ..Sample::new(trace_id(1), span, store.base) })
        .collect();
    write_all(&store, &batch_of(&samples)).await;
    store.refresh();
    assert_eq!(store.reader().services(&context()).await.unwrap(), names_made);
    let query = OperationQuery { service: names_made[3].clone(), span_kind: None };
    let operations = store.reader().operations(&context(), &query).await.unwrap();
    assert_eq!(operations.len(), 1);
    let pages = trace(&store, 1).await.unwrap();
    assert_eq!(pages.iter().map(SpanBatch::len).sum::<usize>(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_64_bit_trace_written_in_every_spelling_is_one_trace() {
    let store = OwnStore::open();
    write_all(&store, &batch_of(&[Sample::new(spoor_model::TraceId(0xabc), 1, store.base)])).await;
    let micros = store.base.micros();
    for (span, spelling) in [("0000000000000002", "0000000000000abc"), ("3", "abc")] {
        let document = json!({
            "traceID": spelling, "spanID": span, "operationName": "old", "startTime": micros, "startTimeMillis": micros / 1_000,
            "duration": 5, "tags": null, "references": [], "process": { "serviceName": "shop", "tags": null },
        });
        let answer = request("POST", &format!("/{}/_doc", span_index(&store)), Some(&document));
        assert_eq!(answer["result"], "created", "{answer}");
    }
    store.refresh();
    let query = TraceQuery {
        service: Some("shop".to_owned()),
        operation: None,
        tags: Vec::new(),
        start: TimeRange {
            start: UnixNanos(store.base.0 - 60_000_000_000),
            end: UnixNanos(store.base.0 + 60_000_000_000),
        },
        duration_min: None,
        duration_max: None,
        limit: 1,
        enough_spans: usize::MAX,
        filter: None,
    };
    let found: Vec<SpanBatch> =
        store.reader().find_traces(&context(), &query).await.unwrap().try_collect().await.unwrap();
    let mut spans: Vec<u64> =
        found.iter().flat_map(|page| page.spans().map(|span| span.span_id().0)).collect();
    spans.sort_unstable();
    assert_eq!(spans, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_no_expression_is_found_though_an_index_outside_the_window_refuses_nothing() {
    let store = OwnStore::open();
    let day_before = UnixNanos(store.base.0 - 86_400_000_000_000);
    let odd = |span, start| Sample::new(trace_id(span), span, start).with("user", ValueView::Str("u1("));
    write_all(&store, &batch_of(&[odd(1, store.base), odd(2, day_before)])).await;
    store.refresh();
    let query = TraceQuery {
        service: Some("shop".to_owned()),
        operation: None,
        tags: vec![("user".to_owned(), "u1(".to_owned())],
        start: TimeRange {
            start: UnixNanos(day_before.0 + 1_000_000),
            end: UnixNanos(store.base.0 + 60_000_000_000),
        },
        duration_min: None,
        duration_max: None,
        limit: 10,
        enough_spans: usize::MAX,
        filter: None,
    };
    let found = store.reader().find_trace_ids(&context(), &query, None).await.unwrap();
    assert_eq!(found.iter().map(|place| place.trace_id).collect::<Vec<_>>(), [trace_id(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_make_tags_nested_and_ids_exact() {
    let store = OwnStore::open();
    write_all(&store, &batch_of(&[Sample::new(trace_id(1), 1, store.base).with("a.b", ValueView::Int(1))]))
        .await;
    let index = span_index(&store);
    let found = request("GET", &format!("/{index}"), None);
    let properties = &found[&index]["mappings"]["properties"];
    assert_eq!(properties["tags"]["type"], "nested");
    assert_eq!(properties["traceID"], json!({ "type": "keyword", "ignore_above": 256 }));
    assert_eq!(properties["tag"]["properties"]["span@kind"]["type"], "keyword");
    assert_eq!(found[&index]["settings"]["index"]["number_of_shards"], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_wrong_clocks_make_no_indices_and_are_found_by_id_with_a_warning() {
    let store = OwnStore::open();
    let years: Vec<String> = (0..40).map(|year| year.to_string()).collect();
    let samples: Vec<_> = (0..40_u64)
        .map(|year| {
            let start = UnixNanos(year * 365 * 86_400_000_000_000 / 2);
            Sample {
                name: &years[usize::try_from(year).unwrap()],
                ..Sample::new(trace_id(3), year + 1, start)
            }
        })
        .collect();
    write_all(&store, &batch_of(&samples)).await;
    write_all(&store, &batch_of(&[Sample { name: "40", ..Sample::new(trace_id(3), 41, store.base) }])).await;
    store.refresh();
    let indices = request("GET", &format!("/{}*?filter_path=*.aliases", store.prefix), None);
    assert!(indices.as_object().unwrap().len() <= 4, "today's and, around midnight, yesterday's: {indices}");
    let pages = trace(&store, 3).await.unwrap();
    assert_eq!(names(&pages), (0..=40).collect::<Vec<_>>());
    for span in pages.iter().flat_map(SpanBatch::spans) {
        let warned = spoor_model::jaeger::warnings(span).iter().any(|warning| warning.contains("received"));
        assert_eq!(warned, span.start() != store.base, "{span:?}");
    }
    let mut metrics = String::new();
    prometheus_client::encoding::text::encode(&mut metrics, &store.registry).unwrap();
    assert!(metrics.contains("spoor_elasticsearch_misdated_spans_total 40\n"), "{metrics}");
}

//! Every layout of tags on a real server: what was written comes back the same, and is found.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use futures::TryStreamExt;
use serde_json::json;
use spoor_model::{
    AttributesView, SpanBatch, SpanKind, StatusCode, TimeRange, TraceLookup, TraceQuery, UnixNanos, ValueView,
};
use spoor_storage::MetricsReader;
use spoor_storage::conformance::{Fixture, Sample, SampleEvent, batch_of, context, trace_id};
use spoor_storage_elasticsearch::{Config, TagValues};
use support::{OwnStore, of_that_minute, request};

fn span_index(store: &OwnStore) -> String {
    let day = time::OffsetDateTime::from_unix_timestamp_nanos(store.base.0.into()).unwrap().date();
    format!("{}-jaeger-span-{day}", store.prefix)
}

async fn write_all(store: &OwnStore, batch: &SpanBatch) {
    support::write_all(store.writer(), batch).await;
    store.refresh();
}

async fn read(store: &OwnStore, trace: u64) -> SpanBatch {
    let lookup = TraceLookup { trace_id: trace_id(trace), hint: None };
    let pages: Vec<SpanBatch> =
        store.reader().trace(&context(), &lookup).await.unwrap().try_collect().await.unwrap();
    assert_eq!(pages.len(), 1);
    pages.into_iter().next().unwrap()
}

/// Numbers of the traces that are found.
async fn found(store: &OwnStore, change: impl FnOnce(&mut TraceQuery)) -> Vec<u128> {
    let around = |seconds: i64| UnixNanos(store.base.0.saturating_add_signed(seconds * 1_000_000_000));
    let mut query = TraceQuery {
        service: None,
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: around(-60), end: around(60) },
        duration_min: None,
        duration_max: None,
        limit: 10,
        enough_spans: usize::MAX,
        filter: None,
    };
    change(&mut query);
    let pages: Vec<SpanBatch> =
        store.reader().find_traces(&context(), &query).await.unwrap().try_collect().await.unwrap();
    pages.iter().flat_map(|page| page.spans().map(|span| span.trace_id().0)).collect()
}

async fn found_by_tag(store: &OwnStore, key: &str, value: &str) -> Vec<u128> {
    found(store, |query| query.tags = vec![(key.to_owned(), value.to_owned())]).await
}

/// Sorted: fields come behind the list.
fn told(attributes: AttributesView<'_>) -> Vec<String> {
    let mut all: Vec<String> =
        attributes.iter().map(|attribute| format!("{:?}={:?}", attribute.key(), attribute.value())).collect();
    all.sort_unstable();
    all
}

const LONG_KEY: &str = concat!(
    "a.key.of.more.than.256.bytes.................................................................................................",
    ".............................................................................................................................",
    "....................................................................................................end"
);

/// Keys that tried every server's patience, and one value of each kind.
const ODD: &[(&str, ValueView<'_>)] = &[
    ("http.method", ValueView::Str("GET")),
    ("", ValueView::Str("empty")),
    (" ", ValueView::Str("space")),
    ("\t", ValueView::Str("tab")),
    ("\u{2003}\u{a0}", ValueView::Str("wide space")),
    (".", ValueView::Str("dot")),
    (".lead", ValueView::Str("leading dot")),
    ("trail.", ValueView::Str("trailing dot")),
    ("two..dots", ValueView::Str("two dots")),
    ("user@host", ValueView::Str("at")),
    ("snake_case", ValueView::Str("underscore")),
    ("line\nbreak", ValueView::Str("line")),
    ("zero\0", ValueView::Str("zero")),
    ("*", ValueView::Str("star")),
    ("quote\"\\", ValueView::Str("quoted")),
    (" blanks around ", ValueView::Str("blanks")),
    ("_id", ValueView::Str("metadata")),
    ("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v", ValueView::Str("deep")),
    (LONG_KEY, ValueView::Str("long key")),
    ("schlüssel.😀", ValueView::Str("unicode")),
    ("one", ValueView::Double(1.0)),
    ("huge", ValueView::Double(1e300)),
    ("infinite", ValueView::Double(f64::INFINITY)),
    ("beyond.doubles", ValueView::Int(9_007_199_254_740_993)),
    ("least", ValueView::Int(i64::MIN)),
    ("yes", ValueView::Bool(true)),
    ("binary", ValueView::Bytes(b"\x00\xff")),
    ("twice", ValueView::Str("first")),
    ("twice", ValueView::Str("second")),
    ("error", ValueView::Str("some words")),
];

async fn comes_back_and_is_found(change: impl FnOnce(&mut Config)) {
    let store = OwnStore::open_with(change);
    let base = store.base;
    let event = SampleEvent { time: base, name: "happened", attributes: ODD.to_vec() };
    let sample = Sample {
        attributes: ODD.to_vec(),
        resource: ODD.to_vec(),
        events: vec![event],
        ..Sample::new(trace_id(1), 1, base)
    };
    let written = batch_of(&[sample]);
    write_all(&store, &written).await;
    let came = read(&store, 1).await;
    let (before, after) = (written.span(0).unwrap(), came.span(0).unwrap());
    assert_eq!(told(after.attributes()), told(before.attributes()));
    assert_eq!(told(after.resource().attributes()), told(before.resource().attributes()));
    let of_event = |span: spoor_model::SpanView<'_>| told(span.events().next().unwrap().attributes());
    assert_eq!(of_event(after), of_event(before));
    for (key, value) in ODD {
        let text = match value {
            ValueView::Bytes(_) => "00ff".to_owned(),
            value => value.to_text(),
        };
        assert_eq!(found_by_tag(&store, key, &text).await, [trace_id(1).0], "{key:?}={text}");
        assert_eq!(found_by_tag(&store, key, "other").await, [] as [u128; 0], "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_in_lists_come_back_and_are_found() {
    comes_back_and_is_found(|_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_in_lists_of_strings_come_back_and_are_found() {
    comes_back_and_is_found(|config| config.documents.tag_values = TagValues::String).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_without_the_parents_field_comes_back_with_its_parent() {
    let store = OwnStore::open_with(|config| config.documents.parent_span_id = false);
    let child = Sample { parent: 1, ..Sample::new(trace_id(1), 2, store.base) };
    let samples = [Sample::new(trace_id(1), 1, store.base), child];
    write_all(&store, &batch_of(&samples)).await;
    let spans = read(&store, 1).await;
    let mut parents: Vec<_> =
        spans.spans().map(|span| (span.span_id().0, span.parent_span_id().0, span.links().len())).collect();
    parents.sort_unstable();
    assert_eq!(parents, [(1, 0, 0), (2, 1, 0)]);
    let document =
        request("GET", &format!("/{}*span*/_search?q=spanID:0000000000000002", store.prefix), None);
    assert!(document["hits"]["hits"][0]["_source"].get("parentSpanID").is_none(), "{document}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_as_fields_come_back_and_are_found_whatever_stands_for_dots() {
    for replacement in ["@", "_", "__"] {
        comes_back_and_is_found(|config| {
            config.documents.tags_as_fields_all = true;
            config.documents.dot_replacement = replacement.to_owned();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_tags_as_fields_come_back_and_are_found() {
    comes_back_and_is_found(|config| {
        config.documents.tags_as_fields_include = "http.method,user@host, ,one,twice,binary,zero".to_owned();
    })
    .await;
}

/// Spans with one long text each, by number: tag, process, event, operation, service.
fn long_samples<'a>(long: &'a str, base: UnixNanos) -> Vec<Sample<'a>> {
    let plain = |number| Sample::new(trace_id(number), number, base);
    let mut samples: Vec<Sample<'a>> = (1..=6).map(plain).collect();
    samples[0].attributes = vec![("statement", ValueView::Str(long))];
    samples[1].resource = vec![("statement", ValueView::Str(long))];
    samples[2].events =
        vec![SampleEvent { time: base, name: "e", attributes: vec![("statement", ValueView::Str(long))] }];
    samples[3].name = long;
    samples[4].service = long;
    samples[5].attributes = vec![("statement", ValueView::Str(&long[1..]))];
    samples
}

async fn long_texts_are_found(store: &OwnStore) {
    let long = format!("SELECT {}", "column, ".repeat(5_000));
    write_all(store, &batch_of(&long_samples(&long, store.base))).await;
    let mut with_tag = found_by_tag(store, "statement", &long).await;
    with_tag.sort_unstable();
    assert_eq!(with_tag, [1, 2, 3].map(|number| trace_id(number).0));
    assert_eq!(found_by_tag(store, "statement", &long[1..]).await, [trace_id(6).0]);
    assert_eq!(found_by_tag(store, "statement", &long[2..]).await, [] as [u128; 0]);
    assert_eq!(found_by_tag(store, "other", &long).await, [] as [u128; 0]);
    assert_eq!(found(store, |query| query.operation = Some(long.clone())).await, [trace_id(4).0]);
    assert_eq!(found(store, |query| query.service = Some(long.clone())).await, [trace_id(5).0]);
    let came = read(store, 1).await;
    assert_eq!(came.span(0).unwrap().attributes().get("statement"), Some(ValueView::Str(&long)));
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_are_too_long_for_the_index_are_found_exactly() {
    let store = OwnStore::open();
    long_texts_are_found(&store).await;
    let mapping = request("GET", &format!("/{}/_mapping", span_index(&store)), None);
    let field = &mapping[span_index(&store)]["mappings"]["properties"]["spoorLongValues"];
    assert_eq!(field, &json!({ "type": "keyword", "doc_values": false }));
    long_texts_are_found(&OwnStore::open_with(|config| config.documents.tags_as_fields_all = true)).await;
}

/// What a store has whose templates somebody else installed.
fn install_templates_without_marks(prefix: &str) {
    let keyword = json!({ "type": "keyword", "ignore_above": 256 });
    let list = json!({
        "type": "nested",
        "dynamic": false,
        "properties": { "key": keyword, "type": keyword, "value": keyword },
    });
    let spans = json!({
        "traceID": keyword, "spanID": keyword, "operationName": keyword,
        "startTime": { "type": "long" }, "duration": { "type": "long" },
        "startTimeMillis": { "type": "date", "format": "epoch_millis" }, "tags": list,
        "logs": { "type": "nested", "dynamic": false, "properties": { "fields": list } },
        "process": { "properties": { "serviceName": keyword, "tags": list } },
    });
    let services = json!({ "serviceName": keyword, "operationName": keyword });
    for (family, fields) in [("span", spans), ("service", services)] {
        let name = format!("{prefix}-jaeger-{family}");
        let settings = json!({ "number_of_shards": 2, "number_of_replicas": 0 });
        let template = json!({ "index_patterns": [format!("{name}-*")], "settings": settings, "mappings": { "properties": fields } });
        let made = request("PUT", &format!("/_template/{name}"), Some(&template));
        assert_eq!(made["acknowledged"], true, "{made}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_are_too_long_are_found_in_indices_of_templates_that_are_not_ours() {
    let store = OwnStore::open_with(|config| {
        config.templates.create = false;
        install_templates_without_marks(&config.indices.prefix);
    });
    long_texts_are_found(&store).await;
    let mapping = request("GET", &format!("/{}/_mapping", span_index(&store)), None);
    let field = &mapping[span_index(&store)]["mappings"]["properties"]["spoorLongValues"];
    assert_eq!(field["type"], "text", "the field made itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_by_fifty_tags_finds_what_has_all_of_them() {
    let store = OwnStore::open();
    let keys: Vec<String> = (0..50).map(|number| format!("k{number}")).collect();
    let all: Vec<(&str, ValueView<'_>)> = keys.iter().map(|key| (key.as_str(), ValueView::Int(1))).collect();
    let samples = [
        Sample { attributes: all.clone(), ..Sample::new(trace_id(1), 1, store.base) },
        Sample { attributes: all[1..].to_vec(), ..Sample::new(trace_id(2), 2, store.base) },
    ];
    write_all(&store, &batch_of(&samples)).await;
    let asked = keys.iter().map(|key| (key.clone(), "1".to_owned())).collect();
    assert_eq!(found(&store, |query| query.tags = asked).await, [trace_id(1).0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_and_summaries_see_elevated_tags_whatever_stands_for_dots() {
    for replacement in ["@", "_"] {
        let store = OwnStore::open_with(|config| {
            config.documents.tags_as_fields_all = true;
            config.documents.dot_replacement = replacement.to_owned();
        });
        let failed = Sample {
            kind: SpanKind::Server,
            status: StatusCode::Error,
            ..Sample::new(trace_id(1), 1, store.base)
        };
        let fine = Sample { kind: SpanKind::Server, ..Sample::new(trace_id(1), 2, store.base) };
        write_all(&store, &batch_of(&[failed, fine])).await;
        let question = of_that_minute("shop", store.base);
        let rates = store.store.span_metrics().error_rates(&context(), &question).await.unwrap();
        assert_eq!(rates[0].points[0].value, Some(0.5), "{replacement}");
        let around = TimeRange { start: UnixNanos::ZERO, end: UnixNanos::MAX };
        let summaries = store.reader().summaries(&context(), &[trace_id(1)], around).await.unwrap();
        assert_eq!(
            summaries.iter().map(|summary| summary.failed_spans).collect::<Vec<_>>(),
            [1],
            "{replacement}"
        );
    }
}

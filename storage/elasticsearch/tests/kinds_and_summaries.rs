//! Kinds of operations and summaries where not all documents are ours, on a real server and on one that runs no scripts.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use spoor_model::{
    Operation, OperationQuery, RootSpan, SpanKind, StatusCode, TimeRange, TraceId, TraceLookup, TraceSummary,
    UnixNanos,
};
use spoor_storage::conformance::{Fixture, Sample, batch_of, context, trace_id};
use spoor_storage::{SpanReader, summed_up};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore, Readiness};
use support::fake::{FakeServer, healthy};
use support::{OwnStore, request};

fn index(store: &OwnStore, family: &str) -> String {
    let day = time::OffsetDateTime::from_unix_timestamp_nanos(store.base.0.into()).unwrap().date();
    format!("{}-jaeger-{family}-{day}", store.prefix)
}

fn put(store: &OwnStore, family: &str, document: &Value) {
    let answer = request("POST", &format!("/{}/_doc", index(store, family)), Some(document));
    assert_eq!(answer["result"], "created", "{answer}");
}

async fn write(store: &OwnStore, samples: &[Sample<'_>]) {
    support::write_all(store.writer(), &batch_of(samples)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_index_made_by_jaeger_operations_are_named_once_with_the_kinds_that_are_known() {
    let store = OwnStore::open();
    let mut ready = store.store.readiness();
    ready.wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    // Jaeger's mapping, which knows nothing of kinds; it goes before our template.
    let keyword = json!({ "type": "keyword", "ignore_above": 256 });
    let mapping = json!({ "mappings": {
        "dynamic_templates": [
            { "span_tags_map": { "mapping": keyword, "path_match": "tag.*" } },
            { "process_tags_map": { "mapping": keyword, "path_match": "process.tag.*" } },
        ],
        "properties": { "serviceName": keyword, "operationName": keyword },
    } });
    assert_eq!(
        request("PUT", &format!("/{}", index(&store, "service")), Some(&mapping))["acknowledged"],
        true
    );
    for operation in ["buy", "sell"] {
        put(&store, "service", &json!({ "serviceName": "shop", "operationName": operation }));
    }
    let list = async |span_kind| {
        store.refresh();
        let query = OperationQuery { service: "shop".to_owned(), span_kind };
        let operations = store.reader().operations(&context(), &query).await.unwrap();
        operations.into_iter().map(|Operation { name, span_kind }| (name, span_kind)).collect::<Vec<_>>()
    };
    let named = |name: &str, kind| (name.to_owned(), kind);
    let unknown = [named("buy", SpanKind::Unspecified), named("sell", SpanKind::Unspecified)];
    assert_eq!(list(None).await, unknown);
    assert_eq!(list(Some(SpanKind::Client)).await, unknown, "what is not known may be of that kind");
    let of = |id, kind| Sample { name: "buy", kind, ..Sample::new(trace_id(1), id, store.base) };
    write(&store, &[of(1, SpanKind::Server), of(2, SpanKind::Client)]).await;
    let sell = named("sell", SpanKind::Unspecified);
    let known = [named("buy", SpanKind::Server), named("buy", SpanKind::Client)];
    assert_eq!(list(None).await, [&known[..], std::slice::from_ref(&sell)].concat());
    assert_eq!(list(Some(SpanKind::Client)).await, [known[1].clone(), sell.clone()]);
    write(&store, &[of(3, SpanKind::Unspecified)]).await;
    let all = [named("buy", SpanKind::Unspecified), known[0].clone(), known[1].clone(), sell];
    assert_eq!(list(None).await, all);
}

/// A document of the given trace, as Jaeger before 2.20 wrote them.
fn old_span(store: &OwnStore, trace: &str, number: u64, changes: &Value) -> Value {
    let micros = store.base.micros() + number;
    let mut span = json!({
        "traceID": trace, "spanID": format!("{number:x}"), "operationName": format!("op {number}"), "references": [],
        "startTime": micros, "startTimeMillis": micros / 1_000, "duration": 10, "logs": [], "tags": [],
        "process": { "serviceName": "shop", "tags": [] },
    });
    for (key, value) in changes.as_object().unwrap() {
        span[key] = value.clone();
    }
    span
}

fn tags(tags: &[(&str, &str, Value)]) -> Value {
    tags.iter().map(|(key, kind, value)| json!({ "key": key, "type": kind, "value": value })).collect()
}

fn reference(trace: &str, span: &str, kind: &str) -> Value {
    json!([{ "refType": kind, "traceID": trace, "spanID": span }])
}

/// Searches that the store's shards have done so far in the prefix's indices.
fn searches_done(store: &OwnStore) -> u64 {
    let stats = request("GET", &format!("/{}*span*/_stats/search", store.prefix), None);
    stats["_all"]["total"]["search"]["query_total"].as_u64().unwrap()
}

/// Whether the server runs scripts, without which it cannot add up when a trace ends. Asked by running one: lists of modules name only
/// those that were installed as such.
fn has_scripts() -> bool {
    let script = json!({ "script": { "lang": "painless", "source": "1 + 1" } });
    let answer = request("POST", "/_scripts/painless/_execute", Some(&script));
    answer["result"] == "2"
}

/// The summaries that the store adds up, each compared with the one of the whole trace. They must come of one search for each
/// and one for all, of each of the two shards. A server without scripts has every trace read whole, and then its orphans are known, too.
async fn added_up(store: &OwnStore, ids: &[TraceId]) -> Vec<TraceSummary> {
    store.refresh();
    let around = TimeRange { start: store.base, end: store.base };
    let before = searches_done(store);
    let summaries = store.reader().summaries(&context(), ids, around).await.unwrap();
    let adds_up = has_scripts();
    if adds_up {
        assert_eq!(searches_done(store) - before, 2 * (ids.len() as u64 + 1), "no trace was read whole");
    }
    for summary in &summaries {
        let (context, lookup) = (context(), TraceLookup { trace_id: summary.trace_id, hint: None });
        let whole = store.reader().trace(&context, &lookup).await.unwrap();
        let whole = summed_up(whole).await.unwrap().unwrap();
        let orphan_spans = if adds_up { None } else { whole.orphan_spans };
        assert_eq!(&TraceSummary { orphan_spans, ..whole }, summary);
    }
    summaries
}

#[tokio::test(flavor = "multi_thread")]
async fn summaries_of_older_documents_know_the_root_and_the_failures() {
    let store = OwnStore::open();
    write(&store, &[Sample::new(trace_id(9), 1, store.base)]).await;
    let (long, short) = (trace_id(1).to_string(), "abc");
    // A child with the earlier clock, a root that follows from another trace, a child by a reference that follows.
    let spans = [
        old_span(&store, &long, 1, &json!({ "references": reference(&long, "2", "CHILD_OF") })),
        old_span(
            &store,
            &long,
            2,
            &json!({ "references": reference(&trace_id(2).to_string(), "1", "FOLLOWS_FROM") }),
        ),
        old_span(
            &store,
            &long,
            3,
            &json!({ "references": reference(&long, "2", "FOLLOWS_FROM"), "duration": 5_000 }),
        ),
        // One trace in two spellings, its root under the shorter one, a parent spelled otherwise.
        old_span(&store, short, 4, &json!({ "process": { "serviceName": "OTLPResourceNoServiceName" } })),
        old_span(&store, "0000000000000abc", 5, &json!({ "references": reference(short, "4", "CHILD_OF") })),
    ];
    spans.iter().for_each(|span| put(&store, "span", span));
    let found = added_up(&store, &[trace_id(1), TraceId(0xabc)]).await;
    let roots: Vec<_> = found.iter().map(|summary| summary.root.clone().unwrap()).collect();
    let root = |service: &str, operation: &str| RootSpan {
        service: service.to_owned(),
        operation: operation.to_owned(),
    };
    assert_eq!(roots, [root("shop", "op 2"), root("", "op 4")]);
    assert_eq!(found.iter().map(|summary| summary.spans).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(found[0].end.micros() - found[0].start.micros(), 5_002);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_counts_as_failed_is_what_the_reader_takes_for_failed() {
    let store = OwnStore::open();
    write(&store, &[Sample::new(trace_id(9), 1, store.base)]).await;
    let http = |code: Value| tags(&[("http.response.status_code", "int64", code)]);
    let cases = [
        (json!({ "tags": tags(&[("error", "bool", json!("true"))]) }), true),
        (json!({ "tags": tags(&[("error", "bool", json!(true))]) }), true),
        (json!({ "tags": tags(&[("error", "bool", json!(false))]) }), false),
        (json!({ "tag": { "error": true } }), true),
        (json!({ "tags": tags(&[("error", "string", json!("boom"))]) }), false),
        (
            json!({ "process": { "serviceName": "shop", "tags": tags(&[("error", "bool", json!(true))]) } }),
            false,
        ),
        (json!({ "tags": tags(&[("otel.status_code", "string", json!("ERROR"))]) }), true),
        (json!({ "tag": { "otel@status_code": "OK" }, "tags": http(json!(503)) }), false),
        (json!({ "tags": http(json!(503)) }), true),
        (json!({ "tags": http(json!("404")) }), true),
        (json!({ "tag": { "span@kind": "server" }, "tags": http(json!(404)) }), false),
        (json!({ "tag": { "span@kind": "server", "http@response@status_code": 500 } }), true),
        (json!({ "tags": http(json!(302)) }), false),
        (json!({ "tags": http(json!(0)) }), true),
        (json!({ "tags": tags(&[("http.response.status_code", "string", json!("none"))]) }), false),
        (json!({ "tags": tags(&[("http.status_code", "int64", json!(500))]) }), false),
    ];
    let ids: Vec<TraceId> = (100..).take(cases.len()).map(trace_id).collect();
    for ((changes, _), (id, number)) in cases.iter().zip(ids.iter().zip(1..)) {
        put(&store, "span", &old_span(&store, &id.to_string(), number, changes));
    }
    let found = added_up(&store, &ids).await;
    for ((changes, failed), summary) in cases.iter().zip(found) {
        assert_eq!(summary.failed_spans, u64::from(*failed), "{changes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_traces_in_which_thousands_failed_every_failure_is_counted() {
    let store = OwnStore::open();
    let failed =
        |trace, id| Sample { status: StatusCode::Error, ..Sample::new(trace_id(trace), id, store.base) };
    let many: Vec<_> = (1..=1_100).map(|id| failed(1, id)).collect();
    let few = [failed(2, 1), Sample::new(trace_id(2), 2, store.base)];
    for samples in [&many[..], &few] {
        write(&store, samples).await;
    }
    store.refresh();
    let around = TimeRange { start: store.base, end: store.base };
    let ids = [trace_id(1), trace_id(2)];
    let found = store.reader().summaries(&context(), &ids, around).await.unwrap();
    let counts: Vec<_> = found.iter().map(|summary| (summary.spans, summary.failed_spans)).collect();
    assert_eq!(counts, [(1_100, 1_100), (2, 1)]);
}

#[tokio::test]
async fn where_scripts_are_forbidden_traces_are_read_whole() {
    const WHOLE: &str = r#""timed_out":false,"_shards":{"total":1,"successful":1,"failed":0}"#;
    let server = FakeServer::start(|asked| {
        if asked.line.contains("_msearch") {
            let reason =
                r#"{"type":"illegal_argument_exception","reason":"cannot execute [inline] scripts"}"#;
            let item = format!(
                r#"{{"error":{{"root_cause":[{reason}],"type":"search_phase_execution_exception","reason":"all shards failed"}},"status":400}}"#
            );
            return (200, "", format!(r#"{{"responses":[{item},{item}]}}"#));
        }
        if asked.line.contains("_search") {
            let span = format!(
                r#"{{"traceID":"{}","spanID":"1","operationName":"GET","startTime":5,"duration":7,"process":{{"serviceName":"shop"}}}}"#,
                trace_id(1)
            );
            let hit = format!(r#"{{"sort":[5,"1"],"_source":{span}}}"#);
            return (200, "", format!(r#"{{{WHOLE},"hits":{{"hits":[{hit}]}}}}"#));
        }
        healthy(asked)
    });
    let mut config = Config::default();
    config.connection.server_urls = vec![server.url().parse().unwrap()];
    let store = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
    let around = TimeRange { start: UnixNanos::ZERO, end: UnixNanos::from_micros(100) };
    let context = spoor_storage::RequestContext::with_timeout(Duration::from_secs(60));
    let found = store.reader().summaries(&context, &[trace_id(1)], around).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].root.as_ref().unwrap().operation, "GET");
    assert_eq!((found[0].start.micros(), found[0].end.micros(), found[0].spans), (5, 12, 1));
}

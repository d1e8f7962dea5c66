//! Every request that the writer and the readers send, compared with what was reviewed and committed under `testdata/requests`.
//! `SPOOR_REWRITE_GOLDEN=1 cargo test -p spoor-storage-elasticsearch --test requests` writes the files anew; review them before
//! committing. Templates have golden files of their own (`testdata/templates`); what is asked at the start is in
//! `requests_at_start`, of whole indices in `requests_about_indices`, about what is neither a span nor a service in `requests_about_records`,
//! where questions go under other names in `requests_by_names`.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use spoor_model::filter::Filter;
use spoor_model::{FoundTrace, OperationQuery, SpanBatch, SpanKind, TraceId, TraceLookup, TraceQuery};
use spoor_storage::conformance::trace_id;
use spoor_storage::{SpanReader, SpanWriter};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore, Layout, Readiness};
use support::fake::FakeServer;
use support::golden::{
    self, VERSIONS, at_noon, behind_aliases, context, daily, found_and_goes_on, hourly_with_remote, question,
    shown, spans,
};

/// A server that finds two traces and shows pages that may go on, and a store that asks it.
struct Asking {
    server: FakeServer,
    store: ElasticsearchStore,
}

impl Asking {
    fn of(version: u32, change: fn(&mut Config)) -> Self {
        let server = FakeServer::start(found_and_goes_on);
        let mut config = golden::config(&server, version);
        change(&mut config);
        let store = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
        Self { server, store }
    }

    /// All that was sent for what is asked of spans and services, in a form for review.
    fn sent(&self) -> String {
        let asked = self.server.asked("/_bulk").into_iter().chain(self.server.asked("search"));
        let reached =
            self.server.asked("/_remote/").into_iter().chain(self.server.asked("filter_path=*.aliases"));
        // Looked at when the store is opened, and shown where it is all that was asked.
        let reached = reached
            .filter(|_| self.server.asked("search").is_empty() && self.server.asked("/_bulk").is_empty());
        asked.chain(reached).map(|asked| shown(&asked)).collect::<Vec<_>>().join("\n")
    }
}

/// Compares with the reviewed file what the store sends, whatever version the server has.
async fn compare(file: &str, change: fn(&mut Config), ask: impl AsyncFn(&ElasticsearchStore)) {
    let mut sent = Vec::new();
    for version in VERSIONS {
        let asking = Asking::of(version, change);
        ask(&asking.store).await;
        sent.push((version, asking.sent()));
    }
    golden::compare(file, &sent);
}

fn compact(config: &mut Config) {
    config.layout.layout = Layout::Compact;
}

fn compact_behind_aliases(config: &mut Config) {
    config.layout.layout = Layout::Compact;
    config.indices.use_aliases = true;
}

fn tags_as_fields(config: &mut Config) {
    config.documents.tags_as_fields_all = true;
}

async fn write(store: &ElasticsearchStore) {
    store.writer().write(&context(), &spans()).await.unwrap();
}

async fn search(store: &ElasticsearchStore, question: &TraceQuery) {
    let found: Result<Vec<SpanBatch>, _> =
        store.reader().find_traces(&context(), question).await.unwrap().try_collect().await;
    found.unwrap();
}

async fn search_by_tag(store: &ElasticsearchStore, key: &str, value: &str) {
    search(store, &TraceQuery { tags: vec![(key.to_owned(), value.to_owned())], ..question() }).await;
}

async fn read(store: &ElasticsearchStore, trace_id: TraceId) {
    let lookup = TraceLookup { trace_id, hint: None };
    let pages: Result<Vec<SpanBatch>, _> =
        store.reader().trace(&context(), &lookup).await.unwrap().try_collect().await;
    pages.unwrap();
}

async fn list(store: &ElasticsearchStore) {
    store.reader().services(&context()).await.unwrap();
    for span_kind in [None, Some(SpanKind::Server)] {
        let query = OperationQuery { service: "a \"b\"".to_owned(), span_kind };
        store.reader().operations(&context(), &query).await.unwrap();
    }
}

#[tokio::test]
async fn spans_are_written_by_the_reviewed_bulks() {
    compare("daily/bulk.txt", daily, write).await;
    compare("hourly/bulk.txt", hourly_with_remote, write).await;
    compare("aliases/bulk.txt", behind_aliases, write).await;
    compare("tags-as-fields/bulk.txt", tags_as_fields, write).await;
    compare("compact/bulk.txt", compact, write).await;
    compare("compact-aliases/bulk.txt", compact_behind_aliases, write).await;
}

#[tokio::test]
async fn aliases_and_remote_clusters_are_looked_at_by_the_reviewed_questions() {
    let open = async |store: &ElasticsearchStore| {
        let ready = |state: &Readiness| matches!(state, Readiness::Ready(_));
        store.readiness().wait_for(ready).await.unwrap();
    };
    compare("hourly/reached.txt", hourly_with_remote, open).await;
    compare("aliases/reached.txt", behind_aliases, open).await;
}

#[tokio::test]
async fn names_are_listed_by_the_reviewed_searches() {
    compare("daily/names.txt", daily, list).await;
    compare("hourly/names.txt", hourly_with_remote, list).await;
    compare("aliases/names.txt", behind_aliases, list).await;
}

#[tokio::test]
async fn a_trace_is_read_page_after_page_by_the_reviewed_searches() {
    let by_id = async |store: &ElasticsearchStore| read(store, trace_id(1)).await;
    compare("daily/trace.txt", daily, by_id).await;
    compare("hourly/trace.txt", hourly_with_remote, by_id).await;
    compare("aliases/trace.txt", behind_aliases, by_id).await;
    compare("daily/trace-of-64-bits.txt", daily, async |store| read(store, TraceId(0x2a)).await).await;
}

#[tokio::test]
async fn traces_are_found_and_read_by_the_reviewed_searches() {
    let by_service = async |store: &ElasticsearchStore| search(store, &question()).await;
    compare("daily/search.txt", daily, by_service).await;
    compare("hourly/search.txt", hourly_with_remote, by_service).await;
    compare("aliases/search.txt", behind_aliases, by_service).await;
    let by_everything = async |store: &ElasticsearchStore| {
        let question = TraceQuery {
            operation: Some("GET /cart".to_owned()),
            tags: vec![("http.method".to_owned(), "GET".to_owned()), ("k".to_owned(), String::new())],
            duration_min: Some(Duration::from_millis(1)),
            duration_max: Some(Duration::from_secs(2)),
            ..question()
        };
        search(store, &question).await;
    };
    compare("daily/search-by-everything.txt", daily, by_everything).await;
    let without_service =
        async |store: &ElasticsearchStore| search(store, &TraceQuery { service: None, ..question() }).await;
    compare("daily/search-without-service.txt", daily, without_service).await;
}

#[tokio::test]
async fn places_behind_a_place_and_summaries_are_asked_for_by_the_reviewed_searches() {
    let behind = async |store: &ElasticsearchStore| {
        let place = FoundTrace { newest_match_micros: at_noon(7).micros(), trace_id: trace_id(1) };
        store.reader().find_trace_ids(&context(), &question(), Some(place)).await.unwrap();
    };
    compare("daily/places-behind.txt", daily, behind).await;
    let sum_up = async |store: &ElasticsearchStore| {
        let ids = [trace_id(1), TraceId(0x2a)];
        let found = store.reader().summaries(&context(), &ids, question().start).await.unwrap();
        assert_eq!(found.iter().map(|summary| summary.trace_id).collect::<Vec<_>>(), ids);
    };
    compare("daily/summaries.txt", daily, sum_up).await;
    compare("hourly/summaries.txt", hourly_with_remote, sum_up).await;
}

#[tokio::test]
async fn tags_are_asked_for_by_the_reviewed_searches() {
    for (file, key, value) in [
        ("pattern", "http.url", "https://shop/.*"),
        ("no-pattern-after-all", "k", "[not an expression"),
        ("error-true", "error", "true"),
        ("error-false", "error", "false"),
        ("status-error", "otel.status_code", "ERROR"),
    ] {
        let ask = async |store: &ElasticsearchStore| search_by_tag(store, key, value).await;
        compare(&format!("daily/search-by-tag-{file}.txt"), daily, ask).await;
    }
}

#[tokio::test]
async fn filters_are_asked_for_by_the_reviewed_searches() {
    for (file, filter) in [
        (
            "nanoseconds",
            r#"{"op":"gt","args":[{"field":{"name":"duration","level":"span"}},{"scalar":{"value":"5000002ns"}}]}"#,
        ),
        (
            "size",
            r#"{"op":"gte","args":[{"attr":{"key":"http.status_code"}},{"scalar":{"value":"500","type":"int"}}]}"#,
        ),
        (
            "text-of-a-link",
            r#"{"op":"eq","args":[{"attr":{"key":"k","level":"link"}},{"scalar":{"value":"v","type":"string"}}]}"#,
        ),
        (
            "roots",
            r#"{"op":"not","args":[{"call":{"op":"exists","args":[{"field":{"name":"parentSpanID","level":"span"}}]}}]}"#,
        ),
    ] {
        let filter = Filter::read(&serde_json::from_str(filter).unwrap()).unwrap();
        let ask = async |store: &ElasticsearchStore| {
            search(store, &TraceQuery { filter: Some(filter.clone()), ..question() }).await;
        };
        compare(&format!("daily/search-by-filter-{file}.txt"), daily, ask).await;
    }
}

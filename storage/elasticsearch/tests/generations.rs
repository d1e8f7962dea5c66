//! Documents of every generation of writers, made by hand after the facts of each (`tests/generations`), put into a real server the way
//! they lie there: found by id and by search, and read as what they were; in indices of our schema, and of the one that Jaeger had by then.
//!
//! A file says who writes so (`writer`), in which of Jaeger's schemas (`schema`), with which settings our store reads it (`flags`, or `archive` for the archive's), the
//! `aliases` of indices, the `service`, the `documents` with their indices, tags by which the trace is found, and the `spans` that come of it. Times are µs
//! from a moment of today; `{day}` and `{hour}` in names of indices are those of the span.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use clap::{Args, FromArgMatches};
use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use spoor_model::{
    AttributesView, SpanBatch, SpanKind, SpanView, StatusCode, TimeRange, TraceId, TraceLookup, TraceQuery,
    UnixNanos, ValueView, jaeger,
};
use spoor_storage::SpanReader;
use spoor_storage::conformance::context;
use spoor_storage_elasticsearch::{
    ArchiveConfig, Config, ElasticsearchReader, ElasticsearchStore, Readiness,
};
use support::schema::{self, Era};
use support::{OwnStore, config, request};

#[derive(Deserialize)]
struct Generation {
    writer: String,
    schema: Era,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    archive: Vec<String>,
    /// Index → alias.
    #[serde(default)]
    aliases: BTreeMap<String, String>,
    documents: Vec<Document>,
    trace: String,
    /// Where it is not that of the first span.
    service: Option<String>,
    tags: Vec<[String; 2]>,
    spans: Vec<Value>,
}

#[derive(Deserialize)]
struct Document {
    index: String,
    source: Value,
}

fn settings<T: Args + FromArgMatches>(flags: &[String], prefix: &str) -> T {
    let command = T::augment_args(clap::Command::new("test").no_binary_name(true));
    let flags = flags.iter().map(|flag| flag.replace("{prefix}", prefix));
    T::from_arg_matches(&command.get_matches_from(flags)).unwrap()
}

/// The store that reads the documents: the archive beside it where the file is about one.
fn reader_of(generation: &Generation, store: &OwnStore, schema: Option<Era>) -> Arc<ElasticsearchReader> {
    if generation.archive.is_empty() {
        return store.store.reader();
    }
    let mut flags = generation.archive.clone();
    if schema.is_some() {
        flags.push("--es-archive.create-index-templates=false".to_owned());
    }
    let archive: ArchiveConfig = settings(&flags, &store.prefix);
    let archive =
        ElasticsearchStore::open_archive(&archive, &config(&store.prefix), &mut Registry::default()).unwrap();
    archive.reader()
}

/// Adds the base to every time of the document.
fn dated(source: &Value, base: i64) -> (Value, UnixNanos) {
    let mut source = source.clone();
    let start = base + source["startTime"].as_i64().unwrap();
    source["startTime"] = json!(start);
    source["startTimeMillis"] = json!(start / 1_000);
    for log in source["logs"].as_array_mut().into_iter().flatten() {
        log["timestamp"] = json!(base + log["timestamp"].as_i64().unwrap());
    }
    (source, UnixNanos(u64::try_from(start).unwrap() * 1_000))
}

fn index_name(pattern: &str, prefix: &str, start: UnixNanos) -> String {
    let moment = time::OffsetDateTime::from_unix_timestamp_nanos(start.0.into()).unwrap();
    let hour = format!("{}-{:02}", moment.date(), moment.hour());
    format!("{prefix}-{}", pattern.replace("{day}", &moment.date().to_string()).replace("{hour}", &hour))
}

/// Puts the documents into the server; answers when the first and the last of them begin.
fn lay_down(generation: &Generation, store: &OwnStore) -> TimeRange {
    for (index, alias) in &generation.aliases {
        let aliases = json!({ "aliases": { format!("{}-{alias}", store.prefix): {} } });
        let made = request("PUT", &format!("/{}-{index}", store.prefix), Some(&aliases));
        assert_eq!(made["acknowledged"], true, "{made}");
    }
    let base = i64::try_from(store.base.micros()).unwrap();
    let mut range = TimeRange { start: UnixNanos::MAX, end: UnixNanos::ZERO };
    for document in &generation.documents {
        let (source, start) = dated(&document.source, base);
        let index = index_name(&document.index, &store.prefix, start);
        let answer = request("POST", &format!("/{index}/_doc"), Some(&source));
        assert_eq!(answer["result"], "created", "{}: {answer}", generation.writer);
        range = TimeRange { start: range.start.min(start), end: range.end.max(start) };
    }
    range
}

fn kind(value: &ValueView<'_>) -> &'static str {
    match value {
        ValueView::Empty => "empty",
        ValueView::Str(_) => "text",
        ValueView::Bool(_) => "bool",
        ValueView::Int(_) => "int",
        ValueView::Double(_) => "double",
        ValueView::Bytes(_) => "bytes",
        ValueView::List(_) => "list",
        ValueView::Map(_) => "map",
    }
}

fn text(attributes: AttributesView<'_>) -> Vec<String> {
    let one = |key: &str, value: ValueView<'_>| format!("{key} = {} {}", kind(&value), value.to_text());
    attributes.iter().map(|attribute| one(attribute.key(), attribute.value())).collect()
}

/// A span as the files have it: what is as usual is left out.
fn shown(span: SpanView<'_>, base: u64) -> Value {
    let micros = |time: UnixNanos| i64::try_from(time.micros()).unwrap() - i64::try_from(base).unwrap();
    let mut all = Map::new();
    let mut tell = |key: &str, value: Value, usual: Value| {
        if value != usual {
            all.insert(key.to_owned(), value);
        }
    };
    tell("span", json!(span.span_id().to_string()), json!(null));
    let parent = span.parent_span_id();
    tell("parent", if parent.is_none() { json!(null) } else { json!(parent.to_string()) }, json!(null));
    tell("service", json!(span.service()), json!(null));
    tell("operation", json!(span.name()), json!(null));
    tell("start", json!(micros(span.start())), json!(null));
    tell("duration", json!(u64::try_from(span.duration().as_micros()).unwrap()), json!(null));
    tell("flags", json!(span.flags()), json!(0));
    let kind = if span.kind() == SpanKind::Unspecified { "" } else { span.kind().name() };
    tell("kind", json!(kind), json!(""));
    tell("failed", json!(span.status() == StatusCode::Error), json!(false));
    tell("message", json!(span.status_message()), json!(""));
    tell("state", json!(span.trace_state()), json!(""));
    tell("scope", json!(format!("{} {}", span.scope().name(), span.scope().version())), json!(" "));
    tell("tags", json!(text(span.attributes())), json!([]));
    tell("process", json!(text(span.resource().attributes())), json!([]));
    let link =
        |link: spoor_model::LinkView<'_>| format!("{:?} {} {}", link.kind(), link.trace_id(), link.span_id());
    tell("links", json!(span.links().map(link).collect::<Vec<_>>()), json!([]));
    let event = |event: spoor_model::EventView<'_>| json!({ "at": micros(event.time()), "name": event.name(), "tags": text(event.attributes()) });
    tell("events", json!(span.events().map(event).collect::<Vec<_>>()), json!([]));
    tell("warnings", json!(jaeger::warnings(span)), json!([]));
    Value::Object(all)
}

fn shown_all(pages: &[SpanBatch], base: u64) -> Vec<Value> {
    pages.iter().flat_map(|page| page.spans().map(|span| shown(span, base))).collect()
}

async fn by_id(reader: &dyn SpanReader, trace_id: TraceId) -> Vec<SpanBatch> {
    let lookup = TraceLookup { trace_id, hint: None };
    reader.trace(&context(), &lookup).await.unwrap().try_collect().await.unwrap()
}

async fn by_search(
    reader: &dyn SpanReader,
    service: &str,
    start: TimeRange,
    tags: &[[String; 2]],
) -> Vec<SpanBatch> {
    let tags = tags.iter().map(|[key, value]| (key.clone(), value.clone())).collect();
    let service = Some(service.to_owned());
    let (operation, duration_min, duration_max) = (None, None, None);
    let query = TraceQuery {
        service,
        operation,
        tags,
        start,
        duration_min,
        duration_max,
        limit: 10,
        enough_spans: usize::MAX,
        filter: None,
    };
    reader.find_traces(&context(), &query).await.unwrap().try_collect().await.unwrap()
}

async fn is_read(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generations").join(file);
    let generation: Generation = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for schema in [None, Some(generation.schema)] {
        is_read_in(&generation, schema).await;
    }
}

/// A store with the file's settings, for indices of our schema, or of that one of Jaeger's.
fn store_of(generation: &Generation, schema: Option<Era>) -> OwnStore {
    OwnStore::open_with(|ours| {
        let with_flags: Config = settings(&generation.flags, &ours.indices.prefix);
        let Config { connection, indices, templates, .. } = ours.clone();
        *ours = with_flags;
        ours.connection = connection;
        ours.indices.prefix = indices.prefix;
        (ours.templates.num_shards, ours.templates.num_replicas) =
            (templates.num_shards, templates.num_replicas);
        ours.templates.create = schema.is_none();
        if let Some(era) = schema {
            let prefix = &ours.indices.prefix;
            let of_spans = schema::spans(era, &format!("{prefix}*-span*"));
            let of_services = schema::services(&format!("{prefix}*-service*"));
            for (family, template) in [("span", of_spans), ("service", of_services)] {
                let made = request("PUT", &format!("/_template/{prefix}-jaeger-{family}"), Some(&template));
                assert_eq!(made["acknowledged"], true, "{made}");
            }
        }
    })
}

async fn is_read_in(generation: &Generation, schema: Option<Era>) {
    let writer = &format!("{} in {schema:?}", generation.writer);
    let store = store_of(generation, schema);
    let reader = reader_of(generation, &store, schema);
    // The templates are there before anything else is looked at.
    let mut readiness = store.store.readiness();
    readiness.wait_for(|state| *state != Readiness::Starting).await.unwrap();
    let range = lay_down(generation, &store);
    if store.config.indices.use_aliases {
        let alias = json!({ "aliases": { format!("{}-jaeger-service-read", store.prefix): {} } });
        request("PUT", &format!("/{}-jaeger-service-000001", store.prefix), Some(&alias));
    }
    reader.readiness().wait_for(|state| matches!(state, Readiness::Ready(_))).await.unwrap();
    store.refresh();
    let base = store.base.micros();
    let trace_id: TraceId = generation.trace.parse().unwrap();
    assert_eq!(
        shown_all(&by_id(&*reader, trace_id).await, base),
        generation.spans,
        "{writer}: by id; found is to the left"
    );
    let first_service = generation.spans[0]["service"].as_str().unwrap();
    let service = generation.service.as_deref().unwrap_or(first_service);
    let found = by_search(&*reader, service, range, &[]).await;
    assert_eq!(shown_all(&found, base), generation.spans, "{writer}: by service {service}");
    for tag in &generation.tags {
        let found = by_search(&*reader, service, range, std::slice::from_ref(tag)).await;
        assert_eq!(
            found.iter().map(SpanBatch::len).sum::<usize>(),
            generation.spans.len(),
            "{writer}: {tag:?}"
        );
        let [key, value] = tag.clone();
        let other = [[key, format!("{value}-not")]];
        assert!(by_search(&*reader, service, range, &other).await.is_empty(), "{writer}: {other:?}");
    }
}

/// A test for each file, so that each is seen to be one; the last claim sees that none is forgotten.
macro_rules! generations {
    ($($name:ident: $file:literal,)*) => {
        const FILES: &[&str] = &[$($file),*];
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                is_read($file).await;
            }
        )*
    };
}

generations! {
    ids_without_leading_zeros_of_before_1_16_are_read: "before_1.16.json",
    string_values_and_references_of_1_16_to_1_68_are_read: "1.16_to_1.68.json",
    tags_as_fields_of_1_x_are_read: "1.x_tags_as_fields.json",
    native_values_of_1_69_to_1_76_are_read: "1.69_to_1.76.json",
    otlp_documents_of_2_7_to_2_19_are_read: "2.7_to_2.19.json",
    parents_as_fields_of_2_20_are_read: "2.20.json",
    everything_as_fields_of_2_x_is_read: "2.x_tags_as_fields_all.json",
    one_trace_of_all_generations_is_read: "mixed_trace.json",
    hourly_indices_are_read: "hourly_indices.json",
    indices_behind_aliases_are_read: "behind_aliases.json",
    indices_behind_aliases_of_other_names_are_read: "behind_custom_aliases.json",
    archives_of_1_x_are_read: "archive_1.x.json",
    archives_of_1_x_behind_aliases_are_read: "archive_1.x_behind_aliases.json",
    archives_of_2_x_are_read: "archive_2.x.json",
    oddities_are_read: "oddities.json",
}

#[test]
fn no_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generations");
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = names.collect();
    assert_eq!(there, FILES.iter().map(|&file| file.to_owned()).collect::<BTreeSet<_>>());
}

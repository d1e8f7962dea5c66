//! Where each question of the reader goes under every kind of names, compared with what was reviewed and committed
//! (`testdata/requests/*/where.txt`). What is asked there is what `requests` has reviewed under daily names, to the letter.
//! `SPOOR_REWRITE_GOLDEN=1 cargo test -p spoor-storage-elasticsearch --test requests_by_names` writes the files anew.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use clap::{Args, FromArgMatches};
use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use spoor_model::filter::Filter;
use spoor_model::{FoundTrace, OperationQuery, SpanBatch, SpanKind, TraceId, TraceLookup, TraceQuery};
use spoor_storage::SpanReader;
use spoor_storage::conformance::trace_id;
use spoor_storage_elasticsearch::{ArchiveConfig, ElasticsearchReader, ElasticsearchStore};
use support::fake::{Asked, FakeServer};
use support::golden::{self, VERSIONS, at_noon, context, found_and_goes_on, question};

/// Kinds of names: the folder of the reviewed file, and the settings of the store or, where there are any, of the archive beside it.
const NAMES: [(&str, &[&str], &[&str]); 9] = [
    ("daily", &[], &[]),
    (
        "hourly",
        &[
            "--es.index-prefix=prod",
            "--es.index-date-separator=.",
            "--es.index-rollover-frequency-spans=hour",
            "--es.index-rollover-frequency-services=hour",
        ],
        &[],
    ),
    ("remote", &["--es.remote-read-clusters=east,west"], &[]),
    ("aliases-of-jaeger", &["--es.use-aliases", "--es.index-prefix=prod"], &[]),
    (
        "aliases",
        &[
            "--es.use-aliases",
            "--es.span-read-alias=spans-to-read",
            "--es.span-write-alias=spans-to-write",
            "--es.service-read-alias=services-to-read",
            "--es.service-write-alias=services-to-write",
            "--es.compact-span-read-alias=compact-to-read",
            "--es.compact-span-write-alias=compact-to-write",
        ],
        &[],
    ),
    (
        "lifecycle",
        &["--es.use-aliases", "--es.use-ilm", "--es.ilm-policy-name=week", "--es.remote-read-clusters=east"],
        &[],
    ),
    ("archive", &["--es.index-prefix=prod"], &["--es-archive.enabled"]),
    ("archive-aliases", &[], &["--es-archive.enabled", "--es-archive.use-aliases"]),
    (
        "archive-dated",
        &[],
        &["--es-archive.enabled", "--es-archive.names=dated", "--es-archive.index-prefix=kept"],
    ),
];

type Settings<'a> = (&'a [&'a str], &'a [&'a str]);

fn read_flags<T: Args + FromArgMatches>(flags: &[&str]) -> T {
    let command = T::augment_args(clap::Command::new("test").no_binary_name(true));
    T::from_arg_matches(&command.get_matches_from(flags)).unwrap()
}

/// With the settings that all golden files have in common.
fn open(server: &FakeServer, version: u32, (store, archive): Settings<'_>) -> ElasticsearchStore {
    let common = golden::config(server, version);
    let mut config: spoor_storage_elasticsearch::Config = read_flags(store);
    config.connection = common.connection;
    config.indices.max_span_age = common.indices.max_span_age;
    config.indices.max_doc_count = common.indices.max_doc_count;
    if archive.is_empty() {
        return ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
    }
    let archive: ArchiveConfig = read_flags(archive);
    ElasticsearchStore::open_archive(&archive, &config, &mut Registry::default()).unwrap()
}

/// Requests in two parts: where they go, in a form for review, and all the rest.
#[derive(Default)]
struct Questions {
    places: String,
    contents: Vec<String>,
}

impl Questions {
    /// Takes up what was asked as part of the question of that name.
    fn add(&mut self, name: &str, asked: &[Asked]) {
        self.places.extend(["# ", name, "\n"]);
        let mut places: Vec<String> = Vec::new();
        for asked in asked {
            let (path, parameters) = asked.line.split_once('?').unwrap_or((&asked.line, ""));
            self.contents.push(format!("{name}: {parameters}"));
            if path != "POST /_msearch" {
                places.push(path.to_owned());
                self.contents.push(asked.body.clone());
                continue;
            }
            for (number, line) in asked.body.lines().enumerate() {
                let part = if number % 2 == 0 { &mut places } else { &mut self.contents };
                part.push(line.to_owned());
            }
        }
        places.dedup();
        self.places.extend(places.iter().flat_map(|place| [place, "\n"]));
    }
}

async fn read_all(reader: &ElasticsearchReader, query: &TraceQuery) {
    let found = reader.find_traces(&context(), query).await.unwrap();
    found.try_collect::<Vec<SpanBatch>>().await.unwrap();
}

fn by_tag() -> TraceQuery {
    TraceQuery { tags: vec![("http.method".to_owned(), "GET|POST".to_owned())], ..question() }
}

fn by_filter() -> TraceQuery {
    let filter = r#"{"op":"eq","args":[{"attr":{"key":"http.method","level":"span"}},{"scalar":{"value":"GET","type":"string"}}]}"#;
    let filter = Filter::read(&serde_json::from_str(filter).unwrap()).unwrap();
    TraceQuery { service: None, filter: Some(filter), ..question() }
}

/// One question of each kind.
const KINDS: [&str; 9] = [
    "services",
    "operations",
    "operations of a kind",
    "trace by id",
    "search",
    "search by tag",
    "search by filter",
    "places behind a place",
    "summaries",
];

async fn ask(reader: &ElasticsearchReader, kind: &str) {
    let context = context();
    match kind {
        "services" => drop(reader.services(&context).await.unwrap()),
        "operations" | "operations of a kind" => {
            let span_kind = (kind != "operations").then_some(SpanKind::Server);
            let query = OperationQuery { service: "shop".to_owned(), span_kind };
            reader.operations(&context, &query).await.unwrap();
        }
        "trace by id" => {
            let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
            let pages = reader.trace(&context, &lookup).await.unwrap();
            pages.try_collect::<Vec<SpanBatch>>().await.unwrap();
        }
        "search" => read_all(reader, &question()).await,
        "search by tag" => read_all(reader, &by_tag()).await,
        "search by filter" => read_all(reader, &by_filter()).await,
        "places behind a place" => {
            let place = FoundTrace { newest_match_micros: at_noon(7).micros(), trace_id: trace_id(1) };
            reader.find_trace_ids(&context, &question(), Some(place)).await.unwrap();
        }
        _ => {
            let ids = [trace_id(1), TraceId(0x2a)];
            reader.summaries(&context, &ids, question().start).await.unwrap();
        }
    }
}

async fn questions(version: u32, settings: Settings<'_>) -> Questions {
    let mut questions = Questions::default();
    for kind in KINDS {
        let server = FakeServer::start(found_and_goes_on);
        ask(&open(&server, version, settings).reader(), kind).await;
        questions.add(kind, &server.asked("search"));
    }
    questions
}

#[tokio::test]
async fn every_question_goes_to_the_reviewed_places_under_every_kind_of_names_and_asks_the_same_there() {
    let mut daily = None;
    for (folder, store, archive) in NAMES {
        let mut places = Vec::new();
        for version in VERSIONS {
            let questions = questions(version, (store, archive)).await;
            let contents = daily.get_or_insert_with(|| questions.contents.clone());
            assert_eq!(questions.contents, *contents, "{folder}, server {version}");
            places.push((version, questions.places));
        }
        golden::compare(&format!("{folder}/where.txt"), &places);
    }
}

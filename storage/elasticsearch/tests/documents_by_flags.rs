//! What the flags of documents put into them, from the command line on.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use clap::{Args, FromArgMatches};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use spoor_model::ValueView;
use spoor_storage::SpanWriter;
use spoor_storage::conformance::{Sample, batch_of, some_minutes_ago, trace_id};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore};
use support::connection::{answers, context};
use support::fake::FakeServer;

/// The document of one span with a text, a number and a truth, as the store gets it.
async fn document(flags: &[String]) -> Value {
    let server = FakeServer::start(answers);
    let command = Config::augment_args(clap::Command::new("test").no_binary_name(true));
    let url = format!("--es.server-urls={}", server.url());
    let matches = command.get_matches_from(std::iter::once(&url).chain(flags));
    let config = Config::from_arg_matches(&matches).unwrap();
    let store = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
    let span = Sample { resource: vec![("host.name", ValueView::Str("h1"))], ..sample() };
    store.writer().write(&context(), &batch_of(&[span])).await.unwrap();
    let bulk = server.asked("_bulk").remove(0);
    let mut lines = bulk.body.lines().skip_while(|line| !line.contains("jaeger-span-"));
    serde_json::from_str(lines.nth(1).unwrap()).unwrap()
}

fn sample() -> Sample<'static> {
    Sample::new(trace_id(1), 1, some_minutes_ago())
        .with("http.method", ValueView::Str("GET"))
        .with("http.status_code", ValueView::Int(503))
        .with("retried", ValueView::Bool(true))
}

/// The items of a document's list that are of these keys.
fn listed(document: &Value, keys: &[&str]) -> Vec<Value> {
    let tags = document["tags"].as_array().unwrap().iter();
    tags.filter(|tag| keys.iter().any(|key| tag["key"] == *key)).cloned().collect()
}

const KEYS: [&str; 3] = ["http.method", "http.status_code", "retried"];

#[tokio::test]
async fn fields_have_what_is_set_in_place_of_dots_and_only_those_that_are_set_are_fields() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, "http.status_code\nhost.name\n").unwrap();
    let all = "--es.tags-as-fields.all".to_owned();
    let include = "--es.tags-as-fields.include=http.method".to_owned();
    let from_file = format!("--es.tags-as-fields.config-file={}", file.display());
    let dots = "--es.tags-as-fields.dot-replacement=__".to_owned();
    let (method, code) = (json!("GET"), json!(503));
    for (flags, fields, host, in_list) in [
        (vec![], vec![], None, 3),
        (
            vec![all.clone()],
            vec![("http@method", &method), ("http@status_code", &code)],
            Some("host@name"),
            0,
        ),
        (
            vec![all, dots],
            vec![("http__method", &method), ("http__status_code", &code)],
            Some("host__name"),
            0,
        ),
        (vec![include.clone()], vec![("http@method", &method)], None, 2),
        (
            vec![include, from_file],
            vec![("http@method", &method), ("http@status_code", &code)],
            Some("host@name"),
            1,
        ),
    ] {
        let document = document(&flags).await;
        for field in ["http@method", "http__method", "http@status_code", "http__status_code"] {
            let expected = fields.iter().find(|(name, _)| *name == field).map(|(_, value)| *value);
            assert_eq!(document["tag"].get(field), expected, "{flags:?} {field}: {document}");
        }
        let hosts =
            document["process"]["tag"].as_object().map(|tags| tags.keys().cloned().collect::<Vec<_>>());
        assert_eq!(hosts.unwrap_or_default(), host.into_iter().collect::<Vec<_>>(), "{flags:?}: {document}");
        assert_eq!(listed(&document, &KEYS).len(), in_list, "{flags:?}: {document}");
    }
}

#[tokio::test]
async fn values_in_lists_are_native_or_text_as_is_set() {
    for (flags, code, truth) in [
        (vec![], json!(503), json!(true)),
        (vec!["--es.tag-values=native".to_owned()], json!(503), json!(true)),
        (vec!["--es.tag-values=string".to_owned()], json!("503"), json!("true")),
    ] {
        let document = document(&flags).await;
        let expected = [
            json!({"key": "http.method", "type": "string", "value": "GET"}),
            json!({"key": "http.status_code", "type": "int64", "value": code}),
            json!({"key": "retried", "type": "bool", "value": truth}),
        ];
        assert_eq!(listed(&document, &KEYS), expected, "{flags:?}");
    }
}

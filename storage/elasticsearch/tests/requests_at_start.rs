//! What is asked and installed when a store is opened, compared with what was reviewed and committed under `testdata/requests`. Templates
//! themselves are under `testdata/templates`.
//! `SPOOR_REWRITE_GOLDEN=1 cargo test -p spoor-storage-elasticsearch --test requests_at_start` writes the files anew.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::collections::BTreeMap;
use std::sync::Mutex;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use spoor_storage_elasticsearch::{Config, ElasticsearchStore, Layout, Readiness};
use support::fake::{Answer, Asked, FakeServer, healthy, remotes};
use support::golden::{self, Passing, Requests, VERSIONS, daily, hourly_with_remote, shown};

/// A version as the settings know it, its number, and what such a server says besides.
type Greeting = (u32, &'static str, &'static str);

/// Servers that are asked the same, and the folder for them.
const GREETINGS: [(&str, &[Greeting]); 3] = [
    ("elasticsearch-7", &[(7, "7.10.2", "You Know, for Search")]),
    ("elasticsearch-8-9", &[(8, "8.19.1", "You Know, for Search"), (9, "9.1.0", "You Know, for Search")]),
    (
        "opensearch-1-3",
        &[
            (101, "1.3.20", "The OpenSearch Project: https://opensearch.org/"),
            (102, "2.19.3", "The OpenSearch Project: https://opensearch.org/"),
            (103, "3.8.0", "The OpenSearch Project: https://opensearch.org/"),
        ],
    ),
];
/// Indices to come are named for the day.
const DAYS: [Passing; 5] = [
    ("_simulate_index/jaeger%2Dspan%2D2", "\n", "day to come"),
    ("_simulate_index/jaeger%2Dservice%2D2", "\n", "day to come"),
    ("_simulate_index/spoor%2Dspan%2D2", "\n", "day to come"),
    ("GET /jaeger%2Dspan%2D2", "?", "day"),
    ("GET /jaeger%2Dservice%2D2", "?", "day"),
];

/// The templates that a server was given, by their names.
type Templates = BTreeMap<String, Value>;

/// As servers tell what they were given as one text.
fn patterns(template: &Value) -> [&Value; 1] {
    [&template["index_patterns"]]
}

fn listed(composable: &Templates) -> Value {
    let one = |(name, template): (&String, &Value)| {
        let told = json!({ "index_patterns": patterns(template), "priority": template["priority"] });
        json!({ "name": name, "index_template": told })
    };
    json!({ "index_templates": composable.iter().map(one).collect::<Vec<_>>() })
}

fn told(legacy: &Templates) -> Value {
    let one = |(name, template): (&String, &Value)| {
        let (mappings, settings) = (&template["mappings"], &template["settings"]);
        let told = json!({ "order": 0, "index_patterns": patterns(template), "mappings": mappings, "settings": settings });
        (name.clone(), told)
    };
    legacy.iter().map(one).collect::<serde_json::Map<_, _>>().into()
}

/// A server that keeps the templates that it is given. Its aliases are there, and no index of a day.
fn keeping((_, number, tagline): Greeting) -> FakeServer {
    let kept: Mutex<[Templates; 2]> = Mutex::default();
    FakeServer::start(move |asked: &Asked| {
        let mut kept = kept.lock().unwrap();
        let [legacy, composable] = &mut *kept;
        let (method, path) = asked.line.split_once(' ').unwrap();
        let body = || serde_json::from_str::<Value>(&asked.body).unwrap();
        let answer = match path.split('/').nth(1).unwrap().split('?').next().unwrap() {
            "" => json!({ "version": { "number": number }, "tagline": tagline }),
            "_template" if method == "PUT" => {
                legacy.insert(path.replace("/_template/", ""), body());
                json!({ "acknowledged": true })
            }
            "_template" => told(legacy),
            "_index_template" if method == "PUT" => {
                composable.insert(path.replace("/_index_template/", ""), body());
                json!({ "acknowledged": true })
            }
            "_index_template" if method == "GET" => listed(composable),
            "_index_template" => {
                let of_index = |name: &str| path.contains(&name.replace('-', "%2D"));
                let found = composable.iter().find(|(name, _)| of_index(name)).unwrap();
                json!({ "template": found.1["template"] })
            }
            _ if path.contains("/_field_caps") => json!({ "indices": [], "fields": {} }),
            index if path.ends_with("?filter_path=*.aliases") && index.contains("%2D2") => {
                return (404, "", "{}".to_owned());
            }
            _ if path.ends_with("?filter_path=*.aliases") => {
                json!({ "jaeger-span-000001": { "aliases": {} } })
            }
            _ => return healthy(asked),
        };
        (200, "", answer.to_string())
    })
}

/// Without what templates have in files of their own.
fn without_templates(asked: &Asked) -> String {
    if asked.line.starts_with("PUT ") { asked.line.clone() + "\n" } else { shown(asked) }
}

/// Compares what is sent until the store is told to be so.
async fn compare(file: &str, change: fn(&mut Config), until: fn(&Readiness) -> bool) {
    for (folder, servers) in GREETINGS {
        let mut all = Vec::new();
        for &server_is in servers {
            let server = keeping(server_is);
            let mut config = golden::config(&server, 0);
            change(&mut config);
            let store = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
            store.readiness().wait_for(until).await.unwrap();
            let sent = server.asked("").iter().map(without_templates).collect::<Vec<_>>().join("\n");
            let sent = DAYS.into_iter().fold(sent, |text, what| golden::without_passing(&text, what));
            all.push((server_is.0, sent));
        }
        golden::compare(&format!("{folder}/{file}"), &all);
    }
}

fn is_ready(state: &Readiness) -> bool {
    matches!(state, Readiness::Ready(_))
}

#[tokio::test]
async fn templates_are_installed_and_looked_at_by_the_reviewed_requests() {
    compare("start.txt", daily, is_ready).await;
    compare("start-compact.txt", |config| config.layout.layout = Layout::Compact, is_ready).await;
    let lifecycle = |config: &mut Config| {
        config.indices.use_aliases = true;
        config.templates.use_ilm = true;
        config.templates.ilm_policy_name = "keep-a-week".to_owned();
    };
    compare("start-lifecycle.txt", lifecycle, is_ready).await;
}

#[tokio::test]
async fn where_no_template_is_the_indices_of_now_are_asked_for_by_the_reviewed_requests() {
    let is_refused =
        |state: &Readiness| matches!(state, Readiness::NotReady(why) if why.contains("no index template"));
    compare("start-without-templates.txt", |config| config.templates.create = false, is_refused).await;
}

/// The server lost a remote cluster, and has it back when it is searched.
fn without_connection(asked: &Asked) -> Answer {
    if asked.line == "GET /_remote/info" { (200, "", remotes(&[("east", false)])) } else { healthy(asked) }
}

#[tokio::test]
async fn a_remote_cluster_without_a_connection_is_asked_for_by_the_reviewed_search() {
    let requests = Requests {
        versions: &VERSIONS,
        lines: &["/_remote/", "/_search"],
        passing: &[],
        answer: without_connection,
    };
    let open = async |config: &Config| {
        let store = ElasticsearchStore::open(config, &mut Registry::default()).unwrap();
        store.readiness().wait_for(is_ready).await.unwrap();
    };
    requests.compare("hourly/reached-without-connection.txt", hourly_with_remote, open).await;
}

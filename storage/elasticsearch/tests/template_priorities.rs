//! The priority of every template, from the command line to the store, whoever installs it.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use clap::{Args, FromArgMatches};
use prometheus_client::registry::Registry;
use serde_json::Value;
use spoor_model::{DependencyReport, UnixNanos};
use spoor_storage::{DependencyStore, IndexFamily, IndexSeries, SamplingStore};
use spoor_storage_elasticsearch::{Config, ElasticsearchIndices, ElasticsearchStore};
use support::connection::{answers, context, write};
use support::fake::FakeServer;

/// As a role that samples adaptively reads its settings.
fn set_by(server: &FakeServer, flags: &[&str]) -> Config {
    let command = Config::augment_args(clap::Command::new("test").no_binary_name(true));
    let url = format!("--es.server-urls={}", server.url());
    let matches = command.try_get_matches_from(std::iter::once(url.as_str()).chain(flags.iter().copied()));
    let config = Config::from_arg_matches(&matches.unwrap()).unwrap();
    config.validate_with_sampling().unwrap();
    config
}

/// The priority of the template that was installed, by whomever.
fn priority(server: &FakeServer, template: &str) -> Value {
    let asked = server.asked(&format!("PUT /_index_template/{template}")).pop().expect("it was installed");
    serde_json::from_str::<Value>(&asked.body).unwrap()["priority"].take()
}

const FLAGS: [&str; 4] = [
    "--es.prioirity-span-template=5",
    "--es.prioirity-service-template=6",
    "--es.prioirity-dependencies-template=7",
    "--es.prioirity-sampling-template=8",
];
/// Servers whose templates have priorities, by themselves or on request.
const SERVERS: [&[&str]; 5] = [
    &["--es.version=8"],
    &["--es.version=9"],
    &["--es.version=7", "--es.composable-templates"],
    &["--es.version=102", "--es.composable-templates"],
    &["--es.version=103", "--es.composable-templates"],
];

#[tokio::test]
async fn each_template_comes_with_what_needs_it_and_the_priority_of_its_own_flag() {
    for server_flags in SERVERS {
        let server = FakeServer::start(answers);
        let config = set_by(&server, &[&FLAGS, server_flags].concat());
        let store = ElasticsearchStore::open(&config, &mut Registry::default()).unwrap();
        write(&store).await.unwrap();
        store.sampling().write_throughput(&context(), UnixNanos::ZERO, &[]).await.unwrap();
        let report =
            DependencyReport { day: UnixNanos::ZERO, source: "jaeger".to_owned(), calls: Vec::new() };
        store.dependencies().write_dependencies(&context(), &report).await.unwrap();
        let found = ["span", "service", "dependencies", "sampling"]
            .map(|family| priority(&server, &format!("jaeger-{family}")));
        assert_eq!(found, [5, 6, 7, 8].map(Value::from), "{server_flags:?}");
    }
}

#[tokio::test]
async fn who_begins_a_series_of_indices_installs_its_template_with_the_priority_of_its_own_flag() {
    for server_flags in SERVERS {
        let server = FakeServer::start(answers);
        let config = set_by(&server, &[&FLAGS, server_flags].concat());
        let indices = ElasticsearchIndices::open(&config).unwrap();
        for (family, expected) in [
            (IndexFamily::Archive, 6),
            (IndexFamily::Span, 5),
            (IndexFamily::CompactSpan, 5),
            (IndexFamily::Service, 6),
            (IndexFamily::Dependencies, 7),
            (IndexFamily::Sampling, 8),
        ] {
            indices.install_template(&context(), family).await.unwrap();
            assert_eq!(priority(&server, family.base()), expected, "{server_flags:?} {family:?}");
        }
    }
}

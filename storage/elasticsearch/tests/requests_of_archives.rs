//! Every request about traces that are kept in an archive, compared with what was reviewed and committed under `testdata/requests`.
//! `SPOOR_REWRITE_GOLDEN=1 cargo test -p spoor-storage-elasticsearch --test requests_of_archives` writes the files anew.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use clap::{Args, FromArgMatches};
use futures::TryStreamExt;
use prometheus_client::registry::Registry;
use spoor_model::{SpanBatch, TraceLookup};
use spoor_storage::conformance::trace_id;
use spoor_storage::{SpanReader, SpanWriter};
use spoor_storage_elasticsearch::{ArchiveConfig, Config, ElasticsearchStore};
use support::fake::{Answer, Asked, healthy};
use support::golden::{Requests, VERSIONS, WHOLE, context, daily, hourly_with_remote, spans};

/// By whom an archive is named, and how.
const ARCHIVES: [(&str, &[&str]); 6] = [
    ("archive", &["--es-archive.enabled"]),
    ("archive-aliases", &["--es-archive.enabled", "--es-archive.use-aliases"]),
    (
        "archive-custom-aliases",
        &[
            "--es-archive.enabled",
            "--es-archive.use-aliases",
            "--es-archive.span-read-alias=kept-to-read",
            "--es-archive.span-write-alias=kept-to-write",
        ],
    ),
    (
        "archive-dated",
        &["--es-archive.enabled", "--es-archive.names=dated", "--es-archive.index-prefix=jaeger-archive"],
    ),
    ("archive-compact", &["--es-archive.enabled", "--es-archive.layout=compact"]),
    ("archive-remote", &["--es-archive.enabled", "--es-archive.remote-read-clusters=east,west"]),
];

fn archive(store: &Config, flags: &[&str]) -> ElasticsearchStore {
    let command = ArchiveConfig::augment_args(clap::Command::new("test").no_binary_name(true));
    let settings = ArchiveConfig::from_arg_matches(&command.get_matches_from(flags)).unwrap();
    ElasticsearchStore::open_archive(&settings, store, &mut Registry::default()).unwrap()
}

/// Finds nothing.
fn nothing(asked: &Asked) -> Answer {
    if asked.line.contains("/_search") { (200, "", format!("{{{WHOLE}}}")) } else { healthy(asked) }
}

const REQUESTS: Requests =
    Requests { versions: &VERSIONS, lines: &["/_bulk", "/_search"], passing: &[], answer: nothing };

#[tokio::test]
async fn archived_traces_are_written_by_the_reviewed_bulks() {
    for (folder, flags) in ARCHIVES {
        let write = async |config: &Config| {
            archive(config, flags).writer().write(&context(), &spans()).await.unwrap();
        };
        REQUESTS.compare(&format!("{folder}/bulk.txt"), daily, write).await;
    }
}

#[tokio::test]
async fn archived_traces_are_read_by_the_reviewed_searches() {
    for (folder, flags) in ARCHIVES {
        let read = async |config: &Config| {
            let lookup = TraceLookup { trace_id: trace_id(1), hint: None };
            let reader = archive(config, flags).reader();
            let pages = reader.trace(&context(), &lookup).await.unwrap();
            assert!(pages.try_collect::<Vec<SpanBatch>>().await.unwrap().is_empty());
        };
        REQUESTS.compare(&format!("{folder}/trace.txt"), daily, read).await;
        if folder == "archive" {
            REQUESTS.compare("archive/trace-of-a-prefix.txt", hourly_with_remote, read).await;
        }
    }
}

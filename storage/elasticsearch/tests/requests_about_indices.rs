//! Every request about whole indices, compared with what was reviewed and committed under `testdata/requests`.
//! `SPOOR_REWRITE_GOLDEN=1 cargo test -p spoor-storage-elasticsearch --test requests_about_indices` writes the files
//! anew.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use prometheus_client::registry::Registry;
use spoor_model::{TraceId, UnixNanos};
use spoor_storage::conformance::trace_id;
use spoor_storage::{
    AliasChange, Doomed, IndexAdmin, IndexAlias, IndexFamily, IndexSeries, IndexSnapshots, LifecyclePolicies,
    LifecycleRules, Pace, SpanEraser, TaskId,
};
use spoor_storage_elasticsearch::{Config, ElasticsearchIndices, ElasticsearchStore};
use support::fake::{Answer, Asked, healthy};
use support::golden::{NOON, Passing, Requests, VERSIONS, context, daily};

/// The time that is left is passed on in seconds.
const TIME_LEFT: &[Passing] = &[("timeout=", "s", "time left")];
const INDEX: &str = "prod-jaeger-span-000001";

fn indices(config: &Config) -> ElasticsearchIndices {
    ElasticsearchIndices::open(config).unwrap()
}

/// Everything was done, and there is nothing.
fn done(asked: &Asked) -> Answer {
    let body = match asked.line.split('?').next().unwrap_or_default() {
        path if path.contains("/_cat/indices/") => "[]",
        path if path.contains("/_rollover/") => r#"{"conditions":{"[max_age: 2d]":false}}"#,
        path if path.contains("/_cluster/health/") => r#"{"timed_out":false}"#,
        path if path.contains("/_delete_by_query") => r#"{"task":"a:1"}"#,
        path if path.contains("/_tasks/") => r#"{"completed":false,"task":{}}"#,
        path if path.contains("/_tasks") => r#"{"nodes":{}}"#,
        path if path.contains("/_count") => r#"{"count":0,"_shards":{"failed":0}}"#,
        path if path.contains("/_forcemerge") => r#"{"_shards":{"failed":0}}"#,
        path if path.starts_with("GET /_snapshot/") => {
            r#"{"snapshots":[{"state":"SUCCESS","indices":[],"failures":[]}]}"#
        }
        path if path.starts_with("GET /prod-") => "{}",
        path if path.starts_with("GET /_nodes/") => r#"{"nodes":{}}"#,
        _ => return healthy(asked),
    };
    (200, "", body.to_owned())
}

const ALL: Requests = Requests { versions: &VERSIONS, lines: &["/"], passing: TIME_LEFT, answer: done };

#[tokio::test]
async fn indices_are_listed_and_deleted_by_the_reviewed_requests() {
    let list = async |config: &Config| {
        let beginnings = ["prod-jaeger-", "prod-spoor-"].map(str::to_owned);
        indices(config).inventory(&context(), &beginnings).await.unwrap();
    };
    ALL.compare("indices/list.txt", daily, list).await;
    let delete = async |config: &Config| {
        let names = ["prod-jaeger-span-2026-08-20", "prod-jaeger-span-2026.08.19"].map(str::to_owned);
        indices(config).delete(&context(), &names).await.unwrap();
    };
    ALL.compare("indices/delete.txt", daily, delete).await;
}

fn behind(name: &str, is_write_index: Option<bool>) -> IndexAlias {
    IndexAlias { name: name.to_owned(), is_write_index }
}

#[tokio::test]
async fn a_series_is_begun_and_goes_on_by_the_reviewed_requests() {
    let begin = async |config: &Config| {
        let aliases = [behind("prod-jaeger-span-read", None), behind("prod-jaeger-span-write", Some(true))];
        indices(config).create_index(&context(), INDEX, &aliases).await.unwrap();
    };
    ALL.compare("indices/series-begun.txt", daily, begin).await;
    let go_on = async |config: &Config| {
        let next = "prod-jaeger-span-000002";
        let write = "prod-jaeger-span-write";
        let store = indices(config);
        let conditions = r#"{"max_age":"2d","max_docs":5}"#;
        assert!(!store.is_due(&context(), write, next, conditions).await.unwrap());
        store.create_index(&context(), next, &[]).await.unwrap();
        store.await_index(&context(), next).await.unwrap();
        let add = |index: &str, alias| AliasChange::Add { index: index.to_owned(), alias };
        let changes = [
            add(next, behind("prod-jaeger-span-read", None)),
            add(INDEX, behind(write, Some(false))),
            add(next, behind(write, Some(true))),
        ];
        store.change_aliases(&context(), &changes).await.unwrap();
    };
    ALL.compare("indices/series-goes-on.txt", daily, go_on).await;
    let look_back = async |config: &Config| {
        let gone = AliasChange::Remove { index: INDEX.to_owned(), alias: "prod-jaeger-span-read".to_owned() };
        indices(config).change_aliases(&context(), &[gone]).await.unwrap();
    };
    ALL.compare("indices/series-looked-back.txt", daily, look_back).await;
}

fn lifecycle(config: &mut Config) {
    config.indices.use_aliases = true;
    config.templates.use_ilm = true;
    config.templates.ilm_policy_name = "keep-a-week".to_owned();
}

/// Servers that have the same lifecycle policies, and the folder for them.
const POLICIES: [(&str, &[u32]); 3] =
    [("elasticsearch-7", &[7]), ("elasticsearch-8-9", &[8, 9]), ("opensearch-1-3", &[101, 102, 103])];

#[tokio::test]
async fn lifecycle_policies_are_looked_for_and_written_by_the_reviewed_requests() {
    let rules = LifecycleRules {
        prefix: "prod".to_owned(),
        roll_over: r#"{"max_age":"2d","max_docs":5}"#.to_owned(),
        keeps_days: 14,
    };
    let write = async |config: &Config| {
        let store = indices(config);
        assert!(store.find_policy(&context(), "keep-a-week", &rules).await.unwrap().is_none());
        store.write_policy(&context(), "keep-a-week", &rules, None).await.unwrap();
    };
    let install = async |config: &Config| {
        indices(config).install_template(&context(), IndexFamily::Span).await.unwrap();
    };
    for (folder, versions) in POLICIES {
        let without = |asked: &Asked| match asked.line.starts_with("GET ") {
            true => (404, "", "{}".to_owned()),
            false => healthy(asked),
        };
        let requests = Requests { versions, answer: without, ..ALL };
        requests.compare(&format!("{folder}/policy-written.txt"), daily, write).await;
        let requests = Requests { versions, ..ALL };
        requests.compare(&format!("{folder}/policy-before-templates.txt"), lifecycle, install).await;
    }
}

#[tokio::test]
async fn snapshots_are_begun_and_asked_for_by_the_reviewed_requests() {
    let snapshot = async |config: &Config| {
        let store = indices(config);
        store.begin_snapshot(&context(), "back up", "one", &[INDEX.to_owned()]).await.unwrap();
        store.snapshot_state(&context(), "back up", "one").await.unwrap();
    };
    ALL.compare("indices/snapshot.txt", daily, snapshot).await;
}

#[tokio::test]
async fn single_spans_are_counted_and_removed_by_the_reviewed_requests() {
    let remove = async |config: &Config| {
        let doomed = Doomed {
            service: Some("shop".to_owned()),
            operation: Some("GET /cart".to_owned()),
            tags: vec![("user.id".to_owned(), "7".to_owned())],
            trace_ids: vec![trace_id(1), TraceId(0x2a)],
            before: Some(UnixNanos::from_millis(NOON)),
        };
        let store = indices(config);
        assert_eq!(store.count(&context(), INDEX, &doomed, true).await.unwrap(), 0);
        let paced = Pace { per_second: Some(300), slices: Some(4) };
        store.begin(&context(), INDEX, &doomed, paced, "spoor-erase-1").await.unwrap();
        assert_eq!(store.under_way(&context(), "spoor-erase-1").await.unwrap(), []);
        store.progress(&context(), &TaskId("a:1".to_owned())).await.unwrap();
        store.expunge(&context(), INDEX).await.unwrap();
    };
    ALL.compare("indices/erase.txt", daily, remove).await;
    let at_full_speed = async |config: &Config| {
        let doomed = Doomed { service: Some("shop".to_owned()), ..Doomed::default() };
        let pace = Pace { per_second: None, slices: None };
        indices(config).begin(&context(), INDEX, &doomed, pace, "spoor-erase-2").await.unwrap();
    };
    ALL.compare("indices/erase-at-full-speed.txt", daily, at_full_speed).await;
}

fn sniffing(config: &mut Config) {
    config.connection.sniffing.enabled = true;
}

#[tokio::test]
async fn nodes_are_asked_for_by_the_reviewed_request() {
    let open = async |config: &Config| ElasticsearchStore::open(config, &mut Registry::default()).unwrap();
    let requests = Requests { lines: &["/_nodes/"], ..ALL };
    requests.compare("indices/sniff.txt", sniffing, open).await;
}

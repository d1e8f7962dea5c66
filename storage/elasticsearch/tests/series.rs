//! What a store is asked to do about series of indices behind aliases.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use serde_json::{Value, json};
use spoor_storage::{AliasChange, IndexAlias, IndexFamily, IndexSeries, RecordErrorKind};
use spoor_storage_elasticsearch::{Config, ElasticsearchIndices};
use support::connection::{config, context};
use support::fake::{Asked, FakeServer, healthy};

fn opened(server: &FakeServer, change: impl FnOnce(&mut Config)) -> ElasticsearchIndices {
    let mut config = config(server, |_| {});
    config.indices.prefix = "prod".to_owned();
    config.indices.use_aliases = true;
    change(&mut config);
    ElasticsearchIndices::open(&config).unwrap()
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

fn behind(name: &str, is_write_index: Option<bool>) -> IndexAlias {
    IndexAlias { name: name.to_owned(), is_write_index }
}

#[tokio::test]
async fn an_index_is_made_together_with_its_aliases() {
    let server = FakeServer::start(healthy);
    let aliases = [behind("r", None), behind("w", Some(true))];
    opened(&server, |_| {}).create_index(&context(), "prod-000001", &aliases).await.unwrap();
    let asked = server.asked("PUT /prod-000001?");
    assert_eq!(asked.len(), 1);
    assert_eq!(body(&asked[0]), json!({"aliases": {"r": {}, "w": {"is_write_index": true}}}));
}

#[tokio::test]
async fn aliases_change_in_one_request() {
    let server = FakeServer::start(healthy);
    let changes = [
        AliasChange::Add { index: "b".to_owned(), alias: behind("w", Some(true)) },
        AliasChange::Remove { index: "a".to_owned(), alias: "r".to_owned() },
    ];
    opened(&server, |_| {}).change_aliases(&context(), &changes).await.unwrap();
    let asked = server.asked("POST /_aliases?");
    assert_eq!(asked.len(), 1);
    let expected = json!({"actions": [
        {"add": {"index": "b", "alias": "w", "is_write_index": true}},
        {"remove": {"index": "a", "alias": "r"}},
    ]});
    assert_eq!(body(&asked[0]), expected);
}

/// A store that judges conditions so.
fn judging(conditions: &str) -> FakeServer {
    let answer = format!(
        r#"{{"acknowledged":false,"dry_run":true,"rolled_over":false,"conditions":{{{conditions}}}}}"#
    );
    FakeServer::start(move |asked| {
        if asked.line.contains("_rollover") { (200, "", answer.clone()) } else { healthy(asked) }
    })
}

#[tokio::test]
async fn conditions_are_judged_by_the_store_and_change_nothing() {
    for (conditions, is_due) in [
        (r#""[max_age: 2d]":false,"[max_docs: 7]":true"#, true),
        (r#""[max_age: 2d]":false,"[max_docs: 7]":false"#, false),
        (r#""[max_age: 2d]":true,"[min_docs: 1]":false"#, false),
        (r#""[max_age: 2d]":true,"[min_docs: 1]":true"#, true),
        (r#""[min_docs: 1]":true"#, false),
    ] {
        let server = judging(conditions);
        let told = opened(&server, |_| {}).is_due(&context(), "w", "w-000002", r#"{"max_age":"2d"}"#).await;
        assert_eq!(told.unwrap(), is_due, "{conditions}");
        let asked = server.asked("POST /w/_rollover/w-000002?dry_run=true");
        assert_eq!(body(&asked[0]), json!({"conditions": {"max_age": "2d"}}));
    }
    let server = judging("");
    assert!(opened(&server, |_| {}).is_due(&context(), "w", "w-000002", "{}").await.unwrap());
    assert!(server.asked("_rollover").is_empty(), "without conditions there is no question");
}

#[tokio::test]
async fn an_index_whose_shards_do_not_start_is_told_of() {
    for (timed_out, is_fine) in [("false", true), ("true", false)] {
        let server = FakeServer::start(move |asked| match asked.line.contains("_cluster/health") {
            true => (200, "", format!(r#"{{"timed_out":{timed_out},"status":"red"}}"#)),
            false => healthy(asked),
        });
        let waited = opened(&server, |_| {}).await_index(&context(), "w-000002").await;
        assert_eq!(waited.is_ok(), is_fine, "{waited:?}");
        assert_eq!(server.asked("GET /_cluster/health/w-000002?wait_for_status=yellow&timeout=").len(), 1);
    }
}

#[tokio::test]
async fn it_is_told_when_nodes_have_not_followed() {
    let server = FakeServer::start(|asked| match asked.line.contains("_aliases") {
        true => (200, "", r#"{"acknowledged":false}"#.to_owned()),
        false => healthy(asked),
    });
    let change = AliasChange::Remove { index: "a".to_owned(), alias: "r".to_owned() };
    let error = opened(&server, |_| {}).change_aliases(&context(), &[change]).await.unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again_by_another_node() {
    let failing = |asked: &Asked| {
        if asked.line.contains("PUT /w-000002") { (503, "", "{}".to_owned()) } else { healthy(asked) }
    };
    let (one, other) = (FakeServer::start(failing), FakeServer::start(failing));
    let store = opened(&one, |config| config.connection.server_urls.push(other.url().parse().unwrap()));
    store.create_index(&context(), "w-000002", &[]).await.unwrap_err();
    assert_eq!(one.asked("PUT /w-000002").len() + other.asked("PUT /w-000002").len(), 1);
}

#[tokio::test]
async fn each_family_has_its_template() {
    let server = FakeServer::start(healthy);
    let store = opened(&server, |_| {});
    for family in [
        IndexFamily::Archive,
        IndexFamily::Span,
        IndexFamily::CompactSpan,
        IndexFamily::Service,
        IndexFamily::Dependencies,
        IndexFamily::Sampling,
    ] {
        store.install_template(&context(), family).await.unwrap();
        let asked = server.asked(&format!("PUT /_template/prod-{}", family.base()));
        let asked = asked.last().unwrap();
        assert!(asked.line.ends_with(family.base()), "{}", asked.line);
        assert!(body(asked)["index_patterns"].as_str().unwrap().contains(family.base()));
    }
}

#[tokio::test]
async fn a_lifecycle_template_names_policy_and_aliases_and_comes_after_a_look_for_the_policy() {
    let lifecycle = |config: &mut Config| {
        config.templates.use_ilm = true;
        config.templates.ilm_policy_name = "keep-a-week".to_owned();
        config.connection.version = 8;
    };
    let server = FakeServer::start(healthy);
    opened(&server, lifecycle).install_template(&context(), IndexFamily::Span).await.unwrap();
    assert_eq!(server.asked("GET /_ilm/policy/keep-a-week").len(), 1);
    let template = body(&server.asked("PUT /_index_template/prod-jaeger-span")[0])["template"].clone();
    assert_eq!(template["aliases"], json!({"prod-jaeger-span-read": {}}));
    let expected = json!({"name": "keep-a-week", "rollover_alias": "prod-jaeger-span-write"});
    assert_eq!(template["settings"]["lifecycle"], expected);

    let server = FakeServer::start(|asked| match asked.line.contains("_ilm/policy") {
        true => (404, "", r#"{"error":"no such policy"}"#.to_owned()),
        false => healthy(asked),
    });
    let store = opened(&server, lifecycle);
    let error = store.install_template(&context(), IndexFamily::Span).await.unwrap_err().to_string();
    assert!(error.contains("create the policy, or correct --es.ilm-policy-name"), "{error}");
    assert!(server.asked("PUT /").is_empty());
}

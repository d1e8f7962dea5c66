//! What a store is asked to do about series of indices behind aliases.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use serde_json::{Value, json};
use spoor_storage::{AliasChange, IndexAlias, IndexFamily, IndexSeries, RecordErrorKind, RollOver};
use spoor_storage_elasticsearch::{Config, ElasticsearchIndices};
use support::connection::{config, context};
use support::fake::{Answer, Asked, FakeServer, healthy};

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

fn rolling(conditions: &str) -> RollOver {
    RollOver {
        write_alias: "w".to_owned(),
        to: "prod-000002".to_owned(),
        read_alias: "r".to_owned(),
        conditions: conditions.to_owned(),
    }
}

fn rolled(answer: &'static str) -> impl Fn(&Asked) -> Answer {
    move |asked| if asked.line.contains("_rollover") { (200, "", answer.to_owned()) } else { healthy(asked) }
}

#[tokio::test]
async fn the_next_index_is_named_and_is_read_from_its_beginning() {
    let server = FakeServer::start(rolled(r#"{"acknowledged":true,"rolled_over":true}"#));
    let store = opened(&server, |_| {});
    assert!(store.roll_over(&context(), &rolling("{}")).await.unwrap());
    assert!(store.roll_over(&context(), &rolling(r#"{"max_docs":7}"#)).await.unwrap());
    let asked = server.asked("POST /w/_rollover/prod-000002?");
    assert_eq!(body(&asked[0]), json!({"aliases": {"r": {}}}));
    assert_eq!(body(&asked[1]), json!({"aliases": {"r": {}}, "conditions": {"max_docs": 7}}));
}

#[tokio::test]
async fn it_is_told_when_no_condition_was_met_and_when_nodes_have_not_followed() {
    let server = FakeServer::start(rolled(r#"{"acknowledged":false,"rolled_over":false}"#));
    assert!(!opened(&server, |_| {}).roll_over(&context(), &rolling("{}")).await.unwrap());
    let server = FakeServer::start(rolled(r#"{"acknowledged":false,"rolled_over":true}"#));
    let error = opened(&server, |_| {}).roll_over(&context(), &rolling("{}")).await.unwrap_err();
    assert_eq!(error.kind, RecordErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again_by_another_node() {
    let failing = |asked: &Asked| {
        if asked.line.contains("_rollover") { (503, "", "{}".to_owned()) } else { healthy(asked) }
    };
    let (one, other) = (FakeServer::start(failing), FakeServer::start(failing));
    let store = opened(&one, |config| config.connection.server_urls.push(other.url().parse().unwrap()));
    store.roll_over(&context(), &rolling("{}")).await.unwrap_err();
    assert_eq!(one.asked("_rollover").len() + other.asked("_rollover").len(), 1);
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

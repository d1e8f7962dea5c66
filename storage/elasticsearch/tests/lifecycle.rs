//! Lifecycle policies as Elasticsearch (ILM) and OpenSearch (ISM) keep them: what is written, and what of a stored one differs.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::sync::Mutex;

use serde_json::{Value, json};
use spoor_storage::{FoundPolicy, LifecyclePolicies, LifecycleRules, RecordErrorKind};
use spoor_storage_elasticsearch::ElasticsearchIndices;
use support::connection::{config, context};
use support::fake::{Asked, FakeServer, healthy};

const ILM: &str = "/_ilm/policy/p";
const ISM: &str = "/_plugins/_ism/policies/p";

/// A server that keeps policies as it does, with what it adds by itself.
fn keeping(version: &'static str, tagline: &'static str) -> FakeServer {
    let held: Mutex<Option<Value>> = Mutex::new(None);
    FakeServer::start(move |asked: &Asked| {
        let greeting = json!({"version": {"number": version}, "tagline": tagline}).to_string();
        let mut held = held.lock().unwrap();
        match asked.line.split(['?', ' ']).take(2).collect::<Vec<_>>().as_slice() {
            ["GET", "/"] => (200, "", greeting),
            ["GET", ILM | ISM] => match held.as_ref() {
                Some(policy) => (200, "", policy.to_string()),
                None => (404, "", r#"{"error":"no such policy"}"#.to_owned()),
            },
            ["PUT", ILM] => {
                let mut policy = serde_json::from_str::<Value>(&asked.body).unwrap()["policy"].take();
                policy["phases"]["delete"]["actions"]["delete"]["delete_searchable_snapshot"] = true.into();
                *held = Some(
                    json!({"p": {"version": 1, "modified_date": "2026-08-20T00:00:00Z", "policy": policy}}),
                );
                (200, "", r#"{"acknowledged":true}"#.to_owned())
            }
            ["PUT", ISM] => {
                let expected = held.as_ref().map(|_| "if_seq_no=7&if_primary_term=1");
                assert_eq!(asked.line.split_once('?').map(|(_, query)| query), expected);
                let mut policy = serde_json::from_str::<Value>(&asked.body).unwrap()["policy"].take();
                let retry = json!({"count": 3, "backoff": "exponential", "delay": "1m"});
                for state in [0, 1] {
                    policy["states"][state]["actions"][0]["retry"] = retry.clone();
                }
                policy["states"][0]["actions"][0]["rollover"]["copy_alias"] = false.into();
                policy["ism_template"][0]["last_updated_time"] = 1.into();
                for (key, value) in [
                    ("policy_id", json!("p")),
                    ("error_notification", Value::Null),
                    ("schema_version", json!(21)),
                ] {
                    policy[key] = value;
                }
                *held = Some(
                    json!({"_id": "p", "_version": 1, "_seq_no": 7, "_primary_term": 1, "policy": policy}),
                );
                (201, "", "{}".to_owned())
            }
            _ => healthy(asked),
        }
    })
}

fn rules(roll_over: &str, keeps_days: u32) -> LifecycleRules {
    LifecycleRules { prefix: "prod".to_owned(), roll_over: roll_over.to_owned(), keeps_days }
}

async fn find(store: &ElasticsearchIndices, rules: &LifecycleRules) -> Option<FoundPolicy> {
    store.find_policy(&context(), "p", rules).await.unwrap()
}

fn opened(server: &FakeServer) -> ElasticsearchIndices {
    ElasticsearchIndices::open(&config(server, |_| {})).unwrap()
}

#[tokio::test]
async fn what_was_written_is_found_as_ours_and_without_difference_on_either_server() {
    for (version, tagline, path) in
        [("8.5.0", "You Know, for Search", ILM), ("3.8.0", "The OpenSearch Project", ISM)]
    {
        let server = keeping(version, tagline);
        let store = opened(&server);
        let rules_of_14 = rules(r#"{"max_age":"2d","max_size":"50gb"}"#, 14);
        assert_eq!(find(&store, &rules_of_14).await, None);
        store.write_policy(&context(), "p", &rules_of_14, None).await.unwrap();
        let found = find(&store, &rules_of_14).await.unwrap();
        assert!(found.is_ours && found.differences.is_empty(), "{found:?}");

        let rules_of_7 = rules(r#"{"max_age":"1d","max_size":"50gb"}"#, 7);
        let found = find(&store, &rules_of_7).await.unwrap();
        let told: Vec<_> = found.differences.iter().map(|one| one.is.as_deref().unwrap()).collect();
        assert!(told.len() == 2 && told.contains(&"\"14d\"") && told.contains(&"\"2d\""), "{found:?}");
        store.write_policy(&context(), "p", &rules_of_7, Some(&found)).await.unwrap();
        assert!(find(&store, &rules_of_7).await.unwrap().differences.is_empty());
        assert_eq!(server.asked(&format!("PUT {path}")).len(), 2);
    }
}

#[tokio::test]
async fn ilm_is_told_when_to_go_on_and_when_to_delete() {
    let server = keeping("8.5.0", "You Know, for Search");
    opened(&server).write_policy(&context(), "p", &rules(r#"{"max_age":"2d"}"#, 14), None).await.unwrap();
    let asked = server.asked("PUT ");
    let expected = json!({"policy": {
        "_meta": {"written_by": "spoor"},
        "phases": {
            "hot": {"min_age": "0ms", "actions": {"rollover": {"max_age": "2d"}}},
            "delete": {"min_age": "14d", "actions": {"delete": {}}},
        },
    }});
    assert_eq!(serde_json::from_str::<Value>(&asked[0].body).unwrap(), expected);
    let server = keeping("7.17.29", "You Know, for Search");
    opened(&server).write_policy(&context(), "p", &rules(r#"{"max_age":"2d"}"#, 14), None).await.unwrap();
    assert!(!server.asked("PUT ")[0].body.contains("_meta"), "before 8 there is no place for the mark");
}

#[tokio::test]
async fn ism_is_told_the_same_and_takes_numbered_indices_but_not_the_archives() {
    let server = keeping("3.8.0", "The OpenSearch Project");
    let conditions = r#"{"max_age":"2d","max_size":"50gb","max_docs":5,"max_primary_shard_size":"10gb"}"#;
    opened(&server).write_policy(&context(), "p", &rules(conditions, 14), None).await.unwrap();
    let policy = serde_json::from_str::<Value>(&server.asked("PUT ")[0].body).unwrap()["policy"].take();
    let rollover = json!({
        "min_index_age": "2d", "min_size": "50gb", "min_doc_count": 5, "min_primary_shard_size": "10gb",
    });
    assert_eq!(policy["states"][0]["actions"], json!([{ "rollover": rollover }]));
    let transition = json!([{"state_name": "deleted", "conditions": {"min_rollover_age": "14d"}}]);
    assert_eq!(policy["states"][0]["transitions"], transition);
    assert_eq!(
        policy["states"][1],
        json!({"name": "deleted", "actions": [{"delete": {}}], "transitions": []})
    );
    let patterns = [
        "prod-jaeger-span-0*",
        "prod-spoor-span-0*",
        "prod-jaeger-service-0*",
        "prod-jaeger-dependencies-0*",
        "prod-jaeger-sampling-0*",
    ];
    assert_eq!(policy["ism_template"], json!([{"index_patterns": patterns, "priority": 100}]));
    let unknown = opened(&server).find_policy(&context(), "p", &rules(r#"{"min_docs":1}"#, 14)).await;
    let error = unknown.unwrap_err();
    assert!(error.kind == RecordErrorKind::Refused && error.to_string().contains("min_docs"), "{error}");
}

#[tokio::test]
async fn a_policy_of_somebody_elses_is_not_ours_and_what_it_does_besides_is_a_difference() {
    let theirs = json!({"p": {"policy": {"phases": {
        "hot": {"min_age": "0ms", "actions": {"rollover": {"max_age": "2d"}}},
        "warm": {"min_age": "1d", "actions": {"readonly": {}}},
        "delete": {"min_age": "14d", "actions": {"delete": {"delete_searchable_snapshot": true}}},
    }}}});
    let server = FakeServer::start(move |asked: &Asked| match asked.line.as_str() {
        "GET /" => (200, "", r#"{"version":{"number":"8.5.0"},"tagline":"You Know, for Search"}"#.to_owned()),
        _ => (200, "", theirs.to_string()),
    });
    let found = find(&opened(&server), &rules(r#"{"max_age":"2d"}"#, 14)).await.unwrap();
    assert!(!found.is_ours);
    let places: Vec<_> = found.differences.iter().map(|one| one.place.as_str()).collect();
    assert_eq!(places, ["phases.warm"]);
}

#[tokio::test]
async fn rules_that_would_never_go_on_are_refused() {
    let server = keeping("8.5.0", "You Know, for Search");
    for roll_over in ["{}", "[]", "soon"] {
        let error = opened(&server).write_policy(&context(), "p", &rules(roll_over, 14), None).await;
        assert_eq!(error.unwrap_err().kind, RecordErrorKind::Refused, "{roll_over}");
    }
    assert!(server.asked("PUT ").is_empty());
}

//! Policies of Elasticsearch (ILM). Facts: the documentation of `_ilm/policy`, of 7.17 and 8: ages of a phase count from the rollover.

use serde_json::{Map, Value, json};
use spoor_storage::LifecycleRules;

/// What `_meta.written_by` says of our own.
const MARK: &str = "spoor";

/// The request's body. Before 8 the server takes no `_meta`.
pub(super) fn body(conditions: &Map<String, Value>, rules: &LifecycleRules, major: u32) -> Value {
    let mut policy = json!({ "phases": phases(conditions, rules) });
    if major >= 8 {
        policy["_meta"] = json!({ "written_by": MARK });
    }
    json!({ "policy": policy })
}

fn phases(conditions: &Map<String, Value>, rules: &LifecycleRules) -> Value {
    json!({
        "hot": { "min_age": "0ms", "actions": { "rollover": conditions } },
        "delete": { "min_age": format!("{}d", rules.keeps_days), "actions": { "delete": {} } },
    })
}

/// What is compared: of the wanted policy, and of a stored one without what the server adds by itself.
pub(super) fn wanted(conditions: &Map<String, Value>, rules: &LifecycleRules) -> Value {
    json!({ "phases": phases(conditions, rules) })
}

/// From the `policy` of an answer.
pub(super) fn stored(policy: &Value) -> (bool, Value) {
    let is_ours = policy["_meta"]["written_by"] == MARK;
    let mut phases = policy["phases"].clone();
    if let Some(delete) = phases.pointer_mut("/delete/actions/delete").and_then(Value::as_object_mut)
        && delete.get("delete_searchable_snapshot") == Some(&Value::Bool(true))
    {
        delete.remove("delete_searchable_snapshot");
    }
    (is_ours, json!({ "phases": phases }))
}

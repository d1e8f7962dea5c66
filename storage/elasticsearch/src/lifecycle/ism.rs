//! Policies of OpenSearch (ISM). Facts: the documentation of `_plugins/_ism/policies`; `min_rollover_age` is there since 1.3.

use serde_json::{Map, Value, json};
use spoor_storage::{IndexFamily, LifecycleRules};

/// How the description of our own begins.
const MARK: &str = "Written by spoor retention policy";
/// Of several policies that match an index the one with the highest is taken.
const PRIORITY: u32 = 100;
/// Families whose series a policy looks after; the archive is kept.
const FAMILIES: [IndexFamily; 5] = [
    IndexFamily::Span,
    IndexFamily::CompactSpan,
    IndexFamily::Service,
    IndexFamily::Dependencies,
    IndexFamily::Sampling,
];
/// Conditions of a rollover, and what they are called in a policy, which rolls over when one is reached.
const CONDITIONS: [(&str, &str); 4] = [
    ("max_age", "min_index_age"),
    ("max_size", "min_size"),
    ("max_docs", "min_doc_count"),
    ("max_primary_shard_size", "min_primary_shard_size"),
];

/// The request's body.
///
/// # Errors
/// The condition that a policy has no words for.
pub(super) fn body(conditions: &Map<String, Value>, rules: &LifecycleRules) -> Result<Value, String> {
    let mut policy = wanted(conditions, rules)?;
    let days = rules.keeps_days;
    policy["description"] = format!("{MARK}: on to the next index, and delete after {days} days").into();
    Ok(json!({ "policy": policy }))
}

/// What is compared: all but the description.
pub(super) fn wanted(conditions: &Map<String, Value>, rules: &LifecycleRules) -> Result<Value, String> {
    let mut rollover = Map::new();
    for (name, value) in conditions {
        let known = CONDITIONS.iter().find(|(condition, _)| condition == name);
        let Some((_, called)) = known else {
            let known = CONDITIONS.map(|(condition, _)| condition).join(", ");
            return Err(format!("policies of OpenSearch have no condition {name}; use {known}"));
        };
        rollover.insert((*called).to_owned(), value.clone());
    }
    let age = format!("{}d", rules.keeps_days);
    Ok(json!({
        "default_state": "written",
        "states": [
            {
                "name": "written",
                "actions": [{ "rollover": rollover }],
                "transitions": [{ "state_name": "deleted", "conditions": { "min_rollover_age": age } }],
            },
            { "name": "deleted", "actions": [{ "delete": {} }], "transitions": [] },
        ],
        "ism_template": [{ "index_patterns": patterns(&rules.prefix), "priority": PRIORITY }],
    }))
}

/// Numbered indices alone: the archive's names, and dates, begin otherwise.
fn patterns(prefix: &str) -> Vec<String> {
    let dash = if prefix.is_empty() || prefix.ends_with('-') { "" } else { "-" };
    FAMILIES.iter().map(|family| format!("{prefix}{dash}{}-0*", family.base())).collect()
}

/// From the `policy` of an answer, without what the server adds by itself.
pub(super) fn stored(policy: &Value) -> (bool, Value) {
    let is_ours = policy["description"].as_str().is_some_and(|text| text.starts_with(MARK));
    let mut kept = json!({});
    for key in ["default_state", "states", "ism_template"] {
        kept[key] = policy[key].clone();
    }
    plain(&mut kept);
    (is_ours, kept)
}

/// Takes out what is as if it was not said.
fn plain(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(fields) => {
            fields.remove("last_updated_time");
            let retry = json!({ "count": 3, "backoff": "exponential", "delay": "1m" });
            fields.retain(|key, value| match key.as_str() {
                "retry" => *value != retry,
                "copy_alias" | "prevent_empty_rollover" => *value != Value::Bool(false),
                _ => !value.is_null(),
            });
            fields.values_mut().for_each(plain);
        }
        _ => {}
    }
}

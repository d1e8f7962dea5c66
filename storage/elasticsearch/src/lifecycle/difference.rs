//! Where two JSON values differ.

use serde_json::Value;
use spoor_storage::Difference;

/// Each place at which `is` is not as `wanted`, in the order of keys.
pub(super) fn differences(is: &Value, wanted: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(Some(is), Some(wanted), "", &mut found);
    found
}

fn compare(is: Option<&Value>, wanted: Option<&Value>, place: &str, found: &mut Vec<Difference>) {
    let below = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match (is, wanted) {
        (is, wanted) if is == wanted => {}
        (Some(Value::Object(is)), Some(Value::Object(wanted))) => {
            let mut keys: Vec<&String> = is.keys().chain(wanted.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                compare(is.get(key), wanted.get(key), &below(key), found);
            }
        }
        (Some(Value::Array(is)), Some(Value::Array(wanted))) => {
            for index in 0..is.len().max(wanted.len()) {
                compare(is.get(index), wanted.get(index), &below(&index.to_string()), found);
            }
        }
        (is, wanted) => found.push(Difference {
            place: place.to_owned(),
            is: is.map(Value::to_string),
            wanted: wanted.map(Value::to_string),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_place_is_named_once_and_equal_ones_are_not() {
        let is = json!({"a": {"b": 1, "c": [1, 2]}, "d": "x", "same": [{}]});
        let wanted = json!({"a": {"b": 2, "c": [1]}, "e": true, "same": [{}]});
        let found = differences(&is, &wanted);
        let told: Vec<_> =
            found.iter().map(|one| (one.place.as_str(), one.is.as_deref(), one.wanted.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("a.b", Some("1"), Some("2")),
                ("a.c.1", Some("2"), None),
                ("d", Some("\"x\""), None),
                ("e", None, Some("true")),
            ]
        );
        assert!(differences(&is, &is).is_empty());
    }
}

//! Which templates the store would make an index by, and what comes of them.
//!
//! One composable template wins by its priority and takes the place of all legacy ones; without it the legacy ones are laid over
//! one another in their order. Rules of Elasticsearch since 7.8 and of OpenSearch.

use std::time::Instant;

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::{Client, Error, Reply, Request};

/// The templates that an index would be made by, and what they make of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Applied {
    /// The winning composable template, and its priority.
    pub(crate) composable: Option<(String, i64)>,
    /// Otherwise, the legacy ones that match, in their order.
    pub(crate) legacy: Vec<String>,
    pub(crate) mappings: Value,
    pub(crate) settings: Value,
}

impl Applied {
    /// True when no template is for the index.
    pub(crate) fn is_nothing(&self) -> bool {
        self.composable.is_none() && self.legacy.is_empty()
    }

    /// The alias that a lifecycle policy would roll over.
    pub(crate) fn rollover_alias(&self) -> Option<&str> {
        [
            "/index/lifecycle/rollover_alias",
            "/index/plugins/index_state_management/rollover_alias",
            "/index/opendistro/index_state_management/rollover_alias",
        ]
        .iter()
        .find_map(|pointer| self.settings.pointer(pointer)?.as_str())
    }

    /// `the index template "foreign" (priority 5)`
    pub(crate) fn described(&self) -> String {
        match &self.composable {
            Some((name, priority)) => format!("the composable index template {name:?} (priority {priority})"),
            None => format!("the legacy index templates {:?}", self.legacy),
        }
    }
}

/// Finds what would apply to an index of that name.
pub(crate) async fn to_index(client: &Client, index: &str, deadline: Instant) -> Result<Applied, Error> {
    if let Some((name, priority)) = winning_composable(client, index, deadline).await? {
        let attempted = format!("ask what index templates would make of {index}");
        let path = format!("/_index_template/_simulate_index/{}", encoded(index));
        let reply = client.send(Request::search(path, Vec::new(), &attempted), deadline).await?;
        let Simulated { template } = parsed(&reply, &attempted)?;
        return Ok(Applied {
            composable: Some((name, priority)),
            legacy: Vec::new(),
            mappings: template.mappings,
            settings: template.settings,
        });
    }
    let names = matching_legacy(client, index, deadline).await?;
    if names.is_empty() {
        return Ok(Applied::default());
    }
    let attempted = format!("read the index templates for {index}");
    let path = format!(
        "/_template/{}?filter_path=*.mappings,*.settings.index.*.rollover_alias,*.settings.index.*.*.rollover_alias",
        names.iter().map(|name| encoded(name)).collect::<Vec<_>>().join(",")
    );
    let reply = client.send(Request::get(path, &attempted), deadline).await?;
    let mut found: Map<String, Value> = parsed(&reply, &attempted)?;
    let (mut mappings, mut settings) = (json!({}), json!({}));
    for name in &names {
        if let Some(template) = found.get_mut(name) {
            lay_over(&mut mappings, template["mappings"].take());
            lay_over(&mut settings, template["settings"].take());
        }
    }
    Ok(Applied { composable: None, legacy: names, mappings, settings })
}

async fn winning_composable(
    client: &Client,
    index: &str,
    deadline: Instant,
) -> Result<Option<(String, i64)>, Error> {
    const ATTEMPTED: &str = "list the composable index templates";
    let path = "/_index_template?filter_path=index_templates.name,index_templates.index_template.index_patterns,\
                index_templates.index_template.priority";
    let reply = match client.send(Request::get(path, ATTEMPTED), deadline).await {
        Err(error) if is_unknown(&error) => return Ok(None),
        other => other?,
    };
    let Composables { index_templates } = parsed(&reply, ATTEMPTED)?;
    Ok(index_templates
        .into_iter()
        .filter(|found| found.index_template.index_patterns.iter().any(|pattern| matches(pattern, index)))
        .map(|found| (found.name, found.index_template.priority))
        .max_by_key(|(_, priority)| *priority))
}

/// Names of the legacy templates for the index, those that win last.
async fn matching_legacy(client: &Client, index: &str, deadline: Instant) -> Result<Vec<String>, Error> {
    const ATTEMPTED: &str = "list the legacy index templates";
    let request = Request::get("/_template?filter_path=*.order,*.index_patterns", ATTEMPTED);
    let reply = match client.send(request, deadline).await {
        Err(error) if is_unknown(&error) => return Ok(Vec::new()),
        other => other?,
    };
    let all: std::collections::BTreeMap<String, Legacy> = parsed(&reply, ATTEMPTED)?;
    let mut matching: Vec<_> = all
        .into_iter()
        .filter(|(_, template)| template.index_patterns.iter().any(|pattern| matches(pattern, index)))
        .map(|(name, template)| (template.order, name))
        .collect();
    matching.sort();
    Ok(matching.into_iter().map(|(_, name)| name).collect())
}

/// The server does not have this kind of templates.
fn is_unknown(error: &Error) -> bool {
    matches!(
        error.status(),
        Some(StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
    )
}

pub(crate) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

fn parsed<'a, T: Deserialize<'a>>(reply: &'a Reply, attempted: &str) -> Result<T, Error> {
    serde_json::from_slice(&reply.body).map_err(|error| reply.malformed(attempted, &error.to_string()))
}

#[derive(Deserialize)]
struct Composables {
    #[serde(default)]
    index_templates: Vec<Composable>,
}

#[derive(Deserialize)]
struct Composable {
    name: String,
    index_template: ComposableHead,
}

#[derive(Deserialize)]
struct ComposableHead {
    #[serde(default)]
    index_patterns: Vec<String>,
    #[serde(default)]
    priority: i64,
}

#[derive(Deserialize)]
struct Legacy {
    #[serde(default)]
    order: i64,
    #[serde(default)]
    index_patterns: Vec<String>,
}

#[derive(Deserialize)]
struct Simulated {
    #[serde(default)]
    template: SimulatedTemplate,
}

#[derive(Default, Deserialize)]
struct SimulatedTemplate {
    #[serde(default)]
    mappings: Value,
    #[serde(default)]
    settings: Value,
}

/// Whether the pattern, in which `*` stands for anything, is for the name.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

/// Objects are merged, anything else is replaced, lists of rules go on.
fn lay_over(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                match below.get_mut(&key) {
                    Some(held) => lay_over(held, value),
                    None => drop(below.insert(key, value)),
                }
            }
        }
        (Value::Array(below), Value::Array(above)) => below.extend(above),
        (_, Value::Null) => {}
        (below, above) => *below = above,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_even_nothing() {
        for (pattern, name, fits) in [
            ("jaeger-span-*", "jaeger-span-2026-08-20", true),
            ("jaeger-span-*", "prod-jaeger-span-2026", false),
            ("*jaeger-span-*", "prod-jaeger-span-2026", true),
            ("*", "anything", true),
            ("*-span-*-20", "a-span-b-20", true),
            ("*-span-*-20", "a-span-b-20x", false),
            ("a*b*b", "ab", false),
            ("exact", "exact", true),
            ("exact", "exacter", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn later_templates_lie_over_earlier_ones() {
        let mut mappings = json!({ "properties": { "tags": { "type": "nested", "dynamic": false }, "a": { "type": "long" } } });
        lay_over(&mut mappings, json!({ "properties": { "tags": { "type": "object" } } }));
        lay_over(&mut mappings, Value::Null);
        assert_eq!(
            mappings,
            json!({ "properties": { "tags": { "type": "object", "dynamic": false }, "a": { "type": "long" } } })
        );
    }

    #[test]
    fn the_rollover_alias_is_found_under_every_name_it_has() {
        for settings in [
            json!({ "index": { "lifecycle": { "name": "p", "rollover_alias": "w" } } }),
            json!({ "index": { "plugins": { "index_state_management": { "rollover_alias": "w" } } } }),
            json!({ "index": { "opendistro": { "index_state_management": { "rollover_alias": "w" } } } }),
        ] {
            assert_eq!(Applied { settings, ..Applied::default() }.rollover_alias(), Some("w"));
        }
        assert_eq!(Applied::default().rollover_alias(), None);
    }
}

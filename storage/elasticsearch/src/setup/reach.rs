//! Looking at what has to be reached and is not ours to make: the aliases, and the remote clusters.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::look::is_away;
use super::watched::Watched;
use super::{Plan, STEP_TIMEOUT};
use crate::client::{Client, Error, Request};
use crate::index::encoded;
use crate::template::Aliases;

/// How long the store may try to connect to a remote cluster during a look.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What cannot be reached.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Why questions would be answered in part, a sentence each.
    pub(crate) reading: Vec<String>,
    /// Why spans could not be written, a sentence each.
    pub(crate) writing: Vec<String>,
    /// What questions pass over, as the store was told to, a sentence each.
    pub(crate) passed_over: Vec<String>,
    /// What could not be looked at, and why.
    pub(crate) unseen: Vec<String>,
}

/// Whether there is anything to look at.
pub(super) fn is_wanted(plan: &Plan) -> bool {
    !plan.remotes.is_empty() || plan.families.iter().any(|family| family.template.aliases.is_some())
}

/// Looks at the aliases and the remote clusters of the plan.
pub(super) async fn look(client: &Client, plan: &Plan) -> Result<Reach, Error> {
    let mut reach = Reach::default();
    for family in &plan.families {
        if let Some(aliases) = &family.template.aliases {
            at_aliases(client, plan, family, aliases, &mut reach).await?;
        }
    }
    if !plan.remotes.is_empty() {
        at_remotes(client, plan, &mut reach).await?;
    }
    Ok(reach)
}

/// What an alias turned out to be.
enum Alias {
    Missing,
    /// An index has its name.
    Index,
    /// It leads to these indices.
    Of(Vec<String>),
}

async fn at_aliases(
    client: &Client,
    plan: &Plan,
    family: &Watched,
    aliases: &Aliases,
    reach: &mut Reach,
) -> Result<(), Error> {
    let mut found = Vec::new();
    for name in [&aliases.read, &aliases.write] {
        match alias(client, name).await {
            Ok(alias) => found.push(alias),
            Err(error) if is_away(&error) => return Err(error),
            Err(error) => {
                reach.unseen.push(error.to_string());
                return Ok(());
            }
        }
    }
    let [read, write] = found.as_slice() else { return Ok(()) };
    if plan.templates.is_some()
        && let Some(trouble) = missing(plan, family, aliases, (&aliases.write, write), read)
    {
        reach.writing.push(trouble);
    }
    if let Some(trouble) = missing(plan, family, aliases, (&aliases.read, read), write)
        && !is_read_elsewhere(client, plan, family).await?
    {
        reach.reading.push(trouble);
    }
    Ok(())
}

/// Whoever only reads may do without the aliases of a layout that nobody writes, and without any of its own store where the spans
/// are in remote clusters.
async fn is_read_elsewhere(client: &Client, plan: &Plan, family: &Watched) -> Result<bool, Error> {
    if plan.templates.is_some() {
        return Ok(false);
    }
    if !plan.remotes.is_empty() {
        return Ok(true);
    }
    let other = plan.other_layout.as_ref().filter(|_| family.template.kind.is_of_spans());
    let Some(aliases) = other.and_then(|other| other.template.aliases.as_ref()) else { return Ok(false) };
    match alias(client, &aliases.read).await {
        Ok(found) => Ok(matches!(found, Alias::Of(_))),
        Err(error) if is_away(&error) => Err(error),
        Err(_) => Ok(false),
    }
}

async fn alias(client: &Client, name: &str) -> Result<Alias, Error> {
    let attempted = format!("ask whether there is an alias {name}");
    let path = format!("/{}?filter_path=*.aliases", encoded(name));
    let reply = match client.send(Request::get(path, attempted.as_str()), Instant::now() + STEP_TIMEOUT).await
    {
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(Alias::Missing),
        other => other?,
    };
    let indices: BTreeMap<String, IgnoredAny> = serde_json::from_slice(&reply.body)
        .map_err(|error| reply.malformed(&attempted, &error.to_string()))?;
    Ok(match indices.contains_key(name) {
        _ if indices.is_empty() => Alias::Missing,
        true => Alias::Index,
        false => Alias::Of(indices.into_keys().collect()),
    })
}

/// What is wrong with an alias, and what to do. `partner` is the other one of the pair.
fn missing(
    plan: &Plan,
    family: &Watched,
    aliases: &Aliases,
    (name, alias): (&str, &Alias),
    partner: &Alias,
) -> Option<String> {
    let documents = family.template.kind.documents();
    let done = if name == aliases.write { "written to" } else { "read from" };
    let base = &family.template.name;
    match alias {
        Alias::Of(_) => None,
        Alias::Index => Some(format!(
            "{name}, the alias that {documents} are {done} with --es.use-aliases, is an index; copy its documents into {base}-000001 \
             (_reindex), delete it, and make the alias"
        )),
        Alias::Missing => Some(format!(
            "there is no alias {name}, which {documents} are {done} with --es.use-aliases; {}",
            way_out(plan, family, aliases, name, partner)
        )),
    }
}

fn way_out(plan: &Plan, family: &Watched, aliases: &Aliases, name: &str, partner: &Alias) -> String {
    let base = &family.template.name;
    let Aliases { read, write } = aliases;
    // A rollover by a lifecycle policy needs to be told where the alias writes; others move the alias.
    let is_write = if plan.use_ilm { "{\"is_write_index\":true}" } else { "{}" };
    if let Alias::Of(indices) = partner {
        // Of a series, the newest.
        let index = indices.last().map_or_else(|| format!("{base}-000001"), Clone::clone);
        let more = if name == write && plan.use_ilm { ",\"is_write_index\":true" } else { "" };
        return format!(
            "add it: POST /_aliases {{\"actions\":[{{\"add\":{{\"index\":\"{index}\",\"alias\":\"{name}\"{more}}}}}]}}"
        );
    }
    let by_hand = format!("PUT /{base}-000001 {{\"aliases\":{{\"{read}\":{{}},\"{write}\":{is_write}}}}}");
    let is_jaegers = *read == format!("{base}-read") && *write == format!("{base}-write");
    if is_jaegers && family.template.kind.is_jaegers() {
        format!(
            "run spoor retention rollover-init or jaeger-es-rollover init, or make it and its first index: {by_hand}"
        )
    } else {
        format!("make it and its first index: {by_hand}")
    }
}

/// What a server says of a remote cluster, in every version alike.
#[derive(Debug, Deserialize)]
struct Remote {
    connected: bool,
    #[serde(default)]
    skip_unavailable: bool,
}

async fn at_remotes(client: &Client, plan: &Plan, reach: &mut Reach) -> Result<(), Error> {
    const ATTEMPTED: &str = "ask which remote clusters the store knows";
    let known = client.send(Request::get("/_remote/info", ATTEMPTED), Instant::now() + STEP_TIMEOUT).await;
    let known = known.and_then(|reply| {
        serde_json::from_slice::<BTreeMap<String, Remote>>(&reply.body)
            .map_err(|error| reply.malformed(ATTEMPTED, &error.to_string()))
    });
    let known = match known {
        Ok(known) => known,
        Err(error) if is_away(&error) => return Err(error),
        Err(error) => {
            reach.unseen.push(error.to_string());
            return Ok(());
        }
    };
    for wanted in &plan.remotes {
        let of_name: Vec<_> = known.iter().filter(|(name, _)| matches(wanted, name)).collect();
        if of_name.is_empty() {
            reach.reading.push(format!(
                "the store does not know the remote cluster {wanted:?} of --es.remote-read-clusters, so nothing of it would be found; \
                 add it (cluster.remote.{wanted}.seeds in the store's settings; its nodes in --es.server-urls need the role \
                 remote_cluster_client), or correct the setting"
            ));
        }
        for (name, remote) in of_name {
            if !remote.connected && remote.skip_unavailable {
                reach.passed_over.push(format!(
                    "the store has no connection to the remote cluster {name:?} of --es.remote-read-clusters, and has skip_unavailable \
                     for it: until it is back, answers are without what lies there"
                ));
            } else if !remote.connected && !connects(client, plan, name).await {
                reach.reading.push(format!(
                    "the store has no connection to the remote cluster {name:?} of --es.remote-read-clusters, so every search would fail; \
                     bring it back, or have searches pass it over (cluster.remote.{name}.skip_unavailable=true in the store's \
                     settings), or drop it from the setting"
                ));
            }
        }
    }
    Ok(())
}

/// A search is what has a server connect to a cluster again, and while we are not ready nobody else searches.
async fn connects(client: &Client, plan: &Plan, cluster: &str) -> bool {
    let index = plan.families.first().map_or("jaeger-span", |family| family.template.name.as_str());
    let path = format!(
        "/{}:{}/_search?size=0&ignore_unavailable=true&allow_no_indices=true",
        encoded(cluster),
        encoded(index)
    );
    let asked = Request::get(path, format!("ask the remote cluster {cluster}"));
    // Given up from outside: that a remote cluster hangs is not the fault of the node that was asked.
    let answer = tokio::time::timeout(CONNECT_TIMEOUT, client.send(asked, Instant::now() + STEP_TIMEOUT));
    answer.await.is_ok_and(|answer| answer.is_ok())
}

/// Whether the name is what is meant, which may hold stars for any text.
fn matches(meant: &str, name: &str) -> bool {
    let Some((head, tail)) = meant.split_once('*') else { return meant == name };
    name.strip_prefix(head).is_some_and(|rest| {
        (0..=rest.len()).filter(|&at| rest.is_char_boundary(at)).any(|at| matches(tail, &rest[at..]))
    })
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_in_names_of_clusters_stand_for_any_text() {
        for (meant, name) in [("east", "east"), ("*", "east"), ("e*t", "east"), ("e*", "e"), ("*a*t", "east")]
        {
            assert!(matches(meant, name), "{meant} {name}");
        }
        for (meant, name) in [("east", "east2"), ("e*", "west"), ("e*x", "east"), ("", "east")] {
            assert!(!matches(meant, name), "{meant} {name}");
        }
    }
}

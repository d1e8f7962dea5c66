//! The indices as whole things: what there is, and removing it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use serde::Deserialize;
use spoor_model::UnixNanos;
use spoor_storage::{
    IndexAdmin, IndexAlias, Inventory, RecordError, RecordErrorKind, RequestContext, StoredIndex,
};

use crate::client::{Client, Reply, Request, Server};
use crate::index::encoded;
use crate::store::parts;
use crate::{Config, OpenError};

/// The indices of a cluster.
#[derive(Debug)]
pub struct ElasticsearchIndices {
    pub(crate) client: Arc<Client>,
    /// A server named by the configuration is not asked.
    pub(crate) known: Option<Server>,
    pub(crate) config: Config,
}

/// A line of `_cat/indices`; numbers are texts there.
#[derive(Debug, Deserialize)]
struct Line {
    index: String,
    #[serde(rename = "creation.date")]
    created_millis: Option<String>,
    #[serde(rename = "store.size")]
    bytes: Option<String>,
    #[serde(rename = "docs.count")]
    documents: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Aliases {
    #[serde(default)]
    aliases: HashMap<String, Alias>,
}

#[derive(Debug, Deserialize)]
struct Alias {
    is_write_index: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Acknowledged {
    acknowledged: bool,
}

#[derive(Debug, Deserialize)]
struct Stats {
    #[serde(default)]
    nodes: HashMap<String, Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    timestamp: u64,
}

impl ElasticsearchIndices {
    /// Over the cluster that the settings name. Touches no network. Needs a Tokio runtime around it.
    ///
    /// # Errors
    /// [`OpenError`] for settings that cannot work.
    pub fn open(config: &Config) -> Result<Self, OpenError> {
        let (client, known) = parts(config)?;
        client.start();
        Ok(Self { client, known, config: config.clone() })
    }

    /// Which server it is.
    pub(crate) async fn server(&self, context: &RequestContext) -> Result<Server, RecordError> {
        match self.known {
            Some(server) => Ok(server),
            None => Ok(self.client.detect(context.deadline).await?),
        }
    }

    pub(crate) async fn get<T: for<'a> Deserialize<'a>>(
        &self,
        context: &RequestContext,
        path: String,
        attempted: &str,
    ) -> Result<T, RecordError> {
        let reply = self.client.send(Request::get(path, attempted), context.deadline).await?;
        parse(&reply, attempted)
    }
}

pub(crate) fn parse<'a, T: Deserialize<'a>>(reply: &'a Reply, attempted: &str) -> Result<T, RecordError> {
    serde_json::from_slice(&reply.body).map_err(|error| {
        let what = format!("an answer that is not understood: {error}");
        RecordError::new(RecordErrorKind::Unavailable, attempted, what)
    })
}

#[async_trait]
impl IndexAdmin for ElasticsearchIndices {
    async fn inventory(
        &self,
        context: &RequestContext,
        beginnings: &[String],
    ) -> Result<Inventory, RecordError> {
        let patterns: Vec<String> =
            beginnings.iter().map(|beginning| format!("{}*", encoded(beginning))).collect();
        let patterns = patterns.join(",");
        let lines = format!(
            "/_cat/indices/{patterns}?format=json&bytes=b&expand_wildcards=open,closed&h=index,creation.date,store.size,docs.count"
        );
        let lines: Vec<Line> = self.get(context, lines, "list the indices").await?;
        let aliases = format!("/{patterns}/_alias?expand_wildcards=open,closed&ignore_unavailable=true");
        let mut aliases: HashMap<String, Aliases> = self.get(context, aliases, "list the aliases").await?;
        let clock = "/_nodes/_all/stats/process?filter_path=nodes.*.timestamp".to_owned();
        let clock: Stats = self.get(context, clock, "ask for the store's clock").await?;
        let now = clock.nodes.values().map(|node| node.timestamp).max();
        let mut indices = Vec::with_capacity(lines.len());
        for line in lines {
            let created = line.created_millis.as_deref().and_then(|millis| millis.parse::<u64>().ok());
            let Some(created) = created else {
                let what = format!("the store does not tell when {} was created", line.index);
                return Err(RecordError::new(RecordErrorKind::Unavailable, "list the indices", what));
            };
            let own = aliases.remove(&line.index).map(|of| of.aliases).unwrap_or_default();
            let mut own: Vec<IndexAlias> = own
                .into_iter()
                .map(|(name, alias)| IndexAlias { name, is_write_index: alias.is_write_index })
                .collect();
            own.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            indices.push(StoredIndex {
                name: line.index,
                created: UnixNanos(created.saturating_mul(1_000_000)),
                bytes: line.bytes.and_then(|bytes| bytes.parse().ok()),
                documents: line.documents.and_then(|count| count.parse().ok()),
                aliases: own,
            });
        }
        indices.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(Inventory { indices, now: now.map(|millis| UnixNanos(millis.saturating_mul(1_000_000))) })
    }

    async fn delete(&self, context: &RequestContext, names: &[String]) -> Result<(), RecordError> {
        if names.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = names.iter().map(|name| encoded(name)).collect();
        let seconds = context.remaining().as_secs().max(1);
        // Without this a name with a star in it would be a pattern.
        let path = format!(
            "/{}?ignore_unavailable=true&expand_wildcards=none&master_timeout={seconds}s&timeout={seconds}s",
            list.join(",")
        );
        let request =
            Request { method: Method::DELETE, ..Request::get(path, format!("delete {}", names.join(","))) };
        let attempted = request.attempted.clone();
        let reply = self.client.send(request, context.deadline).await?;
        let answer: Acknowledged = parse(&reply, &attempted)?;
        if answer.acknowledged {
            return Ok(());
        }
        let what = "not all nodes have confirmed it in time; it may be done yet";
        Err(RecordError::new(RecordErrorKind::Unavailable, attempted, what))
    }
}

//! Series of indices behind two aliases: their templates, their indices, and when it is time for the next one.
//! Facts: the documentation of `_aliases`, whose actions are one change of the cluster's state: no search and no write sees half of
//! it; and of `_rollover`, whose `dry_run` judges conditions.

use std::collections::HashMap;

use async_trait::async_trait;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use spoor_storage::{
    AliasChange, IndexAlias, IndexFamily, IndexSeries, RecordError, RecordErrorKind, RequestContext,
};

use crate::admin::{ElasticsearchIndices, parse};
use crate::client::{Reply, Request};
use crate::index::{IndexNames, encoded};
use crate::setup::{Watched, install_templates};
use crate::template::Kind;

#[derive(Debug, Deserialize)]
struct Acknowledged {
    acknowledged: bool,
}

#[derive(Debug, Deserialize)]
struct Health {
    timed_out: bool,
}

#[derive(Debug, Deserialize)]
struct Judged {
    /// By condition, whether it is met.
    conditions: HashMap<String, bool>,
}

#[async_trait]
impl IndexSeries for ElasticsearchIndices {
    async fn install_template(
        &self,
        context: &RequestContext,
        family: IndexFamily,
    ) -> Result<(), RecordError> {
        let server = self.server(context).await?;
        let settings = &self.config.indices;
        let is_archive = family == IndexFamily::Archive;
        let names = if is_archive { IndexNames::archive(settings) } else { IndexNames::new(settings) };
        let names = names.map_err(|error| {
            RecordError::new(RecordErrorKind::Refused, "name the indices", error.to_string())
        })?;
        let (kind, names) = match family {
            IndexFamily::Archive | IndexFamily::Span => (Kind::Span, &names.spans),
            IndexFamily::CompactSpan => (Kind::CompactSpan, &names.compact),
            IndexFamily::Service => (Kind::Service, &names.services),
            IndexFamily::Dependencies => (Kind::Dependencies, &names.dependencies),
            IndexFamily::Sampling => (Kind::Sampling, &names.sampling),
        };
        let family = Watched::new(kind, names, is_archive, settings.max_span_age);
        install_templates(&self.client, server, &[family], &self.config.templates).await?;
        Ok(())
    }

    async fn create_index(
        &self,
        context: &RequestContext,
        name: &str,
        aliases: &[IndexAlias],
    ) -> Result<(), RecordError> {
        let aliases: Map<String, Value> =
            aliases.iter().map(|alias| (alias.name.clone(), options(alias))).collect();
        let body = json!({ "aliases": aliases });
        let path = format!("/{}?{}", encoded(name), patience(context));
        let attempted = format!("create the index {name}");
        let request = Request { method: Method::PUT, ..change(path, &body, &attempted) };
        acknowledged(&self.client.send(request, context.deadline).await?, &attempted)
    }

    async fn change_aliases(
        &self,
        context: &RequestContext,
        changes: &[AliasChange],
    ) -> Result<(), RecordError> {
        let actions: Vec<Value> = changes.iter().map(action).collect();
        let attempted = "change the aliases";
        let request =
            change(format!("/_aliases?{}", patience(context)), &json!({ "actions": actions }), attempted);
        acknowledged(&self.client.send(request, context.deadline).await?, attempted)
    }

    async fn await_index(&self, context: &RequestContext, name: &str) -> Result<(), RecordError> {
        let seconds = context.remaining().as_secs().max(1);
        let path = format!("/_cluster/health/{}?wait_for_status=yellow&timeout={seconds}s", encoded(name));
        let attempted = format!("wait for the shards of {name}");
        let reply = self.client.send(Request::get(path, &attempted), context.deadline).await?;
        let Health { timed_out } = parse(&reply, &attempted)?;
        if timed_out {
            let what = "they have not started in time; nothing is written to it yet";
            return Err(RecordError::new(RecordErrorKind::Unavailable, attempted, what));
        }
        Ok(())
    }

    async fn is_due(
        &self,
        context: &RequestContext,
        write_alias: &str,
        next: &str,
        conditions: &str,
    ) -> Result<bool, RecordError> {
        let attempted = format!("ask whether it is time to roll {write_alias} over");
        let conditions: Map<String, Value> = serde_json::from_str(conditions).map_err(|error| {
            let what = format!("the conditions are no object: {error}");
            RecordError::new(RecordErrorKind::Refused, attempted.clone(), what)
        })?;
        if conditions.is_empty() {
            return Ok(true);
        }
        let path = format!("/{}/_rollover/{}?dry_run=true", encoded(write_alias), encoded(next));
        let request = change(path, &json!({ "conditions": conditions }), &attempted);
        let reply = self.client.send(request, context.deadline).await?;
        let Judged { conditions } = parse(&reply, &attempted)?;
        // The store's rule: one of those that are upper bounds, and all that are lower ones. `[max_age: 2d]`.
        let is_lower = |condition: &str| condition.trim_start_matches('[').starts_with("min_");
        let (lower, upper): (Vec<_>, Vec<_>) =
            conditions.iter().partition(|(condition, _)| is_lower(condition));
        Ok(upper.iter().any(|(_, is_met)| **is_met) && lower.iter().all(|(_, is_met)| **is_met))
    }
}

/// A request that another node must not repeat: the first may have done it.
fn change(path: String, body: &Value, attempted: &str) -> Request {
    Request::search(path, body.to_string().into_bytes(), attempted).once()
}

/// For how long the cluster may take.
fn patience(context: &RequestContext) -> String {
    let seconds = context.remaining().as_secs().max(1);
    format!("master_timeout={seconds}s&timeout={seconds}s")
}

fn options(alias: &IndexAlias) -> Value {
    match alias.is_write_index {
        None => json!({}),
        Some(is_write) => json!({ "is_write_index": is_write }),
    }
}

fn action(change: &AliasChange) -> Value {
    match change {
        AliasChange::Add { index, alias } => {
            let mut add = options(alias);
            add["index"] = index.as_str().into();
            add["alias"] = alias.name.as_str().into();
            json!({ "add": add })
        }
        AliasChange::Remove { index, alias } => json!({ "remove": { "index": index, "alias": alias } }),
    }
}

/// The change is made when this comes, but perhaps not on all nodes.
fn acknowledged(reply: &Reply, attempted: &str) -> Result<(), RecordError> {
    let Acknowledged { acknowledged } = parse(reply, attempted)?;
    if acknowledged {
        return Ok(());
    }
    let what = "not all nodes of the store have followed in time";
    Err(RecordError::new(RecordErrorKind::Unavailable, attempted, what))
}

//! Lifecycle policies in the words of the server: ILM of Elasticsearch, ISM of OpenSearch.

mod difference;
mod ilm;
mod ism;

use std::collections::HashMap;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use spoor_storage::{
    FoundPolicy, LifecyclePolicies, LifecycleRules, RecordError, RecordErrorKind, RequestContext,
};

use self::difference::differences;
use crate::admin::{ElasticsearchIndices, parse};
use crate::client::{Request, Server};
use crate::erasing::is_missing;
use crate::index::encoded;

/// An answer of ISM.
#[derive(Debug, Deserialize)]
struct IsmPolicy {
    #[serde(rename = "_seq_no")]
    sequence: u64,
    #[serde(rename = "_primary_term")]
    term: u64,
    policy: Value,
}

/// An answer of ILM: by name.
#[derive(Debug, Deserialize)]
struct IlmPolicy {
    policy: Value,
}

fn refused(attempted: &str, what: impl Into<String>) -> RecordError {
    RecordError::new(RecordErrorKind::Refused, attempted, what.into())
}

fn conditions(rules: &LifecycleRules, attempted: &str) -> Result<Map<String, Value>, RecordError> {
    match serde_json::from_str::<Map<String, Value>>(&rules.roll_over) {
        Ok(conditions) if !conditions.is_empty() => Ok(conditions),
        Ok(_) => Err(refused(attempted, "without a condition no series would ever go on")),
        Err(error) => Err(refused(attempted, format!("the conditions are no object: {error}"))),
    }
}

fn path(server: Server, name: &str) -> String {
    match server {
        Server::Elasticsearch(_) => format!("/_ilm/policy/{}", encoded(name)),
        Server::OpenSearch(_) => format!("/_plugins/_ism/policies/{}", encoded(name)),
    }
}

#[async_trait]
impl LifecyclePolicies for ElasticsearchIndices {
    async fn find_policy(
        &self,
        context: &RequestContext,
        name: &str,
        rules: &LifecycleRules,
    ) -> Result<Option<FoundPolicy>, RecordError> {
        let attempted = format!("look at the lifecycle policy {name}");
        let server = self.server(context).await?;
        let conditions = conditions(rules, &attempted)?;
        let wanted = match server {
            Server::Elasticsearch(_) => ilm::wanted(&conditions, rules),
            Server::OpenSearch(_) => {
                ism::wanted(&conditions, rules).map_err(|what| refused(&attempted, what))?
            }
        };
        let request = Request::get(path(server, name), &attempted);
        let reply = match self.client.send(request, context.deadline).await {
            Err(error) if is_missing(&error) => return Ok(None),
            reply => reply?,
        };
        let ((is_ours, is), version) = match server {
            Server::Elasticsearch(_) => {
                let mut policies: HashMap<String, IlmPolicy> = parse(&reply, &attempted)?;
                let Some(IlmPolicy { policy }) = policies.remove(name) else { return Ok(None) };
                (ilm::stored(&policy), None)
            }
            Server::OpenSearch(_) => {
                let IsmPolicy { sequence, term, policy } = parse(&reply, &attempted)?;
                (ism::stored(&policy), Some((sequence, term)))
            }
        };
        Ok(Some(FoundPolicy { is_ours, differences: differences(&is, &wanted), version }))
    }

    async fn write_policy(
        &self,
        context: &RequestContext,
        name: &str,
        rules: &LifecycleRules,
        found: Option<&FoundPolicy>,
    ) -> Result<(), RecordError> {
        let attempted = format!("write the lifecycle policy {name}");
        let server = self.server(context).await?;
        let conditions = conditions(rules, &attempted)?;
        let mut path = path(server, name);
        let body = match server {
            Server::Elasticsearch(major) => ilm::body(&conditions, rules, major),
            Server::OpenSearch(_) => {
                if let Some((sequence, term)) = found.and_then(|found| found.version) {
                    path += &format!("?if_seq_no={sequence}&if_primary_term={term}");
                }
                ism::body(&conditions, rules).map_err(|what| refused(&attempted, what))?
            }
        };
        let request = Request::put(path, body.to_string().into_bytes(), attempted).once();
        self.client.send(request, context.deadline).await?;
        Ok(())
    }
}

//! Spans out of shared indices, by `_delete_by_query` as a task of the store's.
//! Facts: the documentation of `_delete_by_query`, `_tasks` and `_forcemerge`: a task goes on when the client is gone, is listed with the
//! `X-Opaque-Id` of the request that began it, and leaves its result behind; a slice is a child of the task that was asked for, whose status holds
//! only the slices that have ended.

use std::collections::HashMap;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use spoor_storage::{
    Doomed, Pace, Progress, RecordError, RecordErrorKind, RequestContext, SpanEraser, TaskId,
};

use crate::admin::{ElasticsearchIndices, parse};
use crate::client::{Cause, Error, Request};
use crate::index::encoded;
use crate::reader::doomed_query;

/// Documents that a slice takes at a time.
const MOST_AT_ONCE: u32 = 1_000;
/// Failures that are told; there may be one for each document.
const FAILURES_TOLD: usize = 3;

#[derive(Debug, Deserialize)]
struct Counted {
    count: u64,
    #[serde(rename = "_shards")]
    shards: Shards,
}

#[derive(Debug, Deserialize)]
struct Shards {
    #[serde(default)]
    failed: u32,
}

#[derive(Debug, Deserialize)]
struct Begun {
    task: String,
}

#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(default)]
    nodes: HashMap<String, OfNode>,
}

#[derive(Debug, Deserialize)]
struct OfNode {
    #[serde(default)]
    tasks: HashMap<String, Listing>,
}

#[derive(Debug, Deserialize)]
struct Listing {
    parent_task_id: Option<String>,
    #[serde(default)]
    headers: HashMap<String, String>,
    status: Option<Status>,
}

#[derive(Debug, Deserialize)]
struct Told {
    completed: bool,
    task: Running,
    response: Option<Outcome>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Running {
    status: Option<Status>,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    total: u64,
    #[serde(default)]
    deleted: u64,
    #[serde(default)]
    version_conflicts: u64,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    #[serde(flatten)]
    status: Status,
    #[serde(default)]
    failures: Vec<Value>,
    canceled: Option<String>,
    #[serde(default)]
    timed_out: bool,
}

impl Told {
    fn progress(self) -> Progress {
        let mut failure = self.error.map(|error| error["reason"].as_str().unwrap_or("no reason").to_owned());
        let mut status = self.task.status.unwrap_or_default();
        if let Some(outcome) = self.response {
            failure = failure.or_else(|| outcome.failure());
            status = outcome.status;
        }
        Progress {
            is_over: self.completed,
            total: status.total,
            deleted: status.deleted,
            conflicts: status.version_conflicts,
            failure,
        }
    }
}

impl Outcome {
    fn failure(&self) -> Option<String> {
        if let Some(reason) = &self.canceled {
            return Some(format!("it was cancelled: {reason}"));
        }
        if self.timed_out {
            return Some("a search timed out".to_owned());
        }
        let reason = |failure: &Value| {
            let reason = failure.pointer("/cause/reason").or_else(|| failure.pointer("/reason/reason"));
            reason.and_then(Value::as_str).unwrap_or("no reason").to_owned()
        };
        let told: Vec<String> = self.failures.iter().take(FAILURES_TOLD).map(reason).collect();
        (!told.is_empty()).then(|| format!("{} failures, such as: {}", self.failures.len(), told.join("; ")))
    }
}

pub(crate) fn is_missing(error: &Error) -> bool {
    matches!(&error.fault.cause, Cause::Status(refusal) if refusal.status == StatusCode::NOT_FOUND)
}

impl ElasticsearchIndices {
    /// Adds what slices that are at work yet have done.
    async fn add_slices(
        &self,
        context: &RequestContext,
        task: &TaskId,
        progress: &mut Progress,
    ) -> Result<(), RecordError> {
        let path = format!("/_tasks?parent_task_id={}&detailed=true", encoded(&task.0));
        let listed: Listed =
            self.get(context, path, &format!("ask how far the slices of the task {task} are")).await?;
        let slices = listed.nodes.into_values().flat_map(|node| node.tasks.into_values());
        for slice in slices.filter_map(|slice| slice.status) {
            progress.total += slice.total;
            progress.deleted += slice.deleted;
            progress.conflicts += slice.version_conflicts;
        }
        Ok(())
    }

    fn doomed_body(&self, doomed: &Doomed) -> Vec<u8> {
        let query = doomed_query(doomed, &self.config.documents.dot_replacement);
        json!({ "query": query }).to_string().into_bytes()
    }
}

#[async_trait]
impl SpanEraser for ElasticsearchIndices {
    async fn count(
        &self,
        context: &RequestContext,
        index: &str,
        doomed: &Doomed,
        settled: bool,
    ) -> Result<u64, RecordError> {
        let attempted = format!("count spans of {index}");
        let name = encoded(index);
        if settled {
            let refresh =
                Request { method: Method::POST, ..Request::get(format!("/{name}/_refresh"), &attempted) };
            match self.client.send(refresh, context.deadline).await {
                Err(error) if is_missing(&error) => return Ok(0),
                refreshed => refreshed?,
            };
        }
        let request = Request::search(format!("/{name}/_count"), self.doomed_body(doomed), &attempted);
        let reply = match self.client.send(request, context.deadline).await {
            Err(error) if is_missing(&error) => return Ok(0),
            reply => reply?,
        };
        let counted: Counted = parse(&reply, &attempted)?;
        if counted.shards.failed > 0 {
            let what = format!("{} shards of the index failed", counted.shards.failed);
            return Err(RecordError::new(RecordErrorKind::Unavailable, attempted, what));
        }
        Ok(counted.count)
    }

    async fn begin(
        &self,
        context: &RequestContext,
        index: &str,
        doomed: &Doomed,
        pace: Pace,
        mark: &str,
    ) -> Result<TaskId, RecordError> {
        let attempted = format!("begin to remove spans from {index}");
        let slices = pace.slices.map_or_else(|| "auto".to_owned(), |slices| slices.to_string());
        // A pause comes after each batch: small batches make short ones.
        let at_once = pace.per_second.unwrap_or(MOST_AT_ONCE).clamp(1, MOST_AT_ONCE);
        let per_second = pace.per_second.map_or_else(|| "-1".to_owned(), |per_second| per_second.to_string());
        let path = format!(
            "/{}/_delete_by_query?conflicts=proceed&refresh=true&wait_for_completion=false&slices={slices}&scroll_size={at_once}&requests_per_second={per_second}",
            encoded(index)
        );
        let request = Request {
            opaque_id: Some(mark.to_owned()),
            ..Request::search(path, self.doomed_body(doomed), &attempted).once()
        };
        let reply = self.client.send(request, context.deadline).await?;
        let Begun { task } = parse(&reply, &attempted)?;
        Ok(TaskId(task))
    }

    async fn under_way(&self, context: &RequestContext, mark: &str) -> Result<Vec<TaskId>, RecordError> {
        let path = "/_tasks?actions=indices:data/write/delete/byquery&detailed=true";
        let listed: Listed =
            self.get(context, path.to_owned(), "list the removals that are under way").await?;
        let tasks = listed.nodes.into_values().flat_map(|node| node.tasks);
        let ours = tasks.filter(|(_, task)| {
            let id = task.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-opaque-id"));
            task.parent_task_id.is_none() && id.is_some_and(|(_, id)| id == mark)
        });
        let mut ids: Vec<TaskId> = ours.map(|(id, _)| TaskId(id)).collect();
        ids.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Ok(ids)
    }

    async fn progress(
        &self,
        context: &RequestContext,
        task: &TaskId,
    ) -> Result<Option<Progress>, RecordError> {
        let attempted = format!("ask how far the task {task} is");
        let request = Request::get(format!("/_tasks/{}", encoded(&task.0)), &attempted);
        let reply = match self.client.send(request, context.deadline).await {
            Err(error) if is_missing(&error) => return Ok(None),
            reply => reply?,
        };
        let mut progress = parse::<Told>(&reply, &attempted)?.progress();
        if !progress.is_over {
            self.add_slices(context, task, &mut progress).await?;
        }
        Ok(Some(progress))
    }

    async fn expunge(&self, context: &RequestContext, index: &str) -> Result<(), RecordError> {
        let attempted = format!("have {index} give back the space of what was removed");
        let path = format!("/{}/_forcemerge?only_expunge_deletes=true", encoded(index));
        let request = Request { method: Method::POST, ..Request::get(path, &attempted) };
        match self.client.send(request.once(), context.deadline).await {
            Err(error) if is_missing(&error) => Ok(()),
            reply => {
                let done: Merged = parse(&reply?, &attempted)?;
                if done.shards.failed > 0 {
                    let what = format!("{} shards of the index failed", done.shards.failed);
                    return Err(RecordError::new(RecordErrorKind::Unavailable, attempted, what));
                }
                Ok(())
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Merged {
    #[serde(rename = "_shards")]
    shards: Shards,
}

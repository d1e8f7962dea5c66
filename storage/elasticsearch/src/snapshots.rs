//! Snapshots of indices in a repository that the cluster has.
//! Facts: the documentation of `PUT` and `GET _snapshot/REPOSITORY/NAME`, the same in every version since 7 and in OpenSearch.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use spoor_storage::{IndexSnapshots, RecordError, RecordErrorKind, RequestContext, SnapshotState};

use crate::admin::{ElasticsearchIndices, parse};
use crate::client::Request;
use crate::erasing::is_missing;
use crate::index::encoded;

/// Failures that are told.
const MOST_TOLD: usize = 3;

#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(default)]
    snapshots: Vec<Snapshot>,
}

#[derive(Debug, Deserialize)]
struct Snapshot {
    state: String,
    #[serde(default)]
    indices: Vec<String>,
    /// A failed snapshot's.
    reason: Option<String>,
    /// One for each shard that is not in it.
    #[serde(default)]
    failures: Vec<Value>,
}

impl Snapshot {
    fn state(self) -> SnapshotState {
        match self.state.as_str() {
            "IN_PROGRESS" | "STARTED" => SnapshotState::UnderWay,
            "SUCCESS" if self.failures.is_empty() => SnapshotState::Done(self.indices),
            _ => SnapshotState::Failed(self.failure()),
        }
    }

    fn failure(&self) -> String {
        let of_shard = |failure: &Value| {
            let index = failure["index"].as_str().unwrap_or("an index");
            format!("{index}: {}", failure["reason"].as_str().unwrap_or("no reason"))
        };
        let shards = self.failures.iter().take(MOST_TOLD).map(of_shard);
        let all: Vec<String> = self.reason.iter().cloned().chain(shards).collect();
        let state = &self.state;
        if all.is_empty() { format!("it is {state}") } else { format!("it is {state}: {}", all.join("; ")) }
    }
}

#[async_trait]
impl IndexSnapshots for ElasticsearchIndices {
    async fn begin_snapshot(
        &self,
        context: &RequestContext,
        repository: &str,
        name: &str,
        indices: &[String],
    ) -> Result<(), RecordError> {
        let seconds = context.remaining().as_secs().max(1);
        let path = format!(
            "/_snapshot/{}/{}?wait_for_completion=false&master_timeout={seconds}s",
            encoded(repository),
            encoded(name)
        );
        let body = json!({
            "indices": indices, "ignore_unavailable": false, "partial": false, "include_global_state": false,
        });
        let attempted = format!("begin the snapshot {name} in the repository {repository}");
        // Another node would say that it is there already.
        let request = Request::put(path, body.to_string().into_bytes(), attempted).once();
        self.client.send(request, context.deadline).await?;
        Ok(())
    }

    async fn snapshot_state(
        &self,
        context: &RequestContext,
        repository: &str,
        name: &str,
    ) -> Result<Option<SnapshotState>, RecordError> {
        let attempted = format!("ask how the snapshot {name} in the repository {repository} is");
        let path = format!("/_snapshot/{}/{}", encoded(repository), encoded(name));
        let reply = match self.client.send(Request::get(path, &attempted), context.deadline).await {
            Err(error) if is_missing(&error) => return Ok(None),
            reply => reply?,
        };
        let Listed { snapshots } = parse(&reply, &attempted)?;
        match <[Snapshot; 1]>::try_from(snapshots) {
            Ok([snapshot]) => Ok(Some(snapshot.state())),
            Err(several) => {
                let what = format!("{} snapshots where there is one of that name", several.len());
                Err(RecordError::new(RecordErrorKind::Unavailable, attempted, what))
            }
        }
    }
}

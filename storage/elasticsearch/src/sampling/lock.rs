//! Locks as documents that are changed by comparing and setting: sequence number and primary term of a document change with every
//! write, and a write that names others than the document's is refused (409) by all servers alike.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::StatusCode;
use spoor_storage::{Lease, LeaseLock, RecordError, RecordErrorKind, RequestContext};

use super::ElasticsearchSampling;
use super::lock_document::{LockDocument, Stored};
use crate::client::{Cause, Error, Request};

const ALREADY_THERE: &str = "resource_already_exists_exception";
/// The index is only coming to be, or on its way to another node.
const NO_SHARD_YET: &str = "no_shard_available_action_exception";

#[async_trait]
impl LeaseLock for ElasticsearchSampling {
    async fn acquire(
        &self,
        context: &RequestContext,
        resource: &str,
        holder: &str,
        lease: Duration,
    ) -> Result<Option<Lease>, RecordError> {
        let attempted = format!("acquire the lock {resource}");
        if holder.is_empty() {
            return Err(RecordError::new(RecordErrorKind::Refused, attempted, "the holder has no name"));
        }
        self.access.ready_to_write(context, &attempted).await?;
        let lock = LockDocument { index: &self.locks, resource, attempted: &attempted };
        // Before the request: whatever it takes on its way is lost for the holder, not for the others.
        let until = Instant::now() + lease;
        let mut stored = self.stored(context, &lock).await;
        if stored.as_ref().is_err_and(|error| says(error, NO_SHARD_YET)) {
            // Reads do not wait for a shard, and writes do: by then this is the first holder, or there is one to be seen.
            if self.won(context, lock.create(holder, lease)).await? {
                return Ok(Some(Lease { until }));
            }
            stored = self.stored(context, &lock).await;
        }
        let request = match stored? {
            None => {
                self.make_index(context, &lock).await?;
                lock.create(holder, lease)
            }
            Some(stored) if self.is_free_for(holder, resource, &stored) => {
                lock.change(stored.version(), holder, lease)
            }
            Some(_) => return Ok(None),
        };
        Ok(self.won(context, request).await?.then_some(Lease { until }))
    }

    async fn release(
        &self,
        context: &RequestContext,
        resource: &str,
        holder: &str,
    ) -> Result<bool, RecordError> {
        let attempted = format!("release the lock {resource}");
        self.access.ready_to_write(context, &attempted).await?;
        let lock = LockDocument { index: &self.locks, resource, attempted: &attempted };
        match self.stored(context, &lock).await? {
            Some(stored) if stored.holder() == holder && !holder.is_empty() => {
                self.won(context, lock.change(stored.version(), "", Duration::ZERO)).await
            }
            _ => Ok(false),
        }
    }
}

impl ElasticsearchSampling {
    /// Held by the asker, by nobody, or by somebody who has not renewed it for a whole lease while we looked on.
    fn is_free_for(&self, holder: &str, resource: &str, stored: &Stored) -> bool {
        // After the answer came: the holder's lease began before it was written.
        let unchanged = self.observed.unchanged(resource, stored.version(), Instant::now());
        stored.holder() == holder || stored.holder().is_empty() || unchanged >= stored.lease()
    }

    /// The lock as the store has it, written a moment ago or not; nothing when nobody has held it yet.
    async fn stored(
        &self,
        context: &RequestContext,
        lock: &LockDocument<'_>,
    ) -> Result<Option<Stored>, Error> {
        let reply = match self.access.send(lock.get(), context.deadline).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(None),
            reply => reply?,
        };
        let stored = serde_json::from_slice(&reply.body);
        stored.map(Some).map_err(|error| reply.malformed(lock.attempted, &format!("not a lock: {error}")))
    }

    async fn make_index(&self, context: &RequestContext, lock: &LockDocument<'_>) -> Result<(), RecordError> {
        match self.access.send(lock.make_index(), context.deadline).await {
            Err(error) if !says(&error, ALREADY_THERE) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// False when somebody else was faster.
    async fn won(&self, context: &RequestContext, request: Request) -> Result<bool, RecordError> {
        match self.access.send(request, context.deadline).await {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(StatusCode::CONFLICT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the server gives this as its reason.
fn says(error: &Error, kind: &str) -> bool {
    matches!(&error.fault.cause, Cause::Status(refusal) if refusal.reason.contains(kind))
}

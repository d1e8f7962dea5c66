//! A store on a full disk, as far as locks are concerned.

use std::time::Duration;

use async_trait::async_trait;
use spoor_storage::{Lease, LeaseLock, RecordError, RecordErrorKind, RequestContext};

/// No lock can be taken, nor given back.
pub(crate) struct NothingCanBeWritten;

#[async_trait]
impl LeaseLock for NothingCanBeWritten {
    async fn acquire(
        &self,
        _: &RequestContext,
        _: &str,
        _: &str,
        _: Duration,
    ) -> Result<Option<Lease>, RecordError> {
        Err(RecordError::new(RecordErrorKind::Unavailable, "acquire the lock", "the index is read-only"))
    }

    async fn release(&self, _: &RequestContext, _: &str, _: &str) -> Result<bool, RecordError> {
        Err(RecordError::new(RecordErrorKind::Unavailable, "release the lock", "the index is read-only"))
    }
}

//! A lock that another process has and goes on with.

use std::time::Duration;

use async_trait::async_trait;
use spoor_storage::{Lease, LeaseLock, RecordError, RequestContext};

/// Whenever somebody asks, the other one has made it last a moment ago, however busy the machine is.
pub(crate) struct TakenByAnother;

#[async_trait]
impl LeaseLock for TakenByAnother {
    async fn acquire(
        &self,
        _: &RequestContext,
        _: &str,
        _: &str,
        _: Duration,
    ) -> Result<Option<Lease>, RecordError> {
        Ok(None)
    }

    async fn release(&self, _: &RequestContext, _: &str, _: &str) -> Result<bool, RecordError> {
        Ok(false)
    }
}

//! Locks held for a lease of time, among the parts of this process.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{MemoryStore, records_in_time, refused};
use crate::{Lease, LeaseLock, RecordError, RequestContext};

/// The most locks held at a time.
const MOST_LOCKS: usize = 1_000;

/// By tenant and resource: who holds it and until when.
#[derive(Debug, Default)]
pub(super) struct Leases(HashMap<(String, String), (String, Instant)>);

#[async_trait]
impl LeaseLock for MemoryStore {
    async fn acquire(
        &self,
        context: &RequestContext,
        resource: &str,
        holder: &str,
        lease: Duration,
    ) -> Result<Option<Lease>, RecordError> {
        let attempted = || format!("acquire the lock {resource}");
        records_in_time(context, attempted)?;
        let now = Instant::now();
        let leases = &mut self.records().leases.0;
        leases.retain(|_, (_, until)| *until > now);
        let key = (context.tenant.name().to_owned(), resource.to_owned());
        if leases.get(&key).is_some_and(|(other, _)| other != holder) {
            return Ok(None);
        }
        if leases.len() >= MOST_LOCKS && !leases.contains_key(&key) {
            return Err(refused(attempted(), format!("{MOST_LOCKS} locks are held already")));
        }
        let until = now + lease;
        leases.insert(key, (holder.to_owned(), until));
        Ok(Some(Lease { until }))
    }

    async fn release(
        &self,
        context: &RequestContext,
        resource: &str,
        holder: &str,
    ) -> Result<bool, RecordError> {
        records_in_time(context, || format!("release the lock {resource}"))?;
        let leases = &mut self.records().leases.0;
        let key = (context.tenant.name().to_owned(), resource.to_owned());
        let held = leases.get(&key).is_some_and(|(other, until)| other == holder && *until > Instant::now());
        if held {
            leases.remove(&key);
        }
        Ok(held)
    }
}

//! Waiting for a condition, with a deadline: the only way a story waits.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result};

const INTERVAL: Duration = Duration::from_millis(50);

/// Asks until the condition gives a value.
///
/// # Errors
/// When the time is over: then the last reason why not is told. The condition's `Err` means "not yet, because".
pub async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut condition: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let end = tokio::time::Instant::now() + limit;
    loop {
        match condition().await {
            Ok(value) => return Ok(value),
            Err(not_yet) if tokio::time::Instant::now() >= end => {
                return Err(not_yet).with_context(|| format!("{what} did not come true within {limit:?}"));
            }
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}

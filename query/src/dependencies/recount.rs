//! One day counted again, and the report stored in place of the one before.

use std::time::Duration;

use spoor_model::{DependencyReport, UnixNanos};
use spoor_storage::{DependencyStore, ReadError, RecordError, RequestContext, SpanReader, Tenant};

use super::calls::TooManyServices;
use super::day::{self, Day, DayCount};

/// The source that spark-dependencies writes, too: of two reports of one day and source the store counts each link once, so that both
/// jobs may run.
const SOURCE: &str = "jaeger";
/// How long storing a report may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a day was not counted.
#[derive(Debug, thiserror::Error)]
pub enum RecountError {
    /// Its spans could not be read.
    #[error("read the day's traces: {0}")]
    Read(ReadError),
    /// Its services are too many.
    #[error("{0}; nothing was stored")]
    TooManyServices(#[from] TooManyServices),
    /// The report was not stored.
    #[error(transparent)]
    Write(#[from] RecordError),
}

/// Counts the calls of the tenant's traces that began on the day, as far as they had begun by `now`, and stores them as the day's report. Done
/// again it changes nothing but by what came meanwhile. A day without traces leaves its report as it is: retention may have taken
/// them.
///
/// # Errors
/// [`RecountError`]; the day's earlier report stays.
pub async fn recount(
    reader: &dyn SpanReader,
    store: &dyn DependencyStore,
    tenant: &Tenant,
    day: Day,
    now: UnixNanos,
) -> Result<DayCount, RecountError> {
    let count = day::count(reader, tenant, day, now).await?;
    if count.traces > 0 {
        let report =
            DependencyReport { day: day.midnight(), source: SOURCE.to_owned(), calls: count.calls.clone() };
        let context =
            RequestContext { tenant: tenant.clone(), ..RequestContext::with_timeout(WRITE_TIMEOUT) };
        store.write_dependencies(&context, &report).await?;
    }
    Ok(count)
}

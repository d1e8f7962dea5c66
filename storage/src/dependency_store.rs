//! [`DependencyStore`]: the door to who calls whom.

use async_trait::async_trait;
use spoor_model::{DependencyLink, DependencyReport, TimeRange};

use crate::{ReadError, RecordError, RequestContext};

/// Keeps reports of calls between services.
///
/// **A report stands for its day.** What is written again for a day and source takes the place of what was there, so that
/// running a job twice counts nothing twice. Reports of other programs that append instead of replacing (spark-dependencies, and
/// whoever writes through Jaeger) are read alike: of several reports with one moment and one source, the largest count of each
/// link holds, since later runs over the same spans see at least as many. Reports of different moments or sources add up.
///
/// **Whole or an error**, **deadline**: as [`crate::SpanReader`].
#[async_trait]
pub trait DependencyStore: Send + Sync + 'static {
    /// Stores a report in place of an earlier one of the same day and source. `Ok` means durable; after an error it is stored or
    /// not, and may be written again.
    async fn write_dependencies(
        &self,
        context: &RequestContext,
        report: &DependencyReport,
    ) -> Result<(), RecordError>;

    /// The links of all reports whose moment lies in the range, to the millisecond and both ends included. A report's moment is
    /// the midnight (UTC) of its day, or what another writer put there. Each (parent, child, source) comes once, with its sum;
    /// sorted.
    async fn dependencies(
        &self,
        context: &RequestContext,
        range: TimeRange,
    ) -> Result<Vec<DependencyLink>, ReadError>;
}

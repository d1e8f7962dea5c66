//! What both APIs read alike of the smaller questions.

use prost_types::Timestamp;
use spoor_model::{SpanKind, TimeRange};
use tonic::Status;

use super::times::moment;

/// The kind that operations are asked for; none when it is not said.
pub(super) fn span_kind(name: &str) -> Result<Option<SpanKind>, Status> {
    match SpanKind::from_name(name) {
        _ if name.is_empty() => Ok(None),
        Some(kind) => Ok(Some(kind)),
        None if name.eq_ignore_ascii_case("unspecified") => Ok(Some(SpanKind::Unspecified)),
        None => Err(Status::invalid_argument(format!(
            "span_kind {name:?} is none of unspecified, internal, server, client, producer, consumer"
        ))),
    }
}

/// When the reports of dependencies were made; both ends are required.
pub(super) fn dependency_range(
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<TimeRange, Status> {
    let (start, end) = (moment("start_time", start)?, moment("end_time", end)?);
    match start.zip(end) {
        None => Err(Status::invalid_argument("start_time and end_time are required")),
        Some((start, end)) if end <= start => {
            Err(Status::invalid_argument("end_time has to be after start_time"))
        }
        Some((start, end)) => Ok(TimeRange { start, end }),
    }
}

//! Which trace is asked for, and where in time it may lie.

use prost_types::Timestamp;
use spoor_model::{TimeRange, TraceId, TraceLookup, UnixNanos};
use tonic::Status;

use super::times::moment;

/// The lookup of an api_v2 id: 16 bytes, or 8.
pub(super) fn by_bytes(
    id: &[u8],
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<TraceLookup, Status> {
    let id = TraceId::from_bytes(id).ok_or_else(|| {
        Status::invalid_argument(format!("trace_id has {} bytes; a trace id has 16, or 8", id.len()))
    })?;
    lookup(id, start, end)
}

/// The lookup of an api_v3 id: 1 to 32 hex digits.
pub(super) fn by_hex(
    id: &str,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<TraceLookup, Status> {
    let id = id.parse().map_err(|cause| Status::invalid_argument(format!("malformed trace_id: {cause}")))?;
    lookup(id, start, end)
}

/// The times are a hint, so that one is as good as none at the other end, and nonsense is none.
fn lookup(
    trace_id: TraceId,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<TraceLookup, Status> {
    if trace_id.is_none() {
        return Err(Status::invalid_argument("trace_id is zero, which no trace has"));
    }
    let (start, end) = (moment("start_time", start)?, moment("end_time", end)?);
    let range = TimeRange { start: start.unwrap_or(UnixNanos::ZERO), end: end.unwrap_or(UnixNanos::MAX) };
    let hint = ((start.is_some() || end.is_some()) && range.start <= range.end).then_some(range);
    Ok(TraceLookup { trace_id, hint })
}

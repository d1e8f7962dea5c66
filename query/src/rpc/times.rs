//! Moments and durations of questions. Clients made with gogo/protobuf send a time that they do not set as Go's zero time, in the
//! year 1; it is the same as none.

use std::time::Duration;

use prost_types::Timestamp;
use spoor_model::UnixNanos;
use tonic::Status;

/// 0001-01-01T00:00:00Z.
const ZERO_TIME_SECONDS: i64 = -62_135_596_800;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A moment, if it is set. What lies before 1970 or beyond 2554 is moved to that edge.
pub(super) fn moment(name: &str, time: Option<Timestamp>) -> Result<Option<UnixNanos>, Status> {
    let Some(Timestamp { seconds, nanos }) = time else { return Ok(None) };
    let nanos = fraction(name, nanos)?;
    if (seconds, nanos) == (ZERO_TIME_SECONDS, 0) {
        return Ok(None);
    }
    let Ok(seconds) = u64::try_from(seconds) else { return Ok(Some(UnixNanos::ZERO)) };
    Ok(Some(UnixNanos(seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(nanos))))
}

/// A duration, if it is set; zero is none.
pub(super) fn duration(
    name: &str,
    duration: Option<prost_types::Duration>,
) -> Result<Option<Duration>, Status> {
    let Some(prost_types::Duration { seconds, nanos }) = duration else { return Ok(None) };
    if seconds < 0 || nanos < 0 {
        return Err(Status::invalid_argument(format!("{name} is negative")));
    }
    let duration = Duration::from_secs(seconds.unsigned_abs()) + Duration::from_nanos(fraction(name, nanos)?);
    Ok((!duration.is_zero()).then_some(duration))
}

/// The part below a second.
fn fraction(name: &str, nanos: i32) -> Result<u64, Status> {
    u64::try_from(nanos).ok().filter(|nanos| *nanos < NANOS_PER_SECOND).ok_or_else(|| {
        Status::invalid_argument(format!(
            "{name} has {nanos} nanoseconds, which is not between 0 and 999999999"
        ))
    })
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn at(seconds: i64, nanos: i32) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos })
    }

    #[test]
    fn the_year_1_is_no_moment_and_1970_is_one() {
        assert_eq!(moment("t", None).unwrap(), None);
        assert_eq!(moment("t", at(ZERO_TIME_SECONDS, 0)).unwrap(), None);
        assert_eq!(moment("t", at(0, 0)).unwrap(), Some(UnixNanos::ZERO));
        assert_eq!(moment("t", at(-1, 5)).unwrap(), Some(UnixNanos::ZERO));
        assert_eq!(moment("t", at(2, 3)).unwrap(), Some(UnixNanos(2_000_000_003)));
        assert_eq!(moment("t", at(i64::MAX, 0)).unwrap(), Some(UnixNanos::MAX));
        for nanos in [-1, 1_000_000_000] {
            assert_eq!(moment("t", at(1, nanos)).unwrap_err().code(), Code::InvalidArgument);
        }
    }

    #[test]
    fn a_duration_of_zero_is_none_and_a_negative_one_is_refused() {
        let of = |seconds, nanos| duration("d", Some(prost_types::Duration { seconds, nanos }));
        assert_eq!(of(0, 0).unwrap(), None);
        assert_eq!(of(1, 5).unwrap(), Some(Duration::new(1, 5)));
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            assert_eq!(of(seconds, nanos).unwrap_err().code(), Code::InvalidArgument);
        }
    }
}

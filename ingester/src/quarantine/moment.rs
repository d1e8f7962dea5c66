//! Moments as RFC 3339, in UTC, exact to the nanosecond.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `None` for a moment outside the years 0 to 9999, which RFC 3339 cannot say.
pub(crate) fn rfc3339(moment: SystemTime) -> Option<String> {
    let nanos = match moment.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()).ok()?,
        Err(before) => -i128::try_from(before.duration().as_nanos()).ok()?,
    };
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(&Rfc3339).ok()
}

/// `None` for what is not RFC 3339.
pub(crate) fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
    let distance = nanos.unsigned_abs();
    let seconds = u64::try_from(distance / 1_000_000_000).ok()?;
    let distance = Duration::new(seconds, u32::try_from(distance % 1_000_000_000).ok()?);
    match nanos {
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
        _ => SystemTime::UNIX_EPOCH.checked_sub(distance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_to_the_nanosecond() {
        for nanos in [0, 1, 1_700_000_000_123_456_789] {
            let moment = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
            assert_eq!(rfc3339(moment).as_deref().and_then(parse_rfc3339), Some(moment));
        }
        let before = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(rfc3339(before).as_deref(), Some("1969-12-31T23:59:59.999999999Z"));
        assert_eq!(rfc3339(before).as_deref().and_then(parse_rfc3339), Some(before));
    }

    #[test]
    fn a_moment_that_has_no_text_is_none() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(400_000_000_000);
        assert_eq!(rfc3339(far), None);
        assert_eq!(parse_rfc3339("yesterday"), None);
    }
}

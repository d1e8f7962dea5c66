//! How far back is read.

use time::{Date, Month, OffsetDateTime, Time};

/// What a look back is counted in, by Jaeger's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Unit {
    /// Back from now.
    Seconds,
    /// Back from the beginning of this minute.
    Minutes,
    /// Back from the beginning of this hour.
    Hours,
    /// Of 24 hours, back from the end of this day.
    Days,
    /// Of seven days.
    Weeks,
    /// Of the calendar, back from the beginning of this day.
    Months,
    /// Of the calendar, as months.
    Years,
}

impl Unit {
    /// The moment before which an index must have been created to go out of sight. All in seconds of the epoch; days are UTC's.
    pub(super) fn before(self, now: i64, count: u32) -> i64 {
        let count = i64::from(count);
        let midnight = now - now.rem_euclid(86_400);
        match self {
            Self::Seconds => now - count,
            Self::Minutes => now - now.rem_euclid(60) - count * 60,
            Self::Hours => now - now.rem_euclid(3_600) - count * 3_600,
            Self::Days => midnight + 86_400 - count * 86_400,
            Self::Weeks => midnight + 86_400 - count * 7 * 86_400,
            Self::Months => months_before(midnight, count),
            Self::Years => months_before(midnight, count * 12),
        }
    }
}

/// So many months of the calendar earlier: on the same day, or the last one of a month that has none.
fn months_before(midnight: i64, count: i64) -> i64 {
    let earlier = || {
        let today = OffsetDateTime::from_unix_timestamp(midnight).ok()?.date();
        let months = i64::from(today.year()) * 12 + i64::from(u8::from(today.month())) - 1 - count;
        let year = i32::try_from(months.div_euclid(12)).ok()?;
        let month = Month::try_from(u8::try_from(months.rem_euclid(12) + 1).ok()?).ok()?;
        let date = Date::from_calendar_date(year, month, today.day().min(month.length(year))).ok()?;
        Some(date.with_time(Time::MIDNIGHT).assume_utc().unix_timestamp())
    };
    // Further back than there are dates: nothing is as old.
    earlier().unwrap_or(i64::MIN)
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn units_are_counted_as_jaeger_does() {
        // 2026-03-31 13:45:30 UTC.
        let now = OffsetDateTime::new_utc(
            Date::from_calendar_date(2026, Month::March, 31).unwrap(),
            Time::from_hms(13, 45, 30).unwrap(),
        );
        let told = |unit: Unit, count| {
            let before = unit.before(now.unix_timestamp(), count);
            let before = OffsetDateTime::UNIX_EPOCH + Duration::seconds(before);
            format!("{} {}", before.date(), before.time())
        };
        assert_eq!(told(Unit::Seconds, 30), "2026-03-31 13:45:00.0");
        assert_eq!(told(Unit::Minutes, 5), "2026-03-31 13:40:00.0");
        assert_eq!(told(Unit::Hours, 2), "2026-03-31 11:00:00.0");
        assert_eq!(told(Unit::Days, 1), "2026-03-31 0:00:00.0");
        assert_eq!(told(Unit::Weeks, 1), "2026-03-25 0:00:00.0");
        assert_eq!(told(Unit::Months, 1), "2026-02-28 0:00:00.0");
        assert_eq!(told(Unit::Months, 15), "2024-12-31 0:00:00.0");
        assert_eq!(told(Unit::Years, 1), "2025-03-31 0:00:00.0");
        assert_eq!(Unit::Years.before(0, u32::MAX), i64::MIN);
    }
}

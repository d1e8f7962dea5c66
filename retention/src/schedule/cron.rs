//! When it is time: five fields as cron has them, in UTC, as indices are days in UTC.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use time::{Date, Duration, Month, OffsetDateTime, Time};

/// A cron expression whose time comes again and again.
#[derive(Debug, Clone)]
pub struct Schedule {
    text: String,
    cron: Cron,
}

/// Not a time that comes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseScheduleError {
    /// Not understood.
    #[error(
        "{0}; write minute, hour, day of month, month and day of week as for cron, in UTC, as in `20 0 * * *`, or seconds before them"
    )]
    NotCron(String),
    /// A day that no calendar has.
    #[error("its time never comes")]
    Never,
}

impl Schedule {
    /// The first moment after this one at which it is time; none when the calendar ends before.
    #[must_use]
    pub fn next_after(&self, moment: OffsetDateTime) -> Option<OffsetDateTime> {
        let moment = Utc(moment.to_offset(time::UtcOffset::UTC));
        self.cron.find_next_occurrence(&moment, false).ok().map(|Utc(next)| next)
    }
}

impl FromStr for Schedule {
    type Err = ParseScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| ParseScheduleError::NotCron(error.to_string()))?;
        let schedule = Self { text: text.to_owned(), cron };
        match schedule.next_after(OffsetDateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(ParseScheduleError::Never),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A moment as the crate that reads cron's expressions wants it. UTC has no gap and no hour twice.
#[derive(Clone)]
struct Utc(OffsetDateTime);

impl CronDateTime for Utc {
    fn to_civil(&self) -> CivilDateTime {
        let Self(at) = self;
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(at.year(), u32::from(u8::from(at.month())), u32::from(at.day())),
            CivilTime::from_parts_unchecked(
                u32::from(at.hour()),
                u32::from(at.minute()),
                u32::from(at.second()),
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(u32::from(self.0.weekday().number_days_from_sunday()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let small = |value: u32| u8::try_from(value).map_err(|_| CronError::InvalidDate);
        let month = Month::try_from(small(civil.month())?).map_err(|_| CronError::InvalidDate)?;
        let date = Date::from_calendar_date(civil.year(), month, small(civil.day())?);
        let time = Time::from_hms(small(civil.hour())?, small(civil.minute())?, small(civil.second())?);
        let date = date.map_err(|_| CronError::InvalidDate)?;
        let time = time.map_err(|_| CronError::InvalidTime)?;
        Ok(Resolution::Single(Self(date.with_time(time).assume_utc())))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(Duration::seconds(seconds)).map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-08-20 12:00 UTC, a Thursday.
    const NOON: i64 = 1_787_227_200;

    /// Seconds from noon of a Thursday until it is time.
    fn until(text: &str) -> i64 {
        let noon = OffsetDateTime::from_unix_timestamp(NOON).expect("a moment");
        let schedule: Schedule = text.parse().expect("a schedule");
        schedule.next_after(noon).expect("it comes").unix_timestamp() - NOON
    }

    #[test]
    fn cron_is_understood_in_utc() {
        for (text, seconds) in [
            ("20 0 * * *", 12 * 3_600 + 20 * 60),
            ("*/15 * * * *", 15 * 60),
            ("0 12 * * *", 86_400),
            ("30 3 * * sun", 2 * 86_400 + 15 * 3_600 + 30 * 60),
            ("0 0 1 * *", 11 * 86_400 + 12 * 3_600),
            ("0 0 29 2 *", 558 * 86_400 - 12 * 3_600),
            ("@hourly", 3_600),
            ("*/10 * * * * *", 10),
        ] {
            assert_eq!(until(text), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_that_comes_is_refused_with_what_to_write() {
        for text in ["", "daily", "61 0 * * *", "0 0 * *", "0 0 0 1 1 * 2027"] {
            let error = text.parse::<Schedule>().expect_err(text).to_string();
            assert!(error.contains("20 0 * * *"), "{text}: {error}");
        }
        assert_eq!("0 0 31 2 *".parse::<Schedule>().err(), Some(ParseScheduleError::Never));
    }
}

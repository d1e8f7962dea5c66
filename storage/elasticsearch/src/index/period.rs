//! The stretch of time that one index stands for, and its spelling in index names. UTC throughout.

use clap::ValueEnum;
use spoor_model::UnixNanos;
use time::Date;

const NANOS_PER_HOUR: u64 = 3_600_000_000_000;
const HOURS_PER_DAY: u32 = 24;
/// 1970-01-01.
const EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// How often a family of indices gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Frequency {
    /// `jaeger-span-2026-08-20`
    Day,
    /// `jaeger-span-2026-08-20-13`
    Hour,
}

/// A period of a family: its first hour, counted from the epoch. Families without periods have one, from the epoch on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Period(pub(super) u32);

impl Frequency {
    /// The period that holds the moment.
    #[inline]
    pub(crate) fn period(self, moment: UnixNanos) -> Period {
        let hour = u32::try_from(moment.0 / NANOS_PER_HOUR).expect("u64 nanoseconds are 5124096 hours");
        Period(match self {
            Self::Day => hour - hour % HOURS_PER_DAY,
            Self::Hour => hour,
        })
    }

    /// Hours in a period.
    pub(super) fn hours(self) -> u32 {
        match self {
            Self::Day => HOURS_PER_DAY,
            Self::Hour => 1,
        }
    }
}

/// How moments are spelled in the names of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) separator: String,
    pub(super) frequency: Frequency,
}

impl Layout {
    /// `2026-08-20` or `2026-08-20-13`.
    pub(super) fn name(&self, period: Period) -> String {
        match self.frequency {
            Frequency::Day => self.day(period),
            Frequency::Hour => {
                format!("{}{}{:02}", self.day(period), self.separator, period.0 % HOURS_PER_DAY)
            }
        }
    }

    /// `2026-08-20`
    pub(super) fn day(&self, period: Period) -> String {
        format!("{}{}{:02}", self.month(period), self.separator, date(period).day())
    }

    /// `2026-08`
    pub(super) fn month(&self, period: Period) -> String {
        let date = date(period);
        format!("{:04}{}{:02}", date.year(), self.separator, u8::from(date.month()))
    }
}

fn date(period: Period) -> Date {
    let days =
        i32::try_from(period.0 / HOURS_PER_DAY).expect("a period made from nanoseconds is below 213504 days");
    Date::from_julian_day(EPOCH_JULIAN_DAY + days).expect("the year is at most 2554")
}

//! Names of the daily indices: where a span of a moment is written, and which indices a stretch of time is read from.
//! Facts: `jaegertracing/jaeger internal/storage/elasticsearch/{config/config.go,indices}`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use spoor_model::{TimeRange, UnixNanos};
use time::Date;

use crate::{IndexConfig, OpenError};

const NANOS_PER_DAY: u64 = 86_400_000_000_000;
/// 1970-01-01.
const EPOCH_JULIAN_DAY: i32 = 2_440_588;
/// Index lists in addresses longer than this become a wildcard; servers take 4096 bytes for the whole request line.
const MAX_LIST_BYTES: usize = 2_048;
const NOT_IN_A_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');
/// What index names cannot hold (Elasticsearch's and OpenSearch's rule), and what separates names in a list.
const FORBIDDEN: &[char] = &['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'];

/// How far beyond a window the spans of a trace may lie and still be found.
pub(crate) const SLACK: Duration = Duration::from_secs(24 * 3600);

/// A day in UTC, counted from 1970-01-01: the period of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(u32);

impl Day {
    #[inline]
    pub(crate) fn of(moment: UnixNanos) -> Self {
        Self(u32::try_from(moment.0 / NANOS_PER_DAY).expect("u64 nanoseconds are 213503 days"))
    }

    fn date(self) -> Date {
        let days = i32::try_from(self.0).expect("a day made from nanoseconds is below 213504");
        Date::from_julian_day(EPOCH_JULIAN_DAY + days).expect("the year is at most 2554")
    }
}

/// The indices of one kind of document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    /// All before the date: `prod-jaeger-span-`.
    base: String,
    separator: String,
}

impl Family {
    /// Name of the day's index.
    pub(crate) fn name(&self, day: Day) -> String {
        let (year, month, date) = day.date().to_calendar_date();
        let Self { base, separator } = self;
        format!("{base}{year:04}{separator}{:02}{separator}{date:02}", u8::from(month))
    }

    /// The pattern of all indices of the family.
    pub(crate) fn pattern(&self) -> String {
        format!("{}*", self.base)
    }

    /// The family's name without a date, which its template has, too.
    pub(crate) fn base_name(&self) -> &str {
        self.base.trim_end_matches('-')
    }

    /// The indices that may hold documents of the window, newest first: a list of days, or the family's pattern where the
    /// list would grow too long for an address.
    pub(crate) fn targets(&self, window: TimeRange) -> Targets {
        let (first, last) = (Day::of(window.start), Day::of(window.end));
        let days = (last.0.saturating_sub(first.0) as usize).saturating_add(1);
        let name_bytes = encoded(&self.name(last)).len() + 1;
        if days.saturating_mul(name_bytes) > MAX_LIST_BYTES {
            return Targets(vec![self.pattern()]);
        }
        Targets((first.0..=last.0.max(first.0)).rev().map(|day| self.name(Day(day))).collect())
    }
}

/// Names and patterns of indices to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Targets(Vec<String>);

impl Targets {
    /// For the path of an address.
    pub(crate) fn path(&self) -> String {
        self.0.iter().map(|name| encoded(name)).collect::<Vec<_>>().join(",")
    }

    /// For a body.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NOT_IN_A_PATH).to_string()
}

/// The names of all families.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexNames {
    pub(crate) spans: Family,
    pub(crate) services: Family,
}

impl IndexNames {
    pub(crate) fn new(config: &IndexConfig) -> Result<Self, OpenError> {
        let (prefix, separator) = (config.prefix.as_str(), config.date_separator.as_str());
        let bad = |text: &str| text.contains(FORBIDDEN) || text.chars().any(char::is_uppercase);
        if bad(prefix) || prefix.starts_with(['-', '_', '+', '.']) {
            return Err(OpenError::IndexPrefix(prefix.to_owned()));
        }
        if bad(separator) {
            return Err(OpenError::DateSeparator(separator.to_owned()));
        }
        let joined =
            if prefix.is_empty() || prefix.ends_with('-') { prefix.to_owned() } else { format!("{prefix}-") };
        let family =
            |base: &str| Family { base: format!("{joined}{base}-"), separator: separator.to_owned() };
        Ok(Self { spans: family("jaeger-span"), services: family("jaeger-service") })
    }
}

/// The moment of the call.
pub(crate) fn now() -> UnixNanos {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

/// The window, longer by so much at both ends.
pub(crate) fn widened(window: TimeRange, by: Duration) -> TimeRange {
    TimeRange { start: window.start.saturating_sub(by), end: window.end.saturating_add(by) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUGUST_20: UnixNanos = UnixNanos(1_787_184_000_000_000_000);

    fn made(prefix: &str, separator: &str) -> Result<IndexNames, OpenError> {
        IndexNames::new(&IndexConfig {
            prefix: prefix.to_owned(),
            date_separator: separator.to_owned(),
            ..IndexConfig::default()
        })
    }

    fn names(prefix: &str) -> IndexNames {
        made(prefix, "-").unwrap()
    }

    #[test]
    fn a_day_begins_at_midnight_utc() {
        let spans = names("").spans;
        assert_eq!(spans.name(Day::of(AUGUST_20)), "jaeger-span-2026-08-20");
        assert_eq!(spans.name(Day::of(UnixNanos(AUGUST_20.0 - 1))), "jaeger-span-2026-08-19");
        assert_eq!(spans.name(Day::of(UnixNanos::ZERO)), "jaeger-span-1970-01-01");
        assert_eq!(spans.name(Day::of(UnixNanos::MAX)), "jaeger-span-2554-07-21");
        let plain = made("", "").unwrap().services;
        assert_eq!(plain.name(Day::of(AUGUST_20)), "jaeger-service-20260820");
    }

    #[test]
    fn a_prefix_is_joined_with_one_dash() {
        for prefix in ["prod", "prod-"] {
            assert_eq!(names(prefix).spans.name(Day::of(AUGUST_20)), "prod-jaeger-span-2026-08-20");
        }
        assert_eq!(names("prod").spans.base_name(), "prod-jaeger-span");
        for bad in ["Prod", "a,b", "a*", "-a", "a:b"] {
            assert!(made(bad, "-").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_window_becomes_a_list_of_days_newest_first() {
        let window = TimeRange { start: UnixNanos(AUGUST_20.0 - 1), end: UnixNanos(AUGUST_20.0 + 1) };
        assert_eq!(names("").spans.targets(window).path(), "jaeger-span-2026-08-20,jaeger-span-2026-08-19");
        assert_eq!(
            names("").spans.targets(widened(window, SLACK)).path(),
            "jaeger-span-2026-08-21,jaeger-span-2026-08-20,jaeger-span-2026-08-19,jaeger-span-2026-08-18"
        );
        let backwards = TimeRange { start: window.end, end: window.start };
        assert_eq!(names("").spans.targets(backwards).path(), "jaeger-span-2026-08-20");
    }

    #[test]
    fn a_long_window_becomes_a_pattern_and_the_address_stays_short() {
        let all = TimeRange { start: UnixNanos::ZERO, end: UnixNanos::MAX };
        assert_eq!(names("é").spans.targets(all).path(), "%C3%A9-jaeger-span-*");
        let three_months =
            TimeRange { start: AUGUST_20.saturating_sub(Duration::from_secs(80 * 86_400)), end: AUGUST_20 };
        let list = names("").spans.targets(three_months).path();
        assert!(list.len() <= MAX_LIST_BYTES && list.starts_with("jaeger-span-2026-08-20,"), "{list}");
    }
}

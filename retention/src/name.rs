//! What the name of an index tells: its family, and its place in a series.

use spoor_storage::IndexFamily as Family;
use time::{Date, Month};

/// The longer name first, as the shorter begins it.
const FAMILIES: [Family; 6] = [
    Family::Archive,
    Family::Span,
    Family::CompactSpan,
    Family::Service,
    Family::Dependencies,
    Family::Sampling,
];

/// How the indices to look at are numbered, as the modes of Jaeger's cleaner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Naming {
    /// A date, perhaps an hour: `jaeger-span-2026-08-20-13`.
    Dated,
    /// Six digits: `jaeger-span-000001`.
    Rollover,
    /// Six digits of the archive: `jaeger-span-archive-000001`.
    Archive,
}

/// The place of an index in its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// Holds this period, seconds of the epoch in UTC, the end excluded.
    Period {
        /// The first second.
        start: i64,
        /// The first second after it.
        end: i64,
        /// Something stands behind the date that is no hour, as `-reindexed`.
        is_copy: bool,
    },
    /// The number of a rollover.
    Number(u32),
}

/// What the names of all indices of ours begin with.
pub(crate) fn beginnings(prefix: &str) -> Vec<String> {
    let dash = if prefix.is_empty() || prefix.ends_with('-') { "" } else { "-" };
    ["jaeger-", "spoor-span-"].iter().map(|base| format!("{prefix}{dash}{base}")).collect()
}

/// Reads a name; nothing when it is none that `naming` means. Prefix and separator stand for themselves, whatever is in them.
pub(crate) fn read(name: &str, prefix: &str, separator: &str, naming: Naming) -> Option<(Family, Series)> {
    // Jaeger's tools always add the dash; its writers only where there is none.
    let prefix = prefix.strip_suffix('-').unwrap_or(prefix);
    let rest = match prefix {
        "" => name,
        prefix => name.strip_prefix(prefix)?.strip_prefix('-')?,
    };
    let (family, tail) = FAMILIES
        .into_iter()
        .find_map(|family| Some((family, rest.strip_prefix(family.base())?.strip_prefix('-')?)))?;
    if (family == Family::Archive) != (naming == Naming::Archive) {
        return None;
    }
    let series = match naming {
        Naming::Dated => period(tail, separator)?,
        Naming::Rollover | Naming::Archive => Series::Number(number(tail)?),
    };
    Some((family, series))
}

/// So many digits, and what follows them.
fn digits(text: &str, count: usize) -> Option<(u32, &str)> {
    let (head, rest) = text.split_at_checked(count)?;
    if !head.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((head.parse().ok()?, rest))
}

fn period(tail: &str, separator: &str) -> Option<Series> {
    let (year, rest) = digits(tail, 4)?;
    let (month, rest) = digits(rest.strip_prefix(separator)?, 2)?;
    let (day, rest) = digits(rest.strip_prefix(separator)?, 2)?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let midnight = date.midnight().assume_utc().unix_timestamp();
    let hourly = rest.strip_prefix(separator).and_then(|rest| digits(rest, 2));
    let (start, length, rest) = match hourly {
        Some((hour, after)) if hour < 24 && !after.starts_with(|letter: char| letter.is_ascii_digit()) => {
            (midnight + i64::from(hour) * 3_600, 3_600, after)
        }
        _ => (midnight, 86_400, rest),
    };
    // More digits make another name than a date: only a suffix behind a dash is a copy's.
    if !rest.is_empty() && !rest.starts_with(['-', '_']) {
        return None;
    }
    Some(Series::Period { start, end: start + length, is_copy: !rest.is_empty() })
}

fn number(tail: &str) -> Option<u32> {
    let (number, rest) = digits(tail, 6)?;
    // Eight digits are a date without separators, not a number.
    (rest.is_empty() || rest.starts_with('-')).then_some(number)
}

/// Whether an index holds spans, in either layout and under whatever date or number, and if so whether it is the archive's. Services,
/// dependencies and others' indices are none.
pub(crate) fn span_index(name: &str, prefix: &str) -> Option<bool> {
    let rest = match prefix.strip_suffix('-').unwrap_or(prefix) {
        "" => name,
        prefix => name.strip_prefix(prefix)?.strip_prefix('-')?,
    };
    let tail = ["jaeger-span", "spoor-span"].iter().find_map(|base| rest.strip_prefix(base))?;
    let tail = tail.strip_prefix('-')?;
    Some(tail == "archive" || tail.starts_with("archive-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_in_the_indices_of_their_own_prefix_alone() {
        for (name, prefix, expected) in [
            ("jaeger-span-2026-08-20", "", Some(false)),
            ("spoor-span-2026-08-20-13", "", Some(false)),
            ("jaeger-span-000001", "", Some(false)),
            ("jaeger-span-archive", "", Some(true)),
            ("prod-spoor-span-archive-000001", "prod", Some(true)),
            ("prod-jaeger-span-2026-08-20", "prod-", Some(false)),
            ("prod-eu-jaeger-span-2026-08-20", "prod", None),
            ("prod-jaeger-span-2026-08-20", "", None),
            ("jaeger-service-2026-08-20", "", None),
            ("jaeger-spanish-2026-08-20", "", None),
        ] {
            assert_eq!(span_index(name, prefix), expected, "{name} under {prefix:?}");
        }
    }
}

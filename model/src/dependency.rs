//! Who calls whom: links between services, as jobs count them from the spans of a day.

use crate::UnixNanos;

/// So many calls from one service to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DependencyLink {
    /// The calling service.
    pub parent: String,
    /// The called service.
    pub child: String,
    /// Where the calls were seen: the [`DependencyReport::source`].
    pub source: String,
    /// How many calls.
    pub call_count: u64,
}

/// So many calls from one service to another, within a report that tells where they were seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceCalls {
    /// The calling service.
    pub parent: String,
    /// The called service.
    pub child: String,
    /// How many calls.
    pub call_count: u64,
}

/// All calls of one day that one source saw. It stands for the whole day: a later report of the same day and source takes the
/// place of the earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyReport {
    /// Any moment of the day, in UTC.
    pub day: UnixNanos,
    /// Whose spans were counted; `jaeger` is what Jaeger's own job (spark-dependencies) writes.
    pub source: String,
    /// The calls, each pair of services once; what is there more than once adds up.
    pub calls: Vec<ServiceCalls>,
}

/// Nanoseconds of a day.
const DAY: u64 = 86_400_000_000_000;

impl DependencyReport {
    /// Midnight (UTC) at which the report's day begins: the moment that the report is read by.
    #[must_use]
    pub fn midnight(&self) -> UnixNanos {
        UnixNanos(self.day.0 - self.day.0 % DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_known_by_the_midnight_its_day_begins_at() {
        let at = |day| DependencyReport { day: UnixNanos(day), source: String::new(), calls: Vec::new() };
        assert_eq!(at(3 * DAY).midnight(), UnixNanos(3 * DAY));
        assert_eq!(at(4 * DAY - 1).midnight(), UnixNanos(3 * DAY));
        assert_eq!(at(0).midnight(), UnixNanos::ZERO);
    }
}

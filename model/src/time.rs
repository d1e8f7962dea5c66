//! Points in time as the wire has them: nanoseconds since the Unix epoch.

use std::time::Duration;

/// Nanoseconds since 1970-01-01T00:00:00Z. Reaches to the year 2554; zero doubles as "not set".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixNanos(pub u64);

impl UnixNanos {
    /// Not set, or 1970-01-01T00:00:00Z.
    pub const ZERO: Self = Self(0);
    /// The last representable moment, in the year 2554.
    pub const MAX: Self = Self(u64::MAX);

    /// From whole microseconds (µs); saturates at [`UnixNanos::MAX`].
    #[must_use]
    pub fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From whole milliseconds (ms); saturates at [`UnixNanos::MAX`].
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Whole microseconds (µs), rounded down, as Jaeger's documents and API v1 carry times.
    #[must_use]
    pub fn micros(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole milliseconds (ms), rounded down.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The time that lies between `earlier` and this moment; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved forward; saturates at [`UnixNanos::MAX`].
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// This moment moved back; saturates at zero.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_units_and_saturates_at_the_ends() {
        assert_eq!(UnixNanos::from_micros(1_500).0, 1_500_000);
        assert_eq!(UnixNanos::from_millis(u64::MAX), UnixNanos::MAX);
        assert_eq!(UnixNanos(1_999).micros(), 1);
        assert_eq!(UnixNanos(5).since(UnixNanos(9)), Duration::ZERO);
        assert_eq!(UnixNanos(5).saturating_sub(Duration::from_secs(1)), UnixNanos::ZERO);
        assert_eq!(UnixNanos::MAX.saturating_add(Duration::MAX), UnixNanos::MAX);
    }
}

//! The part of a range in which the newest traces are looked for. Pure.
//!
//! A part that ends where the range ends has all the newest spans: when it has as many traces as are wanted, they are the newest of
//! the whole range, each at its newest span. Only when it has fewer is more of the range looked at.

use std::time::Duration;

use spoor_model::{FoundTrace, TimeRange};

/// Of what may hold the answer, so much is looked at first.
const FIRST_SHARE: u32 = 256;
/// A part so large is no longer worth a question of its own.
const LARGEST_SHARE: u32 = 4;
/// Nothing shorter is looked at by itself.
const SHORTEST: Duration = Duration::from_secs(1);
/// So many times more is looked at than would do if traces came at an even rate.
const MARGIN: f64 = 4.0;

/// The newest part of a range, or all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    whole: TimeRange,
    /// From where on answers can lie, to the start of the range.
    span: Duration,
    /// How much of that is looked at; nothing stands for all.
    width: Option<Duration>,
}

impl Slice {
    /// The first one to look at, of a range whose traces are known down to the place.
    pub(super) fn newest(whole: TimeRange, behind: Option<FoundTrace>) -> Self {
        let known = behind.map_or(u64::MAX, |place| place.newest_match_micros);
        let end = known.min(whole.end.micros());
        let span = Duration::from_micros(end.saturating_sub(whole.start.micros()));
        Self { whole, span, width: None }.of_width(SHORTEST.max(span / FIRST_SHARE))
    }

    /// The times within which spans start.
    pub(super) fn range(self) -> TimeRange {
        let Some(width) = self.width else { return self.whole };
        let start = self.whole.start.saturating_add(self.span.saturating_sub(width));
        TimeRange { start, ..self.whole }
    }

    /// True when there is nothing else to look at.
    pub(super) fn is_whole(self) -> bool {
        self.width.is_none()
    }

    /// The next one, when this one had `found` of `wanted` traces: as large as will do at this rate, or all.
    pub(super) fn wider(self, found: usize, wanted: usize) -> Self {
        let whole = Self { width: None, ..self };
        let Some(width) = self.width.filter(|_| found > 0) else { return whole };
        #[expect(clippy::cast_precision_loss, reason = "a guess of counts far below 2^53")]
        let factor = MARGIN * (wanted as f64 / found as f64).max(1.0);
        Duration::try_from_secs_f64(width.as_secs_f64() * factor).map_or(whole, |width| self.of_width(width))
    }

    fn of_width(self, width: Duration) -> Self {
        Self { width: Some(width).filter(|width| *width < self.span / LARGEST_SHARE), ..self }
    }
}

#[cfg(test)]
mod tests {
    use spoor_model::{TraceId, UnixNanos};

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// From 1,000 s on.
    fn range(seconds: u64) -> TimeRange {
        TimeRange { start: UnixNanos(1_000 * SECOND), end: UnixNanos((1_000 + seconds) * SECOND) }
    }

    fn start_of(slice: Slice) -> u64 {
        slice.range().start.0 / SECOND
    }

    #[test]
    fn the_newest_part_ends_where_the_range_ends_or_the_known_places_do() {
        let first = Slice::newest(range(25_600), None);
        assert_eq!(first.range(), TimeRange { start: UnixNanos(26_500 * SECOND), ..range(25_600) });
        let place =
            |seconds: u64| FoundTrace { newest_match_micros: seconds * 1_000_000, trace_id: TraceId(1) };
        assert_eq!(start_of(Slice::newest(range(25_600), Some(place(13_800)))), 13_750);
        assert_eq!(start_of(Slice::newest(range(25_600), Some(place(99_000)))), 26_500);
        assert!(Slice::newest(range(25_600), Some(place(900))).is_whole(), "nothing is left of it");
    }

    #[test]
    fn it_grows_by_what_is_missing_until_it_is_the_whole_range() {
        let first = Slice::newest(range(25_600), None);
        assert_eq!(start_of(first.wider(14, 21)), 26_000);
        assert_eq!(start_of(first.wider(21, 21).wider(21, 21)), 25_000);
        assert!(first.wider(1, 21).is_whole(), "a third of it is not worth a question");
        assert_eq!(first.wider(0, 21).range(), range(25_600), "nothing tells how much will do");
    }

    #[test]
    fn a_short_range_is_looked_at_as_a_whole() {
        assert!(Slice::newest(range(4), None).is_whole());
        assert!(Slice::newest(TimeRange { start: UnixNanos(9), end: UnixNanos(3) }, None).is_whole());
        assert_eq!(start_of(Slice::newest(range(10), None)), 1_009);
    }

    #[test]
    fn it_is_the_whole_range_after_a_few_questions_whatever_is_found() {
        for found in 1..21 {
            let mut slice = Slice::newest(range(25_600), None);
            let mut questions = 1;
            while !slice.is_whole() {
                slice = slice.wider(found, 21);
                questions += 1;
            }
            assert!(questions <= 4, "{questions} with {found}");
        }
    }
}

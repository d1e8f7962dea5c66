//! Under which moment a span is filed, and so in which index: its start, unless the start is so far from now that only a wrong clock can
//! have made it. Such spans would each make an index of their own (five shards a day, until the cluster takes no more), and be out of
//! reach of lookups by id; they are filed under the time of receipt, bear a warning, and are counted.

use std::time::Duration;

use spoor_model::{SpanBatch, TimeRange, UnixNanos, jaeger};

use crate::IndexConfig;

/// Does not name the moment of receipt: a span that is sent again must be the same document.
const WARNING: &str = "this span's start is too far from the time it was received; it is filed under the day it was received, \
                       and searches by time may not find it";

/// How long ago spans can have been received. A time of receipt before that is itself a wrong clock's, and so is one ahead.
const LONGEST_UNDERWAY: Duration = Duration::from_secs(30 * 86_400);

/// Where starts are believed, around the time of receipt. Zero bounds nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Belief {
    past: Duration,
    future: Duration,
}

impl Belief {
    pub(crate) fn new(config: &IndexConfig) -> Self {
        Self { past: config.span_window_past, future: config.span_window_future }
    }

    /// What it means for spans that were received just now, or between those moments. Whatever these are, a start around now is believed.
    pub(crate) fn at(self, now: UnixNanos, received: Option<TimeRange>) -> Filing {
        let is_likely = |range: &TimeRange| {
            now.saturating_sub(LONGEST_UNDERWAY) <= range.start
                && range.start <= range.end
                && range.end <= now
        };
        // By its day, whatever else was received with it and however finely indices are cut: written again it is to lie there again.
        let (first, receipt) =
            received.filter(is_likely).map_or((now, now), |range| (range.start, midnight_before(range.end)));
        let earliest = if self.past.is_zero() { UnixNanos::ZERO } else { first.saturating_sub(self.past) };
        let latest = if self.future.is_zero() { UnixNanos::MAX } else { now.saturating_add(self.future) };
        Filing { earliest, latest, receipt }
    }
}

fn midnight_before(moment: UnixNanos) -> UnixNanos {
    UnixNanos(moment.0 - moment.0 % (86_400 * 1_000_000_000))
}

/// The filing of spans that are written together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filing {
    earliest: UnixNanos,
    latest: UnixNanos,
    receipt: UnixNanos,
}

impl Filing {
    #[inline]
    fn believes(self, start: UnixNanos) -> bool {
        self.earliest <= start && start <= self.latest
    }

    /// The moment whose index the span belongs in.
    #[inline]
    pub(crate) fn moment(self, start: UnixNanos) -> UnixNanos {
        if self.believes(start) { start } else { self.receipt }
    }

    /// How many spans are dated wrongly, and the batch with a warning on each of them; `None` when all are believed.
    pub(crate) fn warned(self, batch: &SpanBatch) -> Option<(u64, SpanBatch)> {
        let misdated = |index: usize| batch.span(index).is_some_and(|span| !self.believes(span.start()));
        let first = (0..batch.len()).find(|&index| misdated(index))?;
        let (mut count, mut warned) = (0, batch.clone());
        for index in (first..batch.len()).filter(|&index| misdated(index)) {
            jaeger::add_warning(&mut warned, index, WARNING);
            count += 1;
        }
        Some((count, warned))
    }
}

#[cfg(test)]
mod tests {
    use spoor_model::{ResourceRow, ScopeRow, SpanBatchBuilder, SpanRow};

    use super::*;

    const NOW: UnixNanos = UnixNanos(1_787_184_000_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn batch(starts: &[UnixNanos]) -> SpanBatch {
        let mut builder = SpanBatchBuilder::new();
        let resource = builder.push_resource(ResourceRow::default());
        let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
        starts.iter().for_each(|&start| builder.push_span(SpanRow { scope, start, ..SpanRow::default() }));
        builder.finish().unwrap()
    }

    #[test]
    fn a_start_beyond_the_window_is_filed_under_now_with_a_warning() {
        let filing = Belief { past: 72 * HOUR, future: HOUR }.at(NOW, None);
        let (recent, old, ahead) =
            (NOW.saturating_sub(71 * HOUR), NOW.saturating_sub(73 * HOUR), NOW.saturating_add(2 * HOUR));
        assert_eq!(filing.moment(recent), recent);
        assert_eq!((filing.moment(old), filing.moment(ahead)), (NOW, NOW));
        assert!(filing.warned(&batch(&[recent, NOW])).is_none());
        let (count, warned) = filing.warned(&batch(&[recent, old, UnixNanos::ZERO, ahead])).unwrap();
        let warnings: Vec<_> = warned.spans().map(|span| jaeger::warnings(span).len()).collect();
        assert_eq!((count, warnings), (3, vec![0, 1, 1, 1]));
    }

    #[test]
    fn a_start_is_measured_by_the_time_of_receipt_however_late_the_span_is_written() {
        let belief = Belief { past: 72 * HOUR, future: HOUR };
        let ago = |hours: u32| NOW.saturating_sub(hours * HOUR);
        let late = belief.at(NOW, Some(TimeRange { start: ago(101), end: ago(100) }));
        assert_eq!(late.moment(ago(102)), ago(102), "an hour old when it was received");
        // The midnight (UTC) before it was received: 2026-08-15.
        let day = UnixNanos(1_786_752_000_000_000_000);
        assert_eq!(
            late.moment(ago(174)),
            day,
            "73 hours old when it was received: filed under that day, not under now's"
        );
        let once_more =
            belief.at(NOW.saturating_add(HOUR), Some(TimeRange { start: ago(104), end: ago(102) }));
        assert_eq!(once_more.moment(ago(180)), day, "whatever it is written together with");
        assert_eq!(late.moment(ago(1)), ago(1), "the topic's clock may be the wrong one");
        for unlikely in
            [(NOW.saturating_add(HOUR), NOW.saturating_add(HOUR)), (UnixNanos::ZERO, NOW), (ago(1), ago(2))]
        {
            let filing = belief.at(NOW, Some(TimeRange { start: unlikely.0, end: unlikely.1 }));
            assert_eq!((filing.moment(ago(73)), filing.moment(ago(71))), (NOW, ago(71)), "{unlikely:?}");
        }
    }

    #[test]
    fn zero_believes_every_clock() {
        let filing = Belief::default().at(NOW, None);
        assert_eq!(filing.moment(UnixNanos::MAX), UnixNanos::MAX);
        assert!(filing.warned(&batch(&[UnixNanos::ZERO, UnixNanos::MAX])).is_none());
    }
}

//! Which days are to be counted now. Pure.

use std::time::Duration;

use spoor_model::UnixNanos;

use super::day::Day;

/// Spans of a day still come for so long after its end.
const LATE: Duration = Duration::from_secs(15 * 60);

/// Today always; yesterday once, when its last spans have come. `settled` is the day that was counted last after its end.
pub(super) fn due(now: UnixNanos, settled: Option<Day>) -> Vec<Day> {
    let today = Day::of(now);
    let yesterday = today.before();
    let is_over = now >= today.midnight().saturating_add(LATE);
    let mut days = vec![today];
    if is_over && settled != Some(yesterday) {
        days.insert(0, yesterday);
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(now: &str, minutes: u64, settled: Option<&str>) -> Vec<String> {
        let day: Day = now.parse().unwrap();
        let now = day.midnight().saturating_add(Duration::from_secs(60 * minutes));
        due(now, settled.map(|day| day.parse().unwrap())).iter().map(Day::to_string).collect()
    }

    #[test]
    fn yesterday_is_counted_once_more_when_its_last_spans_have_come() {
        assert_eq!(days("2026-03-01", 0, Some("2026-02-27")), ["2026-03-01"]);
        assert_eq!(days("2026-03-01", 14, None), ["2026-03-01"]);
        assert_eq!(days("2026-03-01", 15, Some("2026-02-27")), ["2026-02-28", "2026-03-01"]);
        assert_eq!(days("2026-03-01", 600, Some("2026-02-28")), ["2026-03-01"]);
        assert_eq!(days("2026-03-01", 600, None), ["2026-02-28", "2026-03-01"], "a new leader cannot know");
    }
}

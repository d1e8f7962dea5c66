//! Claims about who calls whom.

use std::time::Duration;

use spoor_model::{DependencyLink, DependencyReport, ServiceCalls, TimeRange, UnixNanos};

use super::RecordsFixture;
use crate::conformance::{context, some_minutes_ago};
use crate::{ReadErrorKind, RecordErrorKind, RequestContext};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn calls(parent: &str, child: &str, call_count: u64) -> ServiceCalls {
    ServiceCalls { parent: parent.to_owned(), child: child.to_owned(), call_count }
}

fn report(day: UnixNanos, source: &str, calls: Vec<ServiceCalls>) -> DependencyReport {
    DependencyReport { day, source: source.to_owned(), calls }
}

fn link(parent: &str, child: &str, source: &str, call_count: u64) -> DependencyLink {
    DependencyLink {
        parent: parent.to_owned(),
        child: child.to_owned(),
        source: source.to_owned(),
        call_count,
    }
}

async fn write(store: &dyn RecordsFixture, report: DependencyReport) {
    store.dependencies().write_dependencies(&context(), &report).await.expect("the report is stored");
    store.settle().await;
}

async fn read(store: &dyn RecordsFixture, start: UnixNanos, end: UnixNanos) -> Vec<DependencyLink> {
    let range = TimeRange { start, end };
    store.dependencies().dependencies(&context(), range).await.expect("dependencies are read")
}

async fn lately(store: &dyn RecordsFixture) -> Vec<DependencyLink> {
    let now = some_minutes_ago();
    read(store, now.saturating_sub(7 * DAY), now.saturating_add(DAY)).await
}

/// No reports, no links.
pub async fn an_empty_store_knows_no_calls(store: &dyn RecordsFixture) {
    assert_eq!(lately(store).await, []);
}

/// Links come back with the source of their report, sorted, with counts beyond 32 bits and names of any kind.
pub async fn what_was_reported_is_read_with_its_source(store: &dyn RecordsFixture) {
    let large = 5_000_000_000;
    let found =
        vec![calls("shop", "cart", 3), calls("Zürich \"都市\"", "a.b ", large), calls("cart", "cart", 1)];
    write(store, report(some_minutes_ago(), "jaeger", found)).await;
    let expected = [
        link("Zürich \"都市\"", "a.b ", "jaeger", large),
        link("cart", "cart", "jaeger", 1),
        link("shop", "cart", "jaeger", 3),
    ];
    assert_eq!(lately(store).await, expected);
}

/// Running a day again changes its report instead of counting the day twice, even where a link is gone or smaller.
pub async fn a_report_written_again_takes_the_place_of_the_first(store: &dyn RecordsFixture) {
    let day = some_minutes_ago();
    write(store, report(day, "jaeger", vec![calls("a", "b", 3), calls("a", "c", 9)])).await;
    write(store, report(day, "jaeger", vec![calls("a", "b", 2)])).await;
    assert_eq!(lately(store).await, [link("a", "b", "jaeger", 2)]);
    write(store, report(day, "jaeger", Vec::new())).await;
    assert_eq!(lately(store).await, []);
}

/// A pair that several days report is counted over all of them, each source on its own.
pub async fn days_add_up_and_sources_stay_apart(store: &dyn RecordsFixture) {
    let day = some_minutes_ago();
    write(store, report(day, "jaeger", vec![calls("a", "b", 1)])).await;
    write(store, report(day.saturating_sub(DAY), "jaeger", vec![calls("a", "b", 10), calls("b", "a", 4)]))
        .await;
    write(store, report(day, "other", vec![calls("a", "b", 100)])).await;
    let expected = [link("a", "b", "jaeger", 11), link("a", "b", "other", 100), link("b", "a", "jaeger", 4)];
    assert_eq!(lately(store).await, expected);
}

/// A report is found by the midnight of its day: at it, not a millisecond after or before it.
pub async fn the_range_of_days_is_inclusive_at_both_ends(store: &dyn RecordsFixture) {
    let written = report(some_minutes_ago(), "jaeger", vec![calls("a", "b", 1)]);
    let midnight = written.midnight();
    write(store, written).await;
    let milli = Duration::from_millis(1);
    assert_eq!(read(store, midnight, midnight).await.len(), 1);
    assert_eq!(read(store, midnight.saturating_sub(DAY), midnight).await.len(), 1);
    assert_eq!(read(store, midnight.saturating_add(milli), midnight.saturating_add(DAY)).await, []);
    assert_eq!(read(store, midnight.saturating_sub(DAY), midnight.saturating_sub(milli)).await, []);
}

/// What a report says of one pair in two places is one sum.
pub async fn calls_named_twice_in_a_report_add_up(store: &dyn RecordsFixture) {
    write(store, report(some_minutes_ago(), "jaeger", vec![calls("a", "b", 1), calls("a", "b", 2)])).await;
    assert_eq!(lately(store).await, [link("a", "b", "jaeger", 3)]);
}

/// Nothing is read or written when the time is up.
pub async fn dependencies_past_a_deadline_are_an_error(store: &dyn RecordsFixture) {
    let late = RequestContext::with_timeout(Duration::ZERO);
    let (report, range) = (
        report(UnixNanos::ZERO, "x", Vec::new()),
        TimeRange { start: UnixNanos::ZERO, end: UnixNanos::ZERO },
    );
    let written = store.dependencies().write_dependencies(&late, &report).await.expect_err("too late");
    assert_eq!(written.kind, RecordErrorKind::DeadlineExceeded, "{written}");
    let read = store.dependencies().dependencies(&late, range).await.expect_err("too late");
    assert_eq!(read.kind, ReadErrorKind::DeadlineExceeded, "{read}");
}

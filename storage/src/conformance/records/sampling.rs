//! Claims about what adaptive sampling remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use spoor_model::{ByOperation, SamplingProbabilities, Throughput, TimeRange, UnixNanos};

use super::RecordsFixture;
use crate::conformance::{context, some_minutes_ago};
use crate::{ReadErrorKind, RecordErrorKind, RequestContext};

const SECOND: Duration = Duration::from_secs(1);

fn seen(service: &str, operation: &str, count: u64) -> Throughput {
    let probabilities = BTreeSet::from(["0.001000".to_owned(), "1.000000".to_owned()]);
    Throughput { service: service.to_owned(), operation: operation.to_owned(), count, probabilities }
}

fn of(service: &str, operation: &str, number: f64) -> ByOperation {
    BTreeMap::from([(service.to_owned(), BTreeMap::from([(operation.to_owned(), number)]))])
}

fn calculated(host: &str, probability: f64) -> SamplingProbabilities {
    SamplingProbabilities {
        host: host.to_owned(),
        probabilities: of("shop", "buy", probability),
        qps: of("shop", "buy", 2.5),
    }
}

async fn write(store: &dyn RecordsFixture, at: UnixNanos, seen: &[Throughput]) {
    store.sampling().write_throughput(&context(), at, seen).await.expect("the throughput is stored");
    store.settle().await;
}

async fn read(store: &dyn RecordsFixture, start: UnixNanos, end: UnixNanos) -> Vec<Throughput> {
    let range = TimeRange { start, end };
    store.sampling().throughput(&context(), range).await.expect("throughput is read")
}

async fn latest(store: &dyn RecordsFixture) -> Option<(UnixNanos, SamplingProbabilities)> {
    store.sampling().latest_probabilities(&context()).await.expect("probabilities are read")
}

async fn calculate(store: &dyn RecordsFixture, at: UnixNanos, probabilities: &SamplingProbabilities) {
    store.sampling().write_probabilities(&context(), at, probabilities).await.expect("they are stored");
    store.settle().await;
}

/// An empty store has seen nothing and knows no probabilities.
pub async fn nothing_is_remembered_at_first(store: &dyn RecordsFixture) {
    let at = some_minutes_ago();
    assert_eq!(read(store, at.saturating_sub(60 * SECOND), at).await, []);
    assert_eq!(latest(store).await, None);
}

/// Moments of both ends belong to the range, and nothing is added up; probabilities do not appear among throughput.
pub async fn throughput_comes_back_in_the_order_of_moments(store: &dyn RecordsFixture) {
    let at = some_minutes_ago();
    let none = Throughput { probabilities: BTreeSet::new(), ..seen("shop", "list", 0) };
    write(store, at.saturating_add(2 * SECOND), std::slice::from_ref(&none)).await;
    write(store, at, &[seen("shop", "buy", 7)]).await;
    write(store, at.saturating_add(SECOND), &[seen("shop", "buy", 5)]).await;
    write(store, at.saturating_add(3 * SECOND), &[seen("shop", "later", 5)]).await;
    calculate(store, at.saturating_add(SECOND), &calculated("a", 0.5)).await;
    let found = read(store, at, at.saturating_add(2 * SECOND)).await;
    assert_eq!(found, [seen("shop", "buy", 7), seen("shop", "buy", 5), none]);
}

/// A repeated write changes nothing, a corrected one replaces.
pub async fn throughput_written_again_counts_once(store: &dyn RecordsFixture) {
    let at = some_minutes_ago();
    write(store, at, &[seen("shop", "buy", 7), seen("cart", "buy", 1)]).await;
    write(store, at, &[seen("shop", "buy", 8), seen("cart", "buy", 1)]).await;
    let mut found = read(store, at, at).await;
    found.sort_unstable();
    assert_eq!(found, [seen("cart", "buy", 1), seen("shop", "buy", 8)]);
}

/// Neither a later write of an older moment nor newer throughput hides the newest probabilities.
pub async fn the_latest_moment_tells_the_probabilities(store: &dyn RecordsFixture) {
    let at = some_minutes_ago();
    let told = |at: UnixNanos, told| Some((UnixNanos::from_millis(at.millis()), told));
    let later = at.saturating_add(SECOND);
    calculate(store, later, &calculated("new", 0.25)).await;
    calculate(store, at, &calculated("old", 0.5)).await;
    write(store, at.saturating_add(2 * SECOND), &[seen("shop", "buy", 7)]).await;
    assert_eq!(latest(store).await, told(later, calculated("new", 0.25)));
    let empty = SamplingProbabilities { host: "newest".to_owned(), ..SamplingProbabilities::default() };
    let newest = at.saturating_add(3 * SECOND);
    calculate(store, newest, &empty).await;
    assert_eq!(latest(store).await, told(newest, empty));
}

/// As many operations as large installations have, called whatever people call them.
pub async fn thousands_of_operations_with_any_names_are_kept(store: &dyn RecordsFixture) {
    let at = some_minutes_ago();
    let mut names: Vec<String> = (0..2_500).map(|number| format!("GET /v1/items.{number}")).collect();
    names.extend(["", " ", ".", "a..b", ".a", "\"q\"", "Übersicht 都市", "*"].map(str::to_owned));
    names.push("long ".repeat(200));
    let seen_all: Vec<Throughput> = names.iter().map(|name| seen("sh.op", name, 3)).collect();
    let number = |name: &String| (name.clone(), 0.125);
    let all: ByOperation = BTreeMap::from([("sh.op".to_owned(), names.iter().map(number).collect())]);
    let calculated = SamplingProbabilities { host: "a".to_owned(), probabilities: all.clone(), qps: all };
    write(store, at, &seen_all).await;
    calculate(store, at, &calculated).await;
    let (mut found, mut expected) = (read(store, at, at).await, seen_all);
    found.sort_unstable();
    expected.sort_unstable();
    assert!(found == expected, "{} of {} operations come back as they were", found.len(), expected.len());
    assert!(latest(store).await.map(|(_, told)| told) == Some(calculated), "all probabilities come back");
}

/// Nothing is read or written when the time is up.
pub async fn sampling_past_a_deadline_is_an_error(store: &dyn RecordsFixture) {
    let late = RequestContext::with_timeout(Duration::ZERO);
    let at = some_minutes_ago();
    let written =
        store.sampling().write_throughput(&late, at, &[seen("a", "b", 1)]).await.expect_err("too late");
    assert_eq!(written.kind, RecordErrorKind::DeadlineExceeded, "{written}");
    let written =
        store.sampling().write_probabilities(&late, at, &calculated("a", 1.0)).await.expect_err("too late");
    assert_eq!(written.kind, RecordErrorKind::DeadlineExceeded, "{written}");
    let read = store.sampling().latest_probabilities(&late).await.expect_err("too late");
    assert_eq!(read.kind, ReadErrorKind::DeadlineExceeded, "{read}");
    let read =
        store.sampling().throughput(&late, TimeRange { start: at, end: at }).await.expect_err("too late");
    assert_eq!(read.kind, ReadErrorKind::DeadlineExceeded, "{read}");
}

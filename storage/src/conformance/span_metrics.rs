//! The contract of metrics computed from spans. A backend brings a function that opens a fresh, empty store ([`MetricsFixture`])
//! and writes `spoor_storage::metrics_conformance_tests!(fresh_store);`.

use std::time::Duration;

use spoor_model::{MetricSeries, SpanKind, SpanMetricsQuery, StatusCode, TimeRange, UnixNanos, ValueView};

use super::{Fixture, Sample, context, some_minutes_ago, store_samples, trace_id};
use crate::{MetricsReader, ReadErrorKind, RequestContext};

/// A store of spans with metrics.
pub trait MetricsFixture: Fixture {
    /// Rates and latencies of the same spans.
    fn metrics(&self) -> &dyn MetricsReader;
}

/// Writes one test for each claim of the contract. `$fresh` is an async function without arguments that opens a
/// [`MetricsFixture`](crate::conformance::span_metrics::MetricsFixture); every test calls it once.
#[macro_export]
macro_rules! metrics_conformance_tests {
    ($fresh:expr) => {
        $crate::metrics_conformance_tests! { @claims $fresh;
            without_spans_there_are_no_series,
            services_have_series_of_their_own,
            each_of_many_operations_has_a_series,
            kinds_are_told_apart,
            spans_that_failed_are_a_share_of_all,
            a_rate_counts_what_came_before_the_range,
            quantiles_are_those_of_the_step_before,
            a_question_that_makes_no_sense_is_invalid,
            metrics_past_a_deadline_are_an_error,
        }
    };
    (@claims $fresh:expr; $($claim:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $claim() {
            let store = ($fresh)().await;
            $crate::conformance::in_time($crate::conformance::span_metrics::$claim(&store)).await;
        }
    )+};
}

const STEP: Duration = Duration::from_secs(10);

/// A moment at which a point lies; to be asked for once a claim.
fn point() -> UnixNanos {
    let base = some_minutes_ago();
    UnixNanos(base.0 - base.0 % 60_000_000_000)
}

/// Two points: at that moment, and a step later. Rates are over a step.
fn query(at: UnixNanos, services: &[&str]) -> SpanMetricsQuery {
    SpanMetricsQuery {
        services: services.iter().map(|&service| service.to_owned()).collect(),
        kinds: Vec::new(),
        by_operation: false,
        range: TimeRange { start: at, end: at.saturating_add(STEP) },
        step: STEP,
        rate_per: STEP,
    }
}

/// Answers whose spans are in the step before the last point of [`query`] start here.
fn within(at: UnixNanos) -> UnixNanos {
    at.saturating_add(Duration::from_secs(1))
}

fn values(series: &MetricSeries) -> Vec<Option<f64>> {
    series.points.iter().map(|point| point.value).collect()
}

async fn rates(store: &dyn MetricsFixture, query: &SpanMetricsQuery) -> Vec<MetricSeries> {
    store.metrics().call_rates(&context(), query).await.expect("call rates are computed")
}

async fn errors(store: &dyn MetricsFixture, query: &SpanMetricsQuery) -> Vec<MetricSeries> {
    store.metrics().error_rates(&context(), query).await.expect("error rates are computed")
}

async fn latencies(store: &dyn MetricsFixture, query: &SpanMetricsQuery, quantile: f64) -> Vec<MetricSeries> {
    store.metrics().latencies(&context(), query, quantile).await.expect("latencies are computed")
}

/// An empty store and an unknown service have none.
pub async fn without_spans_there_are_no_series(store: &dyn MetricsFixture) {
    let at = point();
    for _ in 0..2 {
        assert_eq!(rates(store, &query(at, &["nobody"])).await, []);
        assert_eq!(errors(store, &query(at, &["nobody"])).await, []);
        assert_eq!(latencies(store, &query(at, &["nobody"]), 0.5).await, []);
        store_samples(store, &[Sample::new(trace_id(1), 1, within(at))]).await;
    }
}

/// Services asked for together are not merged, and those not asked for do not count.
pub async fn services_have_series_of_their_own(store: &dyn MetricsFixture) {
    let at = point();
    let span = |id, service| Sample { service, ..Sample::new(trace_id(id), id, within(at)) };
    store_samples(store, &[span(1, "shop"), span(2, "shop"), span(3, "cart"), span(4, "else")]).await;
    let found = rates(store, &query(at, &["shop", "cart", "nobody", "shop"])).await;
    let told: Vec<_> = found.iter().map(|series| (series.service.as_str(), values(series))).collect();
    assert_eq!(told, [("cart", vec![Some(0.0), Some(0.1)]), ("shop", vec![Some(0.0), Some(0.2)])]);
    assert!(found.iter().all(|series| series.operation.is_none()));
    let times: Vec<_> = found[0].points.iter().map(|point| point.time).collect();
    assert_eq!(times, [at, at.saturating_add(STEP)]);
}

/// Far more operations than a screen shows, each with its own count.
pub async fn each_of_many_operations_has_a_series(store: &dyn MetricsFixture) {
    let at = point();
    let names: Vec<String> = (0..40).map(|number| format!("operation {number:02}")).collect();
    let of = |(id, name)| Sample { name, ..Sample::new(trace_id(id), id, within(at)) };
    let mut samples: Vec<_> = (1..).zip(names.iter().map(String::as_str)).map(of).collect();
    samples.push(of((100, "operation 07")));
    store_samples(store, &samples).await;
    let found = rates(store, &SpanMetricsQuery { by_operation: true, ..query(at, &["shop"]) }).await;
    let operations: Vec<_> = found.iter().filter_map(|series| series.operation.clone()).collect();
    assert_eq!(operations, names);
    assert_eq!(values(&found[7]), [Some(0.0), Some(0.2)]);
    assert_eq!(values(&found[8]), [Some(0.0), Some(0.1)]);
}

/// Only spans of the kinds asked for; a span without a kind is of the kind "unspecified".
pub async fn kinds_are_told_apart(store: &dyn MetricsFixture) {
    let at = point();
    let kinds = [SpanKind::Server, SpanKind::Server, SpanKind::Client, SpanKind::Unspecified];
    let of = |(id, kind)| Sample { kind, ..Sample::new(trace_id(id), id, within(at)) };
    store_samples(store, &(1..).zip(kinds).map(of).collect::<Vec<_>>()).await;
    for (kinds, expected) in [
        (vec![], 0.4),
        (vec![SpanKind::Server], 0.2),
        (vec![SpanKind::Client], 0.1),
        (vec![SpanKind::Server, SpanKind::Client], 0.3),
        (vec![SpanKind::Unspecified], 0.1),
        (vec![SpanKind::Unspecified, SpanKind::Server], 0.3),
    ] {
        let found = rates(store, &SpanMetricsQuery { kinds: kinds.clone(), ..query(at, &["shop"]) }).await;
        assert_eq!(values(&found[0]), [Some(0.0), Some(expected)], "{kinds:?}");
    }
    let none = SpanMetricsQuery { kinds: vec![SpanKind::Consumer], ..query(at, &["shop"]) };
    assert_eq!(rates(store, &none).await, []);
}

/// By the status or by the attribute `error`, as text or truth; `error`=false is no failure. Without spans there is no share.
pub async fn spans_that_failed_are_a_share_of_all(store: &dyn MetricsFixture) {
    let at = point();
    let span = |id| Sample::new(trace_id(id), id, within(at));
    let samples = [
        Sample { status: StatusCode::Error, ..span(1) },
        span(2).with("error", ValueView::Bool(true)),
        span(3).with("error", ValueView::Str("true")),
        span(4).with("error", ValueView::Bool(false)),
        span(5),
        Sample { status: StatusCode::Ok, ..span(6) },
        Sample { service: "fine", ..span(7) },
    ];
    store_samples(store, &samples).await;
    let found = errors(store, &query(at, &["shop", "fine"])).await;
    let told: Vec<_> = found.iter().map(|series| (series.service.as_str(), values(series))).collect();
    assert_eq!(told, [("fine", vec![None, Some(0.0)]), ("shop", vec![None, Some(0.5)])]);
}

/// The first point looks back as far as every other, to the millisecond.
pub async fn a_rate_counts_what_came_before_the_range(store: &dyn MetricsFixture) {
    let at = point();
    let minute = Duration::from_secs(60);
    let milli = Duration::from_millis(1);
    let span = |id, start| Sample::new(trace_id(id), id, start);
    let samples = [
        span(1, at.saturating_sub(minute).saturating_sub(milli)),
        span(2, at.saturating_sub(minute)),
        span(3, at.saturating_sub(milli)),
        span(4, at),
        span(5, at.saturating_add(STEP)),
    ];
    store_samples(store, &samples).await;
    let found =
        rates(store, &SpanMetricsQuery { rate_per: Duration::from_secs(55), ..query(at, &["shop"]) }).await;
    assert_eq!(values(&found[0]), [Some(2.0 / 60.0), Some(2.0 / 60.0)]);
}

/// In milliseconds, also of extreme quantiles; each step by itself, nothing for a step without spans.
pub async fn quantiles_are_those_of_the_step_before(store: &dyn MetricsFixture) {
    let at = point();
    let of = |number: u64| Sample {
        duration: Duration::from_millis(number),
        ..Sample::new(trace_id(number), number, within(at))
    };
    let mut samples: Vec<_> = (1..=100).map(of).collect();
    samples.push(Sample {
        duration: Duration::from_secs(9),
        ..Sample::new(trace_id(500), 500, at.saturating_sub(2 * STEP))
    });
    store_samples(store, &samples).await;
    for (quantile, least, most) in
        [(0.0, 1.0, 1.0), (0.5, 49.0, 52.0), (0.95, 94.0, 97.0), (0.9999, 99.0, 100.0), (1.0, 100.0, 100.0)]
    {
        let found = latencies(store, &query(at, &["shop"]), quantile).await;
        assert_eq!(found.len(), 1);
        match values(&found[0])[..] {
            [None, Some(value)] => assert!((least..=most).contains(&value), "{quantile}: {value}"),
            ref other => panic!("{quantile}: {other:?}"),
        }
    }
    let by_operation = SpanMetricsQuery { by_operation: true, ..query(at, &["shop"]) };
    assert_eq!(latencies(store, &by_operation, 0.5).await[0].operation.as_deref(), Some("GET /cart"));
}

/// More than a store computes, backwards, or no quantile.
pub async fn a_question_that_makes_no_sense_is_invalid(store: &dyn MetricsFixture) {
    let at = point();
    let sound = query(at, &["shop"]);
    let backwards = TimeRange { start: sound.range.end, end: sound.range.start };
    for nonsense in [
        SpanMetricsQuery { services: Vec::new(), ..sound.clone() },
        SpanMetricsQuery { step: Duration::ZERO, ..sound.clone() },
        SpanMetricsQuery { step: Duration::from_micros(1), ..sound.clone() },
        SpanMetricsQuery { range: backwards, ..sound.clone() },
        SpanMetricsQuery { range: TimeRange { start: UnixNanos::ZERO, end: at }, ..sound.clone() },
    ] {
        let error = store.metrics().call_rates(&context(), &nonsense).await.expect_err("it makes no sense");
        assert_eq!(error.kind, ReadErrorKind::Invalid, "{error}");
    }
    for quantile in [-0.1, 1.1, f64::NAN] {
        let error = store.metrics().latencies(&context(), &sound, quantile).await.expect_err("no quantile");
        assert_eq!(error.kind, ReadErrorKind::Invalid, "{error}");
    }
    assert_eq!(store.metrics().min_step(), Duration::from_millis(1));
}

/// Nothing is computed when the time is up.
pub async fn metrics_past_a_deadline_are_an_error(store: &dyn MetricsFixture) {
    let at = point();
    let late = RequestContext::with_timeout(Duration::ZERO);
    let error = store.metrics().call_rates(&late, &query(at, &["shop"])).await.expect_err("too late");
    assert_eq!(error.kind, ReadErrorKind::DeadlineExceeded, "{error}");
}

//! Claims about searches by service, operation, time and duration, about order, limit and wholeness.

use std::time::Duration;

use spoor_model::{TimeRange, TraceId, TraceQuery, UnixNanos, ValueView};

use super::{Fixture, Sample, found, search, some_minutes_ago, store_samples, trace_id};

const MILLISECOND: Duration = Duration::from_millis(1);

/// A search of service `shop` from an hour before to an hour after `around`, for up to 100 traces.
#[must_use]
pub fn query(around: UnixNanos) -> TraceQuery {
    let hour = Duration::from_secs(3_600);
    TraceQuery {
        service: Some("shop".to_owned()),
        operation: None,
        tags: Vec::new(),
        start: TimeRange { start: around.saturating_sub(hour), end: around.saturating_add(hour) },
        duration_min: None,
        duration_max: None,
        limit: 100,
        enough_spans: usize::MAX,
        filter: None,
    }
}

/// The traces that a search finds, sorted by id.
pub(super) async fn found_in_any_order(store: &dyn Fixture, query: &TraceQuery) -> Vec<TraceId> {
    let mut ids = found(store, query).await;
    ids.sort();
    ids
}

/// The service's name is compared exactly.
pub async fn a_service_finds_its_traces_only(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let of = |id, service| Sample { service, ..Sample::new(trace_id(id), 1, base) };
    let samples =
        [of(1, "shop"), of(2, "shop-eu"), of(3, "Shop"), of(4, "dépôt été"), of(5, "shop"), of(6, "a shop")];
    store_samples(store, &samples).await;
    assert_eq!(found_in_any_order(store, &query(base)).await, [trace_id(1), trace_id(5)]);
    let unicode = TraceQuery { service: Some("dépôt été".to_owned()), ..query(base) };
    assert_eq!(found(store, &unicode).await, [trace_id(4)]);
    let unknown = TraceQuery { service: Some("eu".to_owned()), ..query(base) };
    assert_eq!(found(store, &unknown).await, []);
}

/// The operation's name is compared as a whole, case and all.
pub async fn an_operation_is_compared_exactly(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let of = |id, name| Sample { name, ..Sample::new(trace_id(id), 1, base) };
    let samples =
        [of(1, "GET /cart"), of(2, "GET /cart/{id}"), of(3, "get /cart"), of(4, "GET"), of(5, "a*")];
    store_samples(store, &samples).await;
    let named = |name: &str| TraceQuery { operation: Some(name.to_owned()), ..query(base) };
    assert_eq!(found(store, &named("GET /cart")).await, [trace_id(1)]);
    assert_eq!(found(store, &named("GET")).await, [trace_id(4)]);
    assert_eq!(found(store, &named("a*")).await, [trace_id(5)]);
    assert_eq!(found(store, &named("GET .*")).await, []);
}

/// A duration equal to a bound is within it.
pub async fn durations_are_inclusive_at_both_ends(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let of =
        |id, micros| Sample { duration: Duration::from_micros(micros), ..Sample::new(trace_id(id), 1, base) };
    store_samples(store, &[of(1, 999), of(2, 1_000), of(3, 2_000), of(4, 2_001)]).await;
    let between = |min: Option<u64>, max: Option<u64>| TraceQuery {
        duration_min: min.map(Duration::from_micros),
        duration_max: max.map(Duration::from_micros),
        ..query(base)
    };
    let both = found_in_any_order(store, &between(Some(1_000), Some(2_000))).await;
    assert_eq!(both, [trace_id(2), trace_id(3)]);
    let least = found_in_any_order(store, &between(Some(2_000), None)).await;
    assert_eq!(least, [trace_id(3), trace_id(4)]);
    let most = found_in_any_order(store, &between(None, Some(1_000))).await;
    assert_eq!(most, [trace_id(1), trace_id(2)]);
    assert_eq!(found(store, &between(Some(3_000), None)).await, []);
}

/// A span of 30 hours is found by a minimum of one.
pub async fn a_minimum_duration_alone_sets_no_maximum(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let long = Sample { duration: hours(30), ..Sample::new(trace_id(1), 1, base) };
    store_samples(store, &[long, Sample::new(trace_id(2), 1, base)]).await;
    let query = TraceQuery { duration_min: Some(hours(1)), ..query(base) };
    assert_eq!(found(store, &query).await, [trace_id(1)]);
}

/// A span that starts at either end of the range is within it, one a millisecond outside is not.
pub async fn the_time_range_is_inclusive_at_both_ends(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let end = base.saturating_add(Duration::from_secs(10));
    let samples = [
        Sample::new(trace_id(1), 1, base.saturating_sub(MILLISECOND)),
        Sample::new(trace_id(2), 1, base),
        Sample::new(trace_id(3), 1, end),
        Sample::new(trace_id(4), 1, end.saturating_add(MILLISECOND)),
    ];
    store_samples(store, &samples).await;
    let range = |start, end| TraceQuery { start: TimeRange { start, end }, ..query(base) };
    assert_eq!(found(store, &range(base, end)).await, [trace_id(3), trace_id(2)]);
    assert_eq!(found(store, &range(base, base)).await, [trace_id(2)]);
}

/// Of 30 traces, written in no order, the newest 7, the newest first.
pub async fn the_limit_keeps_the_newest_traces_newest_first(store: &dyn Fixture) {
    const TRACES: u64 = 30;
    let base = some_minutes_ago();
    let samples: Vec<_> = (0..TRACES)
        .map(|number| number * 7 % TRACES)
        .map(|age| Sample::new(trace_id(age), 1, base.saturating_sub(Duration::from_secs(age))))
        .collect();
    store_samples(store, &samples).await;
    for limit in [1, 7, 30, 100] {
        let expected: Vec<_> = (0..TRACES).take(limit).map(trace_id).collect();
        assert_eq!(found(store, &TraceQuery { limit, ..query(base) }).await, expected, "limit {limit}");
    }
}

/// What counts is the latest start among the spans that match, not among all spans of the trace.
pub async fn newest_means_the_latest_matching_span(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let at = |trace, span, seconds, name| Sample {
        name,
        ..Sample::new(trace_id(trace), span, base.saturating_add(Duration::from_secs(seconds)))
    };
    let samples = [
        at(1, 1, 1, "wanted"),
        at(1, 2, 90, "other"),
        at(2, 1, 2, "wanted"),
        at(2, 2, 0, "wanted"),
        at(3, 1, 0, "wanted"),
        at(3, 2, 3, "wanted"),
    ];
    store_samples(store, &samples).await;
    let wanted = TraceQuery { operation: Some("wanted".to_owned()), ..query(base) };
    assert_eq!(found(store, &wanted).await, [trace_id(3), trace_id(2), trace_id(1)]);
    assert_eq!(found(store, &TraceQuery { limit: 2, ..wanted }).await, [trace_id(3), trace_id(2)]);
}

/// One span matches; the answer has the trace's spans of other services and of times outside the range as well.
pub async fn a_found_trace_comes_whole(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let samples = [
        Sample::new(trace_id(1), 1, base),
        Sample { parent: 1, service: "stock", name: "reserve", ..Sample::new(trace_id(1), 2, base) },
        Sample { parent: 2, ..Sample::new(trace_id(1), 3, base.saturating_sub(Duration::from_secs(1_800))) },
        Sample { parent: 1, ..Sample::new(trace_id(1), 4, base.saturating_add(Duration::from_secs(300))) },
        Sample { service: "stock", ..Sample::new(trace_id(2), 5, base) },
    ];
    for sample in samples {
        store_samples(store, &[sample]).await;
    }
    let narrow = TraceQuery {
        start: TimeRange { start: base, end: base.saturating_add(MILLISECOND) },
        limit: 1,
        ..query(base)
    };
    let traces = search(store, &narrow).await;
    assert_eq!(traces.len(), 1);
    let mut ids: Vec<u64> = traces[0].spans.iter().map(|span| span.span_id.0).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4]);
}

/// One span has the operation, another the tag, a third the duration: the trace does not match.
pub async fn spans_do_not_match_together_what_none_matches_alone(store: &dyn Fixture) {
    let base = some_minutes_ago();
    let tag = ("color", ValueView::Str("red"));
    let slow = Duration::from_secs(2);
    let partial = [
        Sample { name: "paint", ..Sample::new(trace_id(1), 1, base) },
        Sample { attributes: vec![tag], ..Sample::new(trace_id(1), 2, base) },
        Sample { duration: slow, ..Sample::new(trace_id(1), 3, base) },
        Sample { service: "stock", name: "paint", ..Sample::new(trace_id(1), 4, base) },
    ];
    let whole = Sample { name: "paint", attributes: vec![tag], duration: slow, ..partial[0].clone() };
    let whole = Sample { trace_id: trace_id(2), ..whole };
    store_samples(store, &partial).await;
    store_samples(store, &[whole]).await;
    let all = TraceQuery {
        operation: Some("paint".to_owned()),
        tags: vec![("color".to_owned(), "red".to_owned())],
        duration_min: Some(Duration::from_secs(1)),
        ..query(base)
    };
    assert_eq!(found(store, &all).await, [trace_id(2)]);
    let two = TraceQuery { duration_min: None, ..all };
    assert_eq!(found(store, &two).await, [trace_id(2)]);
}

/// A store that says it can searches all services, with all other conditions.
pub async fn without_a_service_all_are_searched_where_the_store_can(store: &dyn Fixture) {
    if !store.reader().capabilities().search_without_service {
        return;
    }
    let base = some_minutes_ago();
    let samples = [
        Sample::new(trace_id(1), 1, base),
        Sample { service: "stock", ..Sample::new(trace_id(2), 1, base.saturating_add(MILLISECOND)) },
        Sample { service: "cart", name: "other", ..Sample::new(trace_id(3), 1, base) },
    ];
    store_samples(store, &samples).await;
    let any = TraceQuery { service: None, operation: Some("GET /cart".to_owned()), ..query(base) };
    assert_eq!(found(store, &any).await, [trace_id(2), trace_id(1)]);
}

/// Ten traces with interleaved times, written interleaved: each comes in one piece, its spans ordered.
pub async fn traces_are_never_mixed_in_the_stream(store: &dyn Fixture) {
    let base = some_minutes_ago();
    for round in 0..20 {
        let samples: Vec<_> = (0..10)
            .map(|trace| {
                let start = base.saturating_add(Duration::from_micros(round * 10 + trace));
                Sample::new(trace_id(trace), round + 1, start)
            })
            .collect();
        store_samples(store, &samples).await;
    }
    // The shape of the stream is asserted while it is read.
    let traces = search(store, &query(base)).await;
    let newest_first: Vec<_> = (0..10).rev().map(trace_id).collect();
    assert_eq!(traces.iter().map(|trace| trace.trace_id).collect::<Vec<_>>(), newest_first);
    for trace in traces {
        assert!(trace.spans.iter().map(|span| span.span_id.0).eq(1..=20), "trace {}", trace.trace_id);
    }
}

/// Two traces of 3,000 spans: of each come at least as many as are enough, the earliest ones, and then the next trace.
pub async fn of_a_large_trace_enough_spans_come(store: &dyn Fixture) {
    let base = some_minutes_ago();
    for trace in 1..=2 {
        let samples: Vec<_> = (1..=3_000)
            .map(|id| {
                let start = base.saturating_add(Duration::from_micros(id * 10 + trace));
                Sample::new(trace_id(trace), id, start)
            })
            .collect();
        store_samples(store, &samples).await;
    }
    for enough in [1, 700, 2_999, 3_000, usize::MAX] {
        let traces = search(store, &TraceQuery { enough_spans: enough, ..query(base) }).await;
        let ids: Vec<_> = traces.iter().map(|trace| trace.trace_id).collect();
        assert_eq!(ids, [trace_id(2), trace_id(1)], "enough: {enough}");
        for trace in traces {
            let spans: Vec<u64> = trace.spans.iter().map(|span| span.span_id.0).collect();
            assert!(spans.len() >= enough.min(3_000), "{} spans where {enough} are enough", spans.len());
            assert!(spans.iter().copied().eq(1..=spans.len() as u64), "not the earliest ones");
        }
    }
}

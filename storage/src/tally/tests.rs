//! Claims about steps and what is computed from counts.

use spoor_model::SpanMetricsQuery;

use super::*;

fn query(start: u64, end: u64, step: u64, rate_per: u64) -> SpanMetricsQuery {
    SpanMetricsQuery {
        services: vec!["shop".to_owned()],
        kinds: Vec::new(),
        by_operation: false,
        range: TimeRange { start: UnixNanos::from_millis(start), end: UnixNanos::from_millis(end) },
        step: Duration::from_millis(step),
        rate_per: Duration::from_millis(rate_per),
    }
}

fn values(series: &[MetricSeries]) -> Vec<(u64, Option<f64>)> {
    assert_eq!(series.len(), 1);
    series[0].points.iter().map(|point| (point.time.millis(), point.value)).collect()
}

#[test]
fn points_lie_at_multiples_of_the_step_and_spans_before_them() {
    let steps = Steps::of(&query(10_500, 13_999, 1_000, 2_500)).unwrap();
    assert_eq!(steps, Steps { first: 10_000, step: 1_000, points: 4, window: 3 });
    assert_eq!(
        steps.of_rates(),
        TimeRange { start: UnixNanos::from_millis(7_000), end: UnixNanos(13_000_000_000 - 1) }
    );
    assert_eq!(steps.of_latencies().start, UnixNanos::from_millis(9_000));
    assert_eq!(steps.beginning(UnixNanos::from_micros(9_999_999)), 9_000);
}

#[test]
fn a_question_without_an_answer_says_why() {
    let refused = |query: SpanMetricsQuery| Steps::of(&query).unwrap_err().to_string();
    assert!(refused(query(5, 4, 1, 1)).contains("ends before"));
    assert!(refused(query(0, 1, 0, 1)).contains("a step of 0ns"));
    assert!(refused(query(0, 11_000, 1, 1)).contains("11001 steps of 1ms are asked for; the most are 11000"));
    assert!(refused(query(0, 1, 1, 11_001)).contains("11001 steps"));
    assert!(refused(SpanMetricsQuery { services: Vec::new(), ..query(0, 1, 1, 1) }).contains("no service"));
    let odd = SpanMetricsQuery { step: Duration::from_micros(1_500), ..query(0, 1, 1, 1) };
    assert!(refused(odd).contains("whole number of milliseconds"));
    Steps::of(&query(0, 10_999, 1, 11_000)).unwrap();
}

#[test]
fn a_rate_is_taken_over_the_whole_window_before_its_point() {
    let steps = Steps::of(&query(10_000, 13_000, 1_000, 2_000)).unwrap();
    let counted = || {
        let mut tally = Tally::<Count>::new(steps);
        let key = || ("shop".to_owned(), None);
        *tally.cell(key(), 8_000).unwrap() = Count { calls: 1, errors: 0 };
        *tally.cell(key(), 10_000).unwrap() = Count { calls: 3, errors: 1 };
        // Behind the last point.
        *tally.cell(key(), 13_000).unwrap() = Count { calls: 100, errors: 100 };
        tally
    };
    let at = |values: [Option<f64>; 4]| {
        [10_000, 11_000, 12_000, 13_000].into_iter().zip(values).collect::<Vec<_>>()
    };
    assert_eq!(values(&counted().call_rates()), at([Some(0.5), Some(1.5), Some(1.5), Some(0.0)]));
    let third = Some(1.0 / 3.0);
    assert_eq!(values(&counted().error_rates()), at([Some(0.0), third, third, None]));
}

#[test]
fn a_latency_stands_at_the_end_of_its_step() {
    let steps = Steps::of(&query(1_000, 2_000, 1_000, 1)).unwrap();
    let mut tally = Tally::<Option<f64>>::new(steps);
    *tally.cell(("shop".to_owned(), None), 0).unwrap() = Some(7.5);
    assert_eq!(values(&tally.latencies()), [(1_000, Some(7.5)), (2_000, None)]);
}

#[test]
fn an_answer_has_a_most_cells() {
    let steps = Steps::of(&query(0, 1, 1, 1)).unwrap();
    let mut tally = Tally::<Count>::new(steps);
    for beginning in 0..MOST_CELLS as u64 {
        tally.cell(("shop".to_owned(), None), beginning).unwrap();
    }
    tally.cell(("shop".to_owned(), None), 5).unwrap();
    assert!(tally.cell(("shop".to_owned(), Some("more".to_owned())), 0).is_err());
}

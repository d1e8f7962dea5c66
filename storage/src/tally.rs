//! From counts of spans to the series of [`crate::MetricsReader`]: the steps of a question, and what stores add up in them.

use std::collections::BTreeMap;
use std::time::Duration;

use spoor_model::{MetricPoint, MetricSeries, SpanMetricsQuery, TimeRange, UnixNanos};

/// The most points of one series, and the most steps over which a rate is taken; Prometheus has the same bound on points.
const MOST_STEPS: u64 = 11_000;
/// The most steps with spans in them, over all series of an answer.
const MOST_CELLS: usize = 500_000;

/// The shortest step: documents carry the start of a span in milliseconds.
pub const MIN_STEP: Duration = Duration::from_millis(1);

/// A question about metrics that is not answered, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswerable(String);

/// The points of a question, and which spans each is about. Moments are in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// The first point.
    pub first: u64,
    /// Between two points.
    pub step: u64,
    /// How many points.
    pub points: u64,
    /// Steps over which a rate is taken.
    pub window: u64,
}

impl Steps {
    /// Reads a question.
    ///
    /// # Errors
    /// [`Unanswerable`] for what makes no sense, or too many points.
    pub fn of(query: &SpanMetricsQuery) -> Result<Self, Unanswerable> {
        let refused = |what: String| Err(Unanswerable(what));
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let step = millis(query.step);
        if query.services.is_empty() {
            return refused("no service is named".to_owned());
        }
        if query.step < MIN_STEP || !query.step.as_nanos().is_multiple_of(MIN_STEP.as_nanos()) {
            return refused(format!("a step of {:?} is not a whole number of milliseconds", query.step));
        }
        let (start, end) = (query.range.start.millis(), query.range.end.millis());
        if end < start {
            return refused("the range ends before it starts".to_owned());
        }
        let first = start - start % step;
        let points = (end - first) / step + 1;
        let window = millis(query.rate_per).div_ceil(step).max(1);
        if points > MOST_STEPS || window > MOST_STEPS {
            return refused(format!(
                "{} steps of {:?} are asked for; the most are {MOST_STEPS}: take a longer step or a shorter time (step, lookback, ratePer)",
                points.max(window),
                query.step
            ));
        }
        Ok(Self { first, step, points, window })
    }

    /// The starts of all spans that a rate is about, both ends included.
    #[must_use]
    pub fn of_rates(&self) -> TimeRange {
        self.before_points(self.window)
    }

    /// The starts of all spans that a latency is about, both ends included.
    #[must_use]
    pub fn of_latencies(&self) -> TimeRange {
        self.before_points(1)
    }

    fn before_points(&self, steps: u64) -> TimeRange {
        let end = self.first.saturating_add((self.points - 1) * self.step);
        TimeRange {
            start: UnixNanos::from_millis(self.first.saturating_sub(steps * self.step)),
            end: UnixNanos(UnixNanos::from_millis(end).0.saturating_sub(1)),
        }
    }

    /// The beginning of the step in which a span started.
    #[must_use]
    pub fn beginning(&self, start: UnixNanos) -> u64 {
        start.millis() - start.millis() % self.step
    }

    fn points(self) -> impl Iterator<Item = u64> {
        (0..self.points).map(move |point| self.first + point * self.step)
    }
}

/// Whose series it is: service, and operation where the question is by operation. Sorted as answers are.
pub type SeriesKey = (String, Option<String>);

/// Spans that started in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
}

/// What is known of each series in each step that had spans: counts, or latencies.
#[derive(Debug)]
pub struct Tally<Cell> {
    steps: Steps,
    series: BTreeMap<SeriesKey, BTreeMap<u64, Cell>>,
    cells: usize,
}

impl<Cell: Default> Tally<Cell> {
    /// Nothing yet.
    #[must_use]
    pub fn new(steps: Steps) -> Self {
        Self { steps, series: BTreeMap::new(), cells: 0 }
    }

    /// The cell of a series and of the step that begins at that millisecond.
    ///
    /// # Errors
    /// [`Unanswerable`] when there would be more cells than are held at once.
    pub fn cell(&mut self, series: SeriesKey, beginning: u64) -> Result<&mut Cell, Unanswerable> {
        let cells = self.series.entry(series).or_default();
        if !cells.contains_key(&beginning) {
            self.cells += 1;
            if self.cells > MOST_CELLS {
                return Err(Unanswerable(format!(
                    "the answer has more than {MOST_CELLS} steps with spans in all its series; ask for a longer step, a shorter time or fewer services"
                )));
            }
        }
        Ok(cells.entry(beginning).or_default())
    }

    /// The same series and steps with other cells.
    #[must_use]
    pub fn map<Other>(self, change: impl Fn(Cell) -> Other) -> Tally<Other> {
        let change_all =
            |cells: BTreeMap<u64, Cell>| cells.into_iter().map(|(at, cell)| (at, change(cell))).collect();
        let series = self.series.into_iter().map(|(key, cells)| (key, change_all(cells))).collect();
        Tally { steps: self.steps, series, cells: self.cells }
    }

    fn into_series(self, value: impl Fn(&BTreeMap<u64, Cell>, u64) -> Option<f64>) -> Vec<MetricSeries> {
        let steps = self.steps;
        let with_points = |((service, operation), cells): (SeriesKey, BTreeMap<u64, Cell>)| MetricSeries {
            service,
            operation,
            points: steps
                .points()
                .map(|at| MetricPoint { time: UnixNanos::from_millis(at), value: value(&cells, at) })
                .collect(),
        };
        self.series.into_iter().map(with_points).collect()
    }
}

impl Tally<Count> {
    /// Spans per second.
    #[must_use]
    pub fn call_rates(self) -> Vec<MetricSeries> {
        let steps = self.steps;
        let seconds = as_f64(steps.window * steps.step) / 1_000.0;
        self.into_series(|cells, at| Some(as_f64(steps.sum_before(cells, at).calls) / seconds))
    }

    /// The share of spans that failed.
    #[must_use]
    pub fn error_rates(self) -> Vec<MetricSeries> {
        let steps = self.steps;
        self.into_series(|cells, at| {
            let Count { calls, errors } = steps.sum_before(cells, at);
            (calls > 0).then(|| as_f64(errors) / as_f64(calls))
        })
    }
}

impl Tally<Option<f64>> {
    /// The values as they are, each at the point that ends its step.
    #[must_use]
    pub fn latencies(self) -> Vec<MetricSeries> {
        let step = self.steps.step;
        self.into_series(|cells, at| {
            at.checked_sub(step).and_then(|beginning| cells.get(&beginning).copied().flatten())
        })
    }
}

impl Steps {
    fn sum_before(&self, cells: &BTreeMap<u64, Count>, at: u64) -> Count {
        let from = at.saturating_sub(self.window * self.step);
        cells.range(from..at).fold(Count::default(), |sum, (_, cell)| Count {
            calls: sum.calls + cell.calls,
            errors: sum.errors + cell.errors,
        })
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is a rounded number; counts and spans of time stay far below 2^53"
)]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;

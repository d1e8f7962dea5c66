//! The algorithm: from traffic and the probabilities in force to new ones. Pure; the time comes from outside.
//! Facts: `jaegertracing/jaeger plugin/sampling/strategyprovider/adaptive/{post_aggregator,weightvectorcache}.go`.
//!
//! Unlike there, a probability is judged only by traffic of clients that have heard of it: what they sampled before shows too much or
//! too little, and an answer to that overshoots. For the same reason the first bucket of an operation, which is not whole, judges nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use spoor_model::{ByOperation, Throughput, UnixNanos};

/// Rates and probabilities closer than this are the same.
const EPSILON: f64 = 1e-10;
/// How much a probability may grow in a round: traffic that comes back must not flood the store.
const FASTEST_RISE: f64 = 2.0;

/// Something of each operation of each service.
pub(super) type OfOperations<V> = BTreeMap<String, BTreeMap<String, V>>;

/// What is to be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// Sampled traces of an operation, a second.
    pub(super) target: f64,
    /// The part of the target within which a rate is good.
    pub(super) tolerance: f64,
    /// How many buckets count.
    pub(super) buckets: usize,
    /// The probability of operations that are new.
    pub(super) initial: f64,
    /// No probability is lower.
    pub(super) lowest: f64,
    /// How long until all clients follow a probability, and all collectors have stored what came before.
    pub(super) settling: Duration,
}

/// What all collectors saw of an operation in a bucket.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    count: u64,
    probabilities: BTreeSet<String>,
}

/// Traffic of one stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bucket {
    start: UnixNanos,
    length: Duration,
    seen: OfOperations<Seen>,
}

impl Bucket {
    /// Adds up what collectors saw after `start` and until `end`.
    pub(super) fn of(start: UnixNanos, end: UnixNanos, throughput: Vec<Throughput>) -> Self {
        let mut seen: OfOperations<Seen> = BTreeMap::new();
        for Throughput { service, operation, count, probabilities } in throughput {
            let sum = seen.entry(service).or_default().entry(operation).or_default();
            sum.count = sum.count.saturating_add(count);
            sum.probabilities.extend(probabilities);
        }
        Self { start, length: end.since(start), seen }
    }

    /// As if it had been that much earlier.
    pub(super) fn put_back(&mut self, by: Duration) {
        self.start = self.start.saturating_sub(by);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Sampled traces a second.
    #[expect(clippy::cast_precision_loss, reason = "no count of traces comes near 2^53")]
    fn rate(&self, seen: &Seen) -> f64 {
        seen.count as f64 / self.length.as_secs_f64()
    }
}

/// What a round found of an operation, for the next round to remember.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Followed {
    /// The probability that was in force.
    probability: f64,
    /// Whether its clients sampled by it.
    follows: bool,
    /// Buckets that start earlier say nothing of the one that came out.
    judged_from: UnixNanos,
}

/// What a round leads to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Outcome {
    /// To be in force from now on.
    pub(super) probabilities: ByOperation,
    /// Weighted rates, the latest known.
    pub(super) rates: ByOperation,
    pub(super) followed: OfOperations<Followed>,
}

/// One round, at `now`. `issued` is in force, `before` is what the last round found. Operations that are in no bucket are forgotten.
pub(super) fn calculate(
    goal: &Goal,
    newest_first: &VecDeque<Bucket>,
    issued: &ByOperation,
    before: &OfOperations<Followed>,
    now: UnixNanos,
) -> Outcome {
    let mut outcome = Outcome::default();
    for (service, operations) in rates(newest_first) {
        for (operation, rates) in operations {
            let newest = newest_first.front().and_then(|bucket| at(&bucket.seen, &service, &operation));
            let (issued, before) = (at(issued, &service, &operation), at(before, &service, &operation));
            let (next, found) = judge(goal, &rates, newest, issued.copied(), before, now);
            let latest: Vec<f64> = rates.iter().take(goal.buckets).map(|(_, rate)| *rate).collect();
            put(&mut outcome.rates, &service, &operation, weighted(&latest).unwrap_or_default());
            put(&mut outcome.probabilities, &service, &operation, next);
            put(&mut outcome.followed, &service, &operation, found);
        }
    }
    outcome
}

/// The next probability of an operation, and what is to be remembered.
fn judge(
    goal: &Goal,
    rates: &[(UnixNanos, f64)],
    newest: Option<&Seen>,
    issued: Option<f64>,
    before: Option<&Followed>,
    now: UnixNanos,
) -> (f64, Followed) {
    let probability = issued.unwrap_or(goal.initial);
    let settled = now.saturating_add(goal.settling);
    let judged_from = match (issued, before) {
        (None, _) => rates.first().map_or(settled, |(start, _)| UnixNanos(start.0.saturating_add(1))),
        (Some(_), Some(before)) => before.judged_from,
        // Issued by the leader before us: nobody knows when.
        (Some(_), None) => settled,
    };
    let telling = rates.iter().filter(|(start, _)| *start >= judged_from).map(|(_, rate)| *rate);
    let telling: Vec<f64> = telling.take(goal.buckets).collect();
    let follows = follows(goal, probability, newest, before);
    let next = match weighted(&telling) {
        Some(rate) if follows && !is_good(goal, rate) => next(goal, probability, rate),
        _ => probability,
    };
    let judged_from = if next.total_cmp(&probability).is_eq() { judged_from } else { settled };
    (next, Followed { probability, follows, judged_from })
}

/// Each operation's rates in the buckets that it is in, with their starts, newest first.
fn rates(newest_first: &VecDeque<Bucket>) -> OfOperations<Vec<(UnixNanos, f64)>> {
    let mut all: OfOperations<Vec<(UnixNanos, f64)>> = BTreeMap::new();
    for bucket in newest_first {
        for (service, operations) in &bucket.seen {
            for (operation, seen) in operations {
                let rates = all.entry(service.clone()).or_default().entry(operation.clone()).or_default();
                rates.push((bucket.start, bucket.rate(seen)));
            }
        }
    }
    all
}

/// The newest of n counts n⁴ times, the oldest once; nothing of none.
fn weighted(newest_first: &[f64]) -> Option<f64> {
    let places = (1..=newest_first.len()).rev();
    let weights = || places.clone().map(|place| u32::try_from(place).map_or(0.0, f64::from).powi(4));
    let sum: f64 = weights().sum();
    let mean = newest_first.iter().zip(weights()).map(|(rate, weight)| rate * weight / sum).sum();
    (!newest_first.is_empty()).then_some(mean)
}

/// Whether clients sample by what they are told: they send the probability back. A new operation is taken to; one that was not heard of
/// lately is taken to if it did before.
fn follows(goal: &Goal, probability: f64, newest: Option<&Seen>, before: Option<&Followed>) -> bool {
    let is_initial = |probability: f64| (probability - goal.initial).abs() < EPSILON;
    match (newest, before) {
        _ if is_initial(probability) => true,
        (Some(seen), _) => seen.probabilities.contains(&text_of(probability)),
        (None, Some(before)) => before.follows && !is_initial(before.probability),
        (None, None) => false,
    }
}

/// Six decimals, by which probabilities are compared.
pub(super) fn text_of(probability: f64) -> String {
    format!("{probability:.6}")
}

fn is_good(goal: &Goal, rate: f64) -> bool {
    (rate - goal.target).abs() / goal.target < goal.tolerance
}

fn next(goal: &Goal, probability: f64, rate: f64) -> f64 {
    let factor = if rate < EPSILON { FASTEST_RISE } else { goal.target / rate };
    (probability * factor.min(FASTEST_RISE)).max(goal.lowest).min(1.0)
}

fn at<'a, V>(all: &'a OfOperations<V>, service: &str, operation: &str) -> Option<&'a V> {
    all.get(service)?.get(operation)
}

fn put<V>(all: &mut OfOperations<V>, service: &str, operation: &str, value: V) {
    match all.get_mut(service) {
        Some(operations) => drop(operations.insert(operation.to_owned(), value)),
        None => drop(all.insert(service.to_owned(), BTreeMap::from([(operation.to_owned(), value)]))),
    }
}

#[cfg(test)]
mod tests;

//! One stream's counts, merged into the report at the end: the streams share no lock while they send.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::Outcome;
use super::report::{Latency, Report, SentRequest, Share};
use super::stream::Delivery;
use crate::Request;

/// Latencies kept exactly by one stream; beyond this, a random sample of that size stands for all.
const LATENCIES: usize = 500_000;
/// Different messages kept; the others are counted together.
const MESSAGES: usize = 20;
const OTHER_MESSAGES: &str = "(other messages)";

/// Counts under way.
#[derive(Debug)]
pub(crate) struct Tally {
    report: Report,
    record: bool,
    /// In µs, of acknowledged requests.
    latencies: Vec<u32>,
    rng: fastrand::Rng,
}

impl Tally {
    /// Nothing counted; `record` keeps each request's ids.
    pub(crate) fn new(record: bool, seed: u64) -> Self {
        Self { report: Report::default(), record, latencies: Vec::new(), rng: fastrand::Rng::with_seed(seed) }
    }

    /// Counts one request.
    pub(crate) fn count(&mut self, request: Request, delivery: Delivery) {
        let spans = request.spans.len() as u64;
        let report = &mut self.report;
        report.sent.add(spans);
        report.attempts += u64::from(delivery.attempts);
        match &delivery.outcome {
            Outcome::Acknowledged => report.acknowledged.add(spans),
            Outcome::Partial { rejected } => {
                report.acknowledged.add(spans - rejected);
                report.rejected.add(*rejected);
            }
            Outcome::Refused { reason } => {
                report.refused.add(spans);
                *report.reasons.entry(reason.clone()).or_default() += 1;
            }
            Outcome::Unknown { reason } => {
                report.unknown.add(spans);
                *report.reasons.entry(reason.clone()).or_default() += 1;
            }
        }
        if !delivery.message.is_empty() {
            count_message(&mut report.messages, delivery.message, 1);
        }
        if matches!(delivery.outcome, Outcome::Acknowledged | Outcome::Partial { .. }) {
            self.sample(delivery.latency);
        }
        if self.record {
            self.report.requests.push(SentRequest { spans: request.spans, outcome: delivery.outcome });
        }
    }

    /// Reservoir sampling: every latency has the same chance to be among those kept.
    fn sample(&mut self, latency: Duration) {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        self.report.latency.max_us = self.report.latency.max_us.max(micros);
        if self.latencies.len() < LATENCIES {
            self.latencies.push(micros);
        } else if let Some(kept) = self.rng.u64(0..self.report.acknowledged.requests).try_into().ok()
            && let Some(slot) = self.latencies.get_mut::<usize>(kept)
        {
            *slot = micros;
        }
    }

    /// Adds another stream's counts.
    pub(crate) fn merge(&mut self, other: Self) {
        let (into, from) = (&mut self.report, other.report);
        into.sent.merge(from.sent);
        into.acknowledged.merge(from.acknowledged);
        into.rejected.merge(from.rejected);
        into.refused.merge(from.refused);
        into.unknown.merge(from.unknown);
        into.attempts += from.attempts;
        into.latency.max_us = into.latency.max_us.max(from.latency.max_us);
        for (reason, count) in from.reasons {
            *into.reasons.entry(reason).or_default() += count;
        }
        for (message, count) in from.messages {
            count_message(&mut into.messages, message, count);
        }
        into.requests.extend(from.requests);
        self.latencies.extend(other.latencies);
    }

    /// The report over all that was counted.
    pub(crate) fn into_report(mut self, streams: u32, elapsed: Duration) -> Report {
        self.latencies.sort_unstable();
        let max_us = self.report.latency.max_us;
        let at = |per_thousand| percentile(&self.latencies, per_thousand);
        let latency = Latency { p50_us: at(500), p90_us: at(900), p99_us: at(990), max_us };
        Report {
            streams,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            latency,
            ..self.report
        }
    }
}

impl Share {
    fn add(&mut self, spans: u64) {
        self.requests += 1;
        self.spans += spans;
    }

    fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.spans += other.spans;
    }
}

fn count_message(messages: &mut BTreeMap<String, u64>, message: String, count: u64) {
    let known = messages.contains_key(&message) || messages.len() < MESSAGES;
    let key = if known { message } else { OTHER_MESSAGES.to_owned() };
    *messages.entry(key).or_default() += count;
}

/// The smallest value that at least `per_thousand` thousandths of `sorted` do not exceed (nearest rank); zero of none.
fn percentile(sorted: &[u32], per_thousand: usize) -> u32 {
    let rank = (sorted.len() * per_thousand).div_ceil(1000);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!((percentile(&hundred, 500), percentile(&hundred, 990)), (50, 99));
        assert_eq!((percentile(&[7], 500), percentile(&[7], 990)), (7, 7));
        assert_eq!(percentile(&[], 500), 0);
    }

    #[test]
    fn keeps_a_bounded_number_of_latencies_and_messages() {
        let mut tally = Tally::new(false, 1);
        for number in 0..LATENCIES + 10 {
            tally.report.acknowledged.requests += 1;
            tally.sample(Duration::from_micros(number as u64));
        }
        assert_eq!(tally.latencies.len(), LATENCIES);
        let mut messages = BTreeMap::new();
        for number in 0..100 {
            count_message(&mut messages, format!("message {number}"), 1);
        }
        assert_eq!((messages.len(), messages[OTHER_MESSAGES]), (MESSAGES + 1, 80));
    }
}

//! The report: what was sent and what became of it, for programs (serde) and for people (`Display`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::answer::Outcome;
use crate::SpanKey;

/// What one run came to. The spans add up: sent = acknowledged + rejected + refused + unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Streams that sent.
    pub streams: u32,
    /// From the first request to the last answer, in ms.
    pub elapsed_ms: u64,
    /// Requests with all their spans, each counted once however often it was repeated.
    pub sent: Share,
    /// Requests with a success, and the spans it covers.
    pub acknowledged: Share,
    /// Requests with a partial success (they count as acknowledged too), and the spans it left out.
    pub rejected: Share,
    /// Requests that ended in a refusal.
    pub refused: Share,
    /// Requests of which nobody knows whether they were stored: connection or deadline lost.
    pub unknown: Share,
    /// Times that a request was put on the wire; above `sent.requests` by the repetitions.
    pub attempts: u64,
    /// How often each reason ended a request: `grpc Unavailable`, `http 429`, `unreachable`, `connection lost` and the like.
    pub reasons: BTreeMap<String, u64>,
    /// How often each message came with an ending answer, partial successes included; at most 20 different ones and the rest together.
    pub messages: BTreeMap<String, u64>,
    /// How long the acknowledged requests took.
    pub latency: Latency,
    /// Every request with its outcome, when `SendConfig::record` asked for them; per stream in the order of sending.
    #[serde(skip)]
    pub requests: Vec<SentRequest>,
}

/// A part of the requests and of the spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Requests.
    pub requests: u64,
    /// Spans.
    pub spans: u64,
}

/// Times from sending a request to its success (the last attempt alone), in µs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half of the requests took at most this.
    pub p50_us: u32,
    /// 90 % took at most this.
    pub p90_us: u32,
    /// 99 % took at most this.
    pub p99_us: u32,
    /// The slowest.
    pub max_us: u32,
}

/// One request and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRequest {
    /// Its spans.
    pub spans: Arc<[SpanKey]>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Report {
    /// Spans acknowledged per second of the run.
    #[must_use]
    pub fn spans_per_second(&self) -> u64 {
        self.acknowledged.spans.saturating_mul(1_000) / self.elapsed_ms.max(1)
    }

    /// The spans of the requests that were acknowledged whole; empty unless recorded.
    pub fn acknowledged_keys(&self) -> impl Iterator<Item = SpanKey> {
        let whole = self.requests.iter().filter(|request| request.outcome == Outcome::Acknowledged);
        whole.flat_map(|request| request.spans.iter().copied())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = format!("{}.{:03} s", self.elapsed_ms / 1_000, self.elapsed_ms % 1_000);
        writeln!(f, "sent          {} by {} streams in {seconds}", self.sent, self.streams)?;
        writeln!(f, "acknowledged  {}, {} spans per second", self.acknowledged, self.spans_per_second())?;
        for (name, share) in
            [("rejected", self.rejected), ("refused", self.refused), ("unknown", self.unknown)]
        {
            if share.requests > 0 {
                writeln!(f, "{name:13} {share}")?;
            }
        }
        if self.attempts > self.sent.requests {
            writeln!(f, "repeated      {} times", self.attempts - self.sent.requests)?;
        }
        for (what, count) in self.reasons.iter().chain(&self.messages) {
            writeln!(f, "  {count} x {what}")?;
        }
        write!(f, "latency       {}", self.latency)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} spans in {} requests", self.spans, self.requests)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |micros: u32| format!("{}.{:01} ms", micros / 1_000, micros % 1_000 / 100);
        let (p50, p90, p99, max) = (ms(self.p50_us), ms(self.p90_us), ms(self.p99_us), ms(self.max_us));
        write!(f, "p50 {p50}, p90 {p90}, p99 {p99}, max {max}")
    }
}

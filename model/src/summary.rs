//! What a list shows of a trace: its root, when it was, how many spans of which services, and how many of them failed.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::jaeger::is_failed;
use crate::{SpanBatch, SpanId, SpanView, TraceId, UnixNanos};

/// A trace in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSummary {
    /// The trace.
    pub trace_id: TraceId,
    /// The earliest span without a parent; none when every span has one, as where the root has not come (yet).
    pub root: Option<RootSpan>,
    /// When its first span started; in whole µs, which is what every store knows of times.
    pub start: UnixNanos,
    /// When its last span ended: the latest sum of a start and a duration, both in whole µs.
    pub end: UnixNanos,
    /// Number of spans.
    pub spans: u64,
    /// How many of them failed: by their status, or by an attribute `error` that is true.
    pub failed_spans: u64,
    /// How many name a parent that is not among the trace's spans; `None` where the store does not tell, as a store that adds
    /// traces up by itself cannot.
    pub orphan_spans: Option<u64>,
    /// The services that took part, by name.
    pub services: Vec<ServiceSummary>,
}

/// The beginning of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSpan {
    /// Its service.
    pub service: String,
    /// Its name.
    pub operation: String,
}

/// A service's part in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSummary {
    /// The service.
    pub service: String,
    /// Number of its spans.
    pub spans: u64,
    /// How many of them failed.
    pub failed_spans: u64,
}

/// Sums up the spans of one trace, in whatever order they come. Holds no more of a span than its ids.
#[derive(Debug, Default)]
pub struct TraceSummaryBuilder {
    /// The earliest span without a parent so far.
    root: Option<((u64, SpanId), RootSpan)>,
    /// The trace, its start and its end in µs.
    span: Option<(TraceId, u64, u64)>,
    services: BTreeMap<String, (u64, u64)>,
    seen: HashSet<SpanId>,
    /// How many spans name each parent.
    children: HashMap<SpanId, u64>,
}

impl TraceSummaryBuilder {
    /// Adds spans.
    pub fn add(&mut self, batch: &SpanBatch) {
        batch.spans().for_each(|span| self.add_span(span));
    }

    fn add_span(&mut self, span: SpanView<'_>) {
        let micros = span.start().micros();
        let ended = micros + u64::try_from(span.duration().as_micros()).unwrap_or(u64::MAX - micros);
        let (trace_id, start, end) = self.span.get_or_insert_with(|| (span.trace_id(), micros, ended));
        debug_assert_eq!(*trace_id, span.trace_id(), "one trace is summed up at a time");
        *start = micros.min(*start);
        *end = ended.max(*end);
        let place = (micros, span.span_id());
        if span.parent_span_id().is_none() && self.root.as_ref().is_none_or(|(earliest, _)| place < *earliest)
        {
            let (service, operation) = (span.service().to_owned(), span.name().to_owned());
            self.root = Some((place, RootSpan { service, operation }));
        }
        self.seen.insert(span.span_id());
        if !span.parent_span_id().is_none() {
            *self.children.entry(span.parent_span_id()).or_default() += 1;
        }
        let failed = u64::from(is_failed(span));
        if let Some(counts) = self.services.get_mut(span.service()) {
            *counts = (counts.0 + 1, counts.1 + failed);
        } else {
            self.services.insert(span.service().to_owned(), (1, failed));
        }
    }

    /// The summary; none when no span came.
    #[must_use]
    pub fn finish(self) -> Option<TraceSummary> {
        let (trace_id, start, end) = self.span?;
        let services: Vec<ServiceSummary> = self
            .services
            .into_iter()
            .map(|(service, (spans, failed_spans))| ServiceSummary { service, spans, failed_spans })
            .collect();
        let orphans = self.children.iter().filter(|(parent, _)| !self.seen.contains(parent));
        Some(TraceSummary {
            trace_id,
            orphan_spans: Some(orphans.map(|(_, children)| children).sum()),
            root: self.root.map(|(_, root)| root),
            start: UnixNanos::from_micros(start),
            end: UnixNanos::from_micros(end),
            spans: services.iter().map(|service| service.spans).sum(),
            failed_spans: services.iter().map(|service| service.failed_spans).sum(),
            services,
        })
    }
}

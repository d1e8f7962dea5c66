//! What the query role counts. Names and labels of the first three are Jaeger v1's, so that dashboards and alerts keep working.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use spoor_tracer::{LatencyHistogram, OwnSpan, observe};

/// What was asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the label's values, as Jaeger spells them")]
pub(crate) enum Operation {
    /// A search.
    find_traces,
    /// A trace by its id.
    get_trace,
    /// The list of services.
    get_services,
    /// The list of a service's operations.
    get_operations,
    /// Who calls whom.
    get_dependencies,
    /// Where the traces of a search stand.
    find_trace_ids,
    /// Summaries of found traces.
    find_trace_summaries,
    /// Latencies of services.
    get_latencies,
    /// Call rates of services.
    get_call_rates,
    /// Error rates of services.
    get_error_rates,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    operation: Operation,
    result: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the label's values, as Jaeger spells them")]
enum Outcome {
    ok,
    err,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOperation {
    operation: Operation,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: Refusal,
}

/// Why a question was refused although it was a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the label's values")]
pub(crate) enum Refusal {
    /// `--query.max-concurrent-searches`.
    searches,
    /// `--query.max-bytes-in-flight`.
    bytes,
}

/// The role's metrics; clones count into the same ones.
#[derive(Clone)]
pub(crate) struct Metrics {
    requests: Family<ByResult, Counter>,
    latency: Family<ByResult, LatencyHistogram>,
    responses: Family<ByOperation, Histogram>,
    refused: Family<ByReason, Counter>,
    /// Answers cut or shortened by a limit.
    pub(crate) cut: Counter,
    /// Questions being worked on.
    pub(crate) running: Gauge,
}

impl Metrics {
    /// Registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let seconds = || {
            let ends = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
            LatencyHistogram::new(ends.into_iter())
        };
        let counts =
            || Histogram::new([0.0, 1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 10_000.0]);
        let metrics = Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(seconds),
            responses: Family::new_with_constructor(counts),
            refused: Family::default(),
            cut: Counter::default(),
            running: Gauge::default(),
        };
        registry.register("jaeger_query_requests", "Questions to the store", metrics.requests.clone());
        registry.register(
            "jaeger_query_latency",
            "Seconds that the store took to answer",
            metrics.latency.clone(),
        );
        registry.register(
            "jaeger_query_responses",
            "Traces or names in an answer of the store",
            metrics.responses.clone(),
        );
        registry.register(
            "spoor_query_refused",
            "Questions for traces refused for lack of room",
            metrics.refused.clone(),
        );
        registry.register(
            "spoor_query_cut_answers",
            "Answers cut by a limit, and saying so",
            metrics.cut.clone(),
        );
        registry.register("spoor_query_running", "Questions being worked on", metrics.running.clone());
        metrics
    }

    /// Counts an answer of the store: how many traces or names, or none when it failed. Its latency names the trace of `own_span` as an example.
    pub(crate) fn answered(
        &self,
        operation: Operation,
        responses: Option<usize>,
        took: Duration,
        own_span: &OwnSpan,
    ) {
        let result = if responses.is_some() { Outcome::ok } else { Outcome::err };
        let labels = ByResult { operation, result };
        self.requests.get_or_create(&labels).inc();
        observe(&self.latency.get_or_create(&labels), took, own_span);
        if let Some(responses) = responses {
            let responses = u32::try_from(responses).unwrap_or(u32::MAX);
            self.responses.get_or_create(&ByOperation { operation }).observe(f64::from(responses));
        }
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, reason: Refusal) {
        self.refused.get_or_create(&ByReason { reason }).inc();
    }
}
